"""Secrets taken out of all that leaves a step: what is stored, shown, told in events, and sent to a judge.

Each secret is looked for as it is, quoted for URLs, in base64 (also amid other text, as a password in Basic
authentication), in hex, as JSON, HTML and Python escape it, quoted or escaped twice, and by its beginning where a text
was cut. One of fewer than four characters would be found everywhere, so it is taken out where it is a whole value.
"""

import html
import json as stdlib_json
import re
from base64 import b64encode, urlsafe_b64encode
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any, AnyStr
from urllib.parse import quote, quote_plus

from infra import json
from workers.suites.base import Redaction

SHORTEST = 4
SHOWN = "(secret)"
# Tokens that are asked for anew, each instead of one before: so many are looked for. More would hold everything up.
MOST_PASSING = 200
# Where something was cut off a text, and a part of a secret may be left.
ELLIPSIS = "…".encode()
_ESCAPE = re.compile(r"\\u([0-9a-f]{4})|\\.")


class Redactor:
    """Takes out the secrets, given by name, and those that it learns; then `also` takes out its own."""

    def __init__(self, secrets: Mapping[str, str] | None = None, also: Redaction | None = None) -> None:
        self._also = also
        self._known: set[str] = set()
        self._passing: deque[str] = deque()
        # What to look for, and what stands there instead; the longest first.
        self._forms: tuple[tuple[str, str], ...] = ()
        self._needles: tuple[bytes, ...] = ()
        self._short: dict[str, str] = {}
        for name, secret in (secrets or {}).items():
            self._add(secret, f"(secret:{name})")
        self._settle()

    def learn(self, secret: str, *, passing: bool = False) -> None:
        """From here on this is a secret, too; of those that are `passing`, the newest are."""
        if secret and secret not in self._known:
            if passing:
                self._passing.append(secret)
                if len(self._passing) > MOST_PASSING:
                    self._forget(self._passing.popleft())
            self._add(secret, SHOWN)
            self._settle()

    def count(self, more: Collection[str] = ()) -> int:
        """How many secrets there are, with these."""
        return len(self._known.union(more))

    def text(self, value: str) -> str:
        """The text without secrets."""
        value = self._without(value)
        return self._also.text(value) if self._also else value

    def cut(self, value: bytes) -> bytes:
        """The bytes of which the end is missing, without the beginning of a secret that may stand there."""
        for form, _ in self._forms:
            value = value[: len(value) - _begun(form.encode(), value)]
        return self._also.cut(value) if isinstance(self._also, Redactor) else value

    def bytes(self, value: bytes) -> bytes:
        """The bytes without secrets."""
        for form, shown in self._forms:
            value = value.replace(form.encode(), shown.encode())
        return self._also.bytes(value) if self._also else value

    def json(self, value: Any) -> Any:
        """The same for all texts, numbers and names of a value; itself where there is no secret in it."""
        if self._needles and self._is_in(value):
            value = self._walked(value)
        return self._also.json(value) if self._also else value

    def _is_in(self, value: Any) -> bool:
        try:
            written = json.dump_bytes(value)
        except TypeError:  # a number of more than 64 bits
            return True
        return ELLIPSIS in written or any(needle in written for needle in self._needles)

    def _without(self, value: str) -> str:
        if value in self._short:
            return self._short[value]
        found = {form: shown for form, shown in self._forms if form in value}
        if found:
            value = _any_of(tuple(found)).sub(lambda match: found[match[0]], value)
        return "…".join(self._whole(value.split("…"))) if "…" in value else value

    def _whole(self, pieces: list[str]) -> Iterator[str]:
        """The pieces of a text that was cut at each end but the last, without beginnings of secrets there."""
        for piece in pieces[:-1]:
            for form, _ in self._forms:
                piece = piece[: len(piece) - _begun(form, piece)]
            yield piece
        yield pieces[-1]

    def _walked(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._without(value)
        if isinstance(value, dict):
            return {self._without(str(name)): self._walked(inner) for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self._walked(inner) for inner in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            without = self._without(written := str(value))
            return value if without == written else without
        return value

    def _add(self, secret: str, shown: str) -> None:
        self._known.add(secret)
        if len(secret) < SHORTEST:
            self._short |= {secret: shown} if secret else {}
        else:
            self._forms += tuple((form, shown) for form in forms(secret))

    def _forget(self, secret: str) -> None:
        self._known.discard(secret)
        self._short.pop(secret, None)
        gone = set(forms(secret))
        self._forms = tuple(one for one in self._forms if one[0] not in gone or one[1] != SHOWN)

    def _settle(self) -> None:
        self._forms = tuple(sorted(dict(reversed(self._forms)).items(), key=lambda one: -len(one[0])))
        inside = (json.dump_bytes(form)[1:-1] for form, _ in self._forms)
        self._needles = (*inside, *map(json.dump_bytes, self._short))


@lru_cache(maxsize=4096)
def forms(secret: str) -> tuple[str, ...]:
    """Every way in which it may be written, each once."""
    raw = secret.encode()
    quoted = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    in_json = _in_json(secret)
    found = {
        secret,
        *quoted,
        *(re.sub("%..", lambda match: match[0].lower(), one) for one in quoted),
        *(quote(one, safe="") for one in quoted),  # an address within an address
        *_base64(raw),
        raw.hex(),
        raw.hex().upper(),
        *in_json,
        *(quote(one, safe=safe) for one in in_json for safe in ("", "/")),
        *(inner for one in in_json for inner in _in_json(one)),  # a log's line that quotes a body
        repr(secret)[1:-1],
        repr("\"'" + secret)[4:-1],  # beside quotes of both kinds
        repr(raw)[2:-1],
        html.escape(secret),
        html.escape(secret, quote=False),
        html.escape(secret).replace("&#x27;", "&#39;"),
        html.escape(secret).encode("ascii", "xmlcharrefreplace").decode(),
    }
    return tuple(sorted(found))


def _in_json(text: str) -> set[str]:
    """How the text stands in JSON: as most write it, and as PHP, Go, Gson, Jackson and .NET do."""
    ascii_only, readable = stdlib_json.dumps(text)[1:-1], stdlib_json.dumps(text, ensure_ascii=False)[1:-1]
    large = _ESCAPE.sub(lambda one: one[0] if one[1] is None else f"\\u{one[1].upper()}", ascii_only)
    return {
        ascii_only,
        readable,
        ascii_only.replace("/", "\\/"),
        re.sub("[<>&]", _by_number, readable),
        re.sub("[<>&=']", _by_number, readable),
        large,
        _ESCAPE.sub(lambda one: "\\u0022" if one[0] == '\\"' else one[0], re.sub("[&'+<>`]", _by_large_number, large)),
    }


def _by_number(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _by_large_number(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04X}"


def _begun(form: AnyStr, text: AnyStr) -> int:
    """How much of a secret's form stands at the end of a text, where that was cut."""
    if form[:SHORTEST] in text[-len(form) :]:
        for length in range(min(len(form) - 1, len(text)), SHORTEST - 1, -1):
            if text.endswith(form[:length]):
                return length
    return 0


def _base64(raw: bytes) -> set[str]:
    """The characters that are the secret's alone, wherever it begins in what is coded."""
    found = set()
    for before in range(3):
        bits = 8 * before, 8 * (before + len(raw))
        for code in (b64encode, urlsafe_b64encode):
            coded = code(b"\0" * before + raw).decode()
            found.add(coded[-(-bits[0] // 6) : bits[1] // 6])
    return found


@lru_cache(maxsize=256)
def _any_of(texts: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, texts)))
