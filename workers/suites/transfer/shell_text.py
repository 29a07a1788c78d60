"""Texts with places (`{{name}}`) as words of a shell: a place becomes a variable, everything else is quoted."""

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from infra import json

# What one is in a template: `name ?? text`, with a generator's `$` or an explicit `env.`, `secret.` … before the name.
PLACE = re.compile(r"(?<!\\)\{\{\s*([^{}]+?)\s*\}\}")
# Before the name: what is put in is percent-encoded, by a function of the shell.
ENCODED, ENCODE = "%", "urlencode"
ENCODING = "urlencode() { printf '%s' \"$1\" | od -An -v -tx1 | tr -d ' \\n' | sed 's/../%&/g'; }\n"
_BROKEN = re.compile(r"[\x00-\x1f\x7f\s]+")
_PLAIN = re.compile(r"[\w./:@%+=,-]*", re.ASCII)
_FORBIDDEN_IN_QUOTES = re.compile(r"[$`\"\\!\x00-\x1f\x7f]")
# Variables that a shell or its programs look at.
_TAKEN = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|PWD|OLDPWD|IFS|ENV|UID|EUID|PPID|GROUPS|RANDOM|SECONDS|LINENO|OPT(ARG|IND|ERR)|REPLY"
    r"|TERM|LANG|LANGUAGE|LC_.*|BASH.*|HIST.*|HOST(NAME|TYPE)|PS[0-9]|TMPDIR|TMP|TEMP|TZ|MAIL.*|DISPLAY|COLUMNS|LINES"
    r"|LD_.*|CURL_.*|.*_PROXY|NO_PROXY|SSL.*|EDITOR|CDPATH|GLOBIGNORE|POSIXLY_CORRECT|COPROC|DIRSTACK|FUNC.*|MACHTYPE"
    r"|OSTYPE|PIPESTATUS|PROMPT_.*|SHELLOPTS|SHLVL|TIMEFORMAT|TMOUT|_*"
)
_GENERATORS = {
    "uuid": '"$(uuidgen 2>/dev/null || cat /proc/sys/kernel/random/uuid)"',
    "now": '"$(date -u +%Y-%m-%dT%H:%M:%SZ)"',
    "timestamp": '"$(date +%s)"',
    "random_int": '"$RANDOM"',
    "random_text": '"$RANDOM$RANDOM$RANDOM"',
}
_MOVED = re.compile(r"(now|timestamp)([+-])(\d+)([smhdw])")
_TIMES = {"now": "%Y-%m-%dT%H:%M:%SZ", "timestamp": "%s"}
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Names:
    """Shell variables for the names in templates, as they come up: `token` and `secret.token` are two."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        # What is used without a default, in order.
        self.used: dict[str, str] = {}
        self.defaults: dict[str, str] = {}

    def of(self, place: str, *, needed: bool = True) -> str:
        """The variable's name."""
        place = place.removeprefix("var.").removeprefix("row.").removeprefix("env.")
        if place not in self._known:
            self._known[place] = self._new(place)
        if needed:
            self.used[place] = self._known[place]
        return self._known[place]

    def default(self, name: str, text: str) -> str:
        """A variable that has the text which stands for the one of that name where that is not set."""
        called = next((one for one, said in self.defaults.items() if said == text), "")
        if not called:
            called = f"{name}_DEFAULT_{len(self.defaults) + 1}"
            self.defaults[called] = text
        return f"${called}"

    def _new(self, place: str) -> str:
        plain = re.sub(r"[^A-Z0-9_]", "_", place.removeprefix("secret.").upper())
        if _TAKEN.fullmatch(plain) or plain[0].isdigit():
            plain = f"TEST_{plain}"
        name, number = plain, 2
        while name in self._known.values():
            name, number = f"{plain}_{number}", number + 1
        return name


def places(value: Any) -> Iterator[str]:
    """What stands in the places of all texts of a JSON value."""
    if isinstance(value, str):
        yield from PLACE.findall(value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from places(key)
            yield from places(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from places(inner)


def word(text: str, names: Names) -> str:
    """The text as one word of a shell."""
    return "".join(_pieces(text, names)) or "''"


def _pieces(text: str, names: Names) -> Iterator[str]:
    at = 0
    for found in PLACE.finditer(text):
        yield _quoted(text[at : found.start()])
        yield _variable(found[1], names)
        at = found.end()
    yield _quoted(text[at:])


def _quoted(literal: str) -> str:
    literal = literal.replace("\\{{", "{{")
    if not literal:
        return ""
    return f'"{literal}"' if "'" in literal and not _FORBIDDEN_IN_QUOTES.search(literal) else shlex.quote(literal)


def _variable(place: str, names: Names) -> str:
    if place.startswith(ENCODED):
        return f'"$({ENCODE} {_variable(place[1:], names)})"'
    name, given, default = (part.strip() for part in place.partition("??"))
    if name.startswith("$"):
        return _generated(name[1:], names)
    if not given:
        return f'"${{{names.of(name)}}}"'
    variable = names.of(name, needed=False)
    return f'"${{{variable}-{default if _PLAIN.fullmatch(default) else names.default(variable, default)}}}"'


def _generated(name: str, names: Names) -> str:
    moved = _MOVED.fullmatch(name)
    if moved:
        kind, sign, count, unit = moved.groups()
        return f"\"$(date -u -d '{sign}{count} {_UNITS[unit]}' +{_TIMES[kind]})\""
    return _GENERATORS.get(name) or f'"${{{names.of(name)}}}"'


def comment(text: str) -> str:
    """A text behind `#`, in one line whatever it has."""
    return _BROKEN.sub(" ", text).strip()


def assigned(name: str, value: Any) -> str:
    """A line that gives a variable its value, unless the caller's environment has one."""
    text = value if isinstance(value, str) else json.dumps(value)
    return f"{name}=${{{name}-{shlex.quote(text)}}}"


def required(name: str, why: str) -> str:
    """A line that ends the script where the variable is not set."""
    return f': "${{{name}:?{re.sub(r"[^A-Za-z0-9 ,.:_/-]", "", comment(why))}}}"'


def typed(value: Any, known: Mapping[str, Any]) -> str:
    """JSON text of a value, where a place that stands alone for something that is no text loses its quotes."""
    text = json.dumps(value).replace(r"\\{{", r"\{{")
    for name, one in known.items():
        if not isinstance(one, str):
            for form in (name, f"var.{name}", f"row.{name}", f"env.{name}"):
                text = text.replace(f'"{{{{{form}}}}}"', f"{{{{{form}}}}}")
    return text
