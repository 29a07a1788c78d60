"""Values for one place of a request: a plausible one, those at its bounds, those outside of them, each with a reason.

Readable ones are made here, what is hard (combined schemas, odd patterns) by Schemathesis. Every value is judged by the
schema before it is taken: what is called valid is, and what is not is not, also as the text that a URL carries.
"""

from contextlib import suppress
from random import Random
from typing import Any

from infra import json
from workers.suites.generating import texts
from workers.suites.generating.candidates import (
    LONGEST,
    MOST_ENUM,
    NAMED,
    NOTHING,
    SHORTEST_EMAIL,
    Candidate,
    brief,
    email,
    enumerated,
    json_text,
    length_bounds,
    letters,
    numbers_inside,
    numbers_outside,
    texts_outside,
)
from workers.suites.generating.covering import Covering
from workers.suites.generating.samples import Sample
from workers.suites.generating.views import View, types_of

Json = dict[str, Any]

MOST_WRONG_TYPES = 3
# What a lenient reader does not turn into the type, the most telling first.
TYPES_WRONG: dict[str, tuple[Any, ...]] = {
    "string": (None, 12345, ["text"], {"text": "x"}),
    "integer": ("abc", 1.5, "1", None, [1]),
    "number": ("abc", "1", None, [1], {"value": 1}),
    "boolean": ("maybe", "true", None, [True]),
    "array": ({"0": "x"}, "abc", None),
    "object": ([], "abc", None),
    "null": ("abc", 1),
}
# Keywords of schemas for which everything is made here.
SIMPLE = {"type", "enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength",
          "maxLength", "pattern", "format", "title", "description", "default", "example", "examples", "deprecated",
          "readOnly", "writeOnly", "nullable"}  # fmt: skip


class Values:
    """Makes values; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.covering = Covering()
        self._kept: dict[str, Any] = {}

    def random(self, *where: Any) -> Random:
        """A generator for one purpose, so that what one needs does not change what another gets."""
        return Random(f"{self.seed} {' '.join(map(str, where))}")

    def sample(self, view: View, schema: Any, random: Random, name: str = "", *, optional: bool = True) -> Any:
        """A valid value as people would write it; NOTHING where none was found."""
        value = Sample(view, random, lambda one: self._hard(view, one), optional).of(schema, name)
        if value is not NOTHING and view.accepts(schema, value):
            return value
        for one in self._inside(view, schema, "body"):
            if view.accepts(schema, one):
                return one
        return NOTHING

    def drawn(self, view: View, schema: Any, seed: int) -> Any:
        """A valid value by chance."""
        found = self.covering.drawn(view.whole(schema), seed) if isinstance(schema, dict) else []
        found = [one for one in found if view.accepts(schema, one) and _sendable(one)]
        return found[-1] if found else NOTHING

    def boundaries(self, view: View, schema: Any, place: str, random: Random) -> list[Candidate]:
        """Values at the bounds, which must be accepted; the schema's own keywords, not what is inside of it."""
        plain = view.flat(schema)
        kinds = types_of(plain)
        found = enumerated(plain)
        if kinds & {"integer", "number"}:
            found += numbers_inside(plain, "integer" in kinds)
        if "string" in kinds and "enum" not in plain:
            found += self._lengths_inside(view, schema, plain, place, random)
        if "boolean" in kinds:
            found += [Candidate(one, "type", f"is {json.dumps(one)}") for one in (True, False)]
        if "null" in kinds and place == "body":
            found.append(Candidate(None, "type", "is null, which it may be"))
        return self._distinct([one for one in found if view.accepts(schema, one.value)], place)

    def violations(self, view: View, schema: Any, place: str, random: Random) -> list[Candidate]:
        """Values that the schema refuses, one keyword each; the schema's own keywords, not what is inside of it."""
        plain = view.flat(schema)
        kinds = types_of(plain)
        found = numbers_outside(plain) if kinds & {"integer", "number"} else []
        if "string" in kinds:
            found += texts_outside(plain, random, self.sample(view, schema, random))
        if isinstance(plain.get("enum"), list):
            found.append(Candidate("no-such-value", "enum", f"is {json.dumps('no-such-value')}, none of its values"))
        if isinstance(plain.get("const"), str):
            found.append(Candidate("no-such-value", "const", "is not the only value that it may have"))
        found += self._wrong_types(view, schema, kinds, place)
        known = {one.keyword for one in found}
        if not kinds & {"object", "array"} and not view.followed(schema).keys() <= SIMPLE:
            found += [one for one in self._outside(view, schema, place) if one.keyword not in known]
        return self._distinct([one for one in found if self._refuses(view, schema, one.value, place)], place)

    def _wrong_types(self, view: View, schema: Any, kinds: set[str], place: str) -> list[Candidate]:
        if not kinds:
            return []
        taken: list[Candidate] = []
        for kind in sorted(kinds - {"null"} or kinds):
            for value in TYPES_WRONG.get(kind, ()):
                if place != "body" and (value is None or isinstance(value, list | dict)):
                    continue
                if self._refuses(view, schema, value, place) and len(taken) < MOST_WRONG_TYPES:
                    said = f"is {json.dumps(value)}, which is not of type {' or '.join(sorted(kinds))}"
                    taken.append(Candidate(value, "type", said, len(taken)))
        return taken

    def _lengths_inside(self, view: View, schema: Any, plain: Json, place: str, random: Random) -> list[Candidate]:
        least, most = length_bounds(plain)
        found = []
        free = "pattern" not in plain and "format" not in plain
        for keyword, length in (("minLength", least or 0), ("maxLength", most)):
            if length is None or (length == 0 and place != "body") or length > LONGEST:
                continue
            value = letters(random, length) if free else self._of_length(view, schema, plain, length, random)
            if value is not None:
                found.append(Candidate(value, keyword, f"has {length} characters, its {NAMED[keyword]}"))
        return found

    def _of_length(self, view: View, schema: Any, plain: Json, length: int, random: Random) -> str | None:
        if plain.get("format") == "email" and length >= SHORTEST_EMAIL:
            return email(random, length)
        if isinstance(plain.get("pattern"), str):
            made = texts.matching(plain["pattern"], random, length, length)
            if made is not None and view.accepts(schema, made):
                return made
        for one in self._inside(view, schema, "body"):
            if isinstance(one, str) and len(one) == length:
                return one
        return None

    def _refuses(self, view: View, schema: Any, value: Any, place: str) -> bool:
        """Whether the value is invalid, however its text may be read where it is sent as text."""
        if not view.compiles(schema):
            return False
        readings = [value] if place == "body" else _readings(value)
        if place != "body" and any(one in ("", ".", "..") or not _plain(one) for one in readings):
            return False
        return not any(view.accepts(schema, one) for one in readings)

    def _hard(self, view: View, schema: Any) -> Any:
        found = self._inside(view, schema, "body")
        return found[0] if found else NOTHING

    def _inside(self, view: View, schema: Any, place: str) -> list[Any]:
        return self._once("inside", view, schema, place, self.covering.inside)  # type: ignore[no-any-return]

    def _outside(self, view: View, schema: Any, place: str) -> list[Candidate]:
        found = self._once("outside", view, schema, place, self.covering.outside)
        return [
            Candidate(value, keyword or "type", f"is {brief(value)}, which its schema refuses ({keyword or 'type'})", 1)
            for keyword, value in found
        ]

    def _once(self, what: str, view: View, schema: Any, place: str, make: Any) -> Any:
        whole = view.whole(schema)
        if not isinstance(whole, dict) or not view.compiles(schema):
            return []
        key = f"{what} {place} {id(view)} {json.dumps(schema)}"
        if key not in self._kept:
            self._kept[key] = make(whole, place)
        return self._kept[key]

    def _distinct(self, found: list[Candidate], place: str) -> list[Candidate]:
        """Each value once, two of each keyword but of lists of values."""
        seen: set[str] = set()
        counts: dict[str, int] = {}
        kept = []
        for one in found:
            text = json_text(one.value)
            limit = MOST_ENUM if one.keyword in ("enum", "const") else MOST_WRONG_TYPES if one.keyword == "type" else 2
            if text is None or text in seen or counts.get(one.keyword, 0) >= limit:
                continue
            if place != "body" and isinstance(one.value, dict | list):
                continue
            seen.add(text)
            counts[one.keyword] = counts.get(one.keyword, 0) + 1
            kept.append(one)
        return kept


def _readings(value: Any) -> list[Any]:
    """A value that is sent as text, and what the text may be read as."""
    text = json.dumps(value) if not isinstance(value, str) else value
    found: list[Any] = [text]
    with suppress(ValueError):
        found.append(json.loads(text))
    return found


def _plain(value: Any) -> bool:
    """Whether a URL or a header can carry it as it is."""
    return not isinstance(value, str) or ("/" not in value and value == value.strip() and value.isprintable())


def _sendable(value: Any) -> bool:
    text = json_text(value)
    return text is not None and "\\ud8" not in text
