"""Values for one place of a request: a plausible one, those at its bounds, those outside of them, each with a reason.

Readable ones are made here, what is hard (combined schemas, odd patterns) by Schemathesis. Every value is judged by the
schema before it is taken: what is called valid is, and what is not is not, also as the text that a URL carries.
"""

import math
import string
from contextlib import suppress
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

from infra import json
from workers.suites.generating import texts
from workers.suites.generating.covering import Covering
from workers.suites.generating.views import View, types_of

Json = dict[str, Any]

# JSON text of a value: longer ones are not worth a case.
LONGEST = 20_000
MOST_ENUM = 12
MOST_WRONG_TYPES = 3
DEEPEST = 8

WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron", "inlet", "jade", "kelp", "lotus")
FORMATS_WRONG = {
    "email": "not-an-email",
    "uuid": "not-a-uuid",
    "date": "not-a-date",
    "date-time": "not-a-date-time",
    "time": "not-a-time",
    "ipv4": "999.0.0.1",
    "ipv6": "not-an-address",
    "uri": "not a uri",
}
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
NOTHING: Any = object()


class Candidate(NamedTuple):
    """A value and why it is one: `said` goes after the place's name, as `is 101, above its maximum of 100`."""

    value: Any
    keyword: str
    said: str
    rank: int = 0


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
        value = _Sample(self, view, random, optional).of(schema, name)
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
        found = _enumerated(plain)
        if kinds & {"integer", "number"}:
            found += _numbers_inside(plain, "integer" in kinds)
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
        found = _numbers_outside(plain) if kinds & {"integer", "number"} else []
        if "string" in kinds:
            found += _texts_outside(plain, random, self.sample(view, schema, random))
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
            value = _letters(random, length) if free else self._of_length(view, schema, plain, length, random)
            if value is not None:
                found.append(Candidate(value, keyword, f"has {length} characters, its {_NAMED[keyword]}"))
        return found

    def _of_length(self, view: View, schema: Any, plain: Json, length: int, random: Random) -> str | None:
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
            text = _shown(one.value)
            limit = MOST_ENUM if one.keyword in ("enum", "const") else MOST_WRONG_TYPES if one.keyword == "type" else 2
            if text is None or text in seen or counts.get(one.keyword, 0) >= limit:
                continue
            if place != "body" and isinstance(one.value, dict | list):
                continue
            seen.add(text)
            counts[one.keyword] = counts.get(one.keyword, 0) + 1
            kept.append(one)
        return kept


class _Sample:
    """Makes one value; `optional` properties are in it or not."""

    def __init__(self, values: Values, view: View, random: Random, optional: bool) -> None:
        self._values, self._view, self._random, self._optional = values, view, random, optional
        self._open: list[str] = []

    def of(self, schema: Any, name: str, depth: int = 0) -> Any:
        if isinstance(schema, dict) and isinstance(schema.get("$ref"), str):
            if schema["$ref"] in self._open or depth > DEEPEST:
                return NOTHING
            self._open.append(schema["$ref"])
            try:
                return self._of(schema, name, depth)
            finally:
                self._open.pop()
        return NOTHING if depth > DEEPEST else self._of(schema, name, depth)

    def _of(self, schema: Any, name: str, depth: int) -> Any:
        plain = self._view.flat(schema)
        for one in shown_values(plain):
            if self._view.accepts(schema, one):
                return one
        if isinstance(plain.get("enum"), list) and plain["enum"]:
            return self._random.choice(plain["enum"])
        kinds = types_of(plain)
        if "object" in kinds:
            return self._object(plain, depth)
        if "array" in kinds:
            return self._array(plain, name, depth)
        if "string" in kinds:
            return self._text(schema, plain, name)
        if kinds & {"integer", "number"}:
            return _number(plain, self._random, "integer" in kinds)
        return True if "boolean" in kinds else None if kinds == {"null"} else self._hard(schema)

    def _object(self, plain: Json, depth: int) -> Any:
        properties, required = plain.get("properties"), plain.get("required")
        needed = set(required) if isinstance(required, list) else set()
        made = {}
        for name, one in (properties if isinstance(properties, dict) else {}).items():
            if name not in needed and not self._optional:
                continue
            value = self.of(one, name, depth + 1)
            if value is NOTHING and name in needed:
                return NOTHING
            if value is not NOTHING:
                made[name] = value
        return made

    def _array(self, plain: Json, name: str, depth: int) -> Any:
        items = plain.get("items", {})
        least, most = whole_number(plain.get("minItems")) or 0, whole_number(plain.get("maxItems"))
        made: list[Any] = []
        for _ in range(max(least, 1 if most is None or most > 0 else 0)):
            value = self.of(items, name.removesuffix("s"), depth + 1)
            if value is NOTHING:
                return [] if least == 0 else NOTHING
            made.append(value)
        return made

    def _text(self, schema: Any, plain: Json, name: str) -> Any:
        least, most = length_bounds(plain)
        if isinstance(plain.get("pattern"), str):
            made = texts.matching(plain["pattern"], self._random, least or 0, most)
            return made if made is not None and self._view.accepts(schema, made) else self._hard(schema)
        if isinstance(plain.get("format"), str):
            made = _formatted(plain["format"], self._random)
            if made is not None and (most is None or len(made) <= most):
                return made
            if plain["format"] not in ("password", "byte", "binary"):
                return self._hard(schema)
        made = f"{name or 'text'} {self._random.choice(WORDS)} {self._random.randrange(16**6):06x}"
        if most is not None and len(made) > most:
            made = _letters(self._random, most) if most < 9 else made[-most:].strip().rjust(most, "x")
        return made.ljust(least or 0, "x")

    def _hard(self, schema: Any) -> Any:
        found = self._values._inside(self._view, schema, "body")
        return found[0] if found else NOTHING


_NAMED = {"minLength": "least length", "maxLength": "greatest length"}


def _enumerated(plain: Json) -> list[Candidate]:
    values = plain.get("enum")
    if not isinstance(values, list):
        return []
    return [Candidate(one, "enum", f"is {brief(one)}, one of its values") for one in values[:MOST_ENUM]]


def _numbers_inside(plain: Json, integer: bool) -> list[Candidate]:
    found = []
    least, most, _, _ = number_bounds(plain, integer)
    if least is not None:
        found.append(Candidate(least, "minimum", f"is {json.dumps(least)}, the least that it may be"))
    if most is not None:
        found.append(Candidate(most, "maximum", f"is {json.dumps(most)}, the most that it may be"))
    return found


def _numbers_outside(plain: Json) -> list[Candidate]:
    integer = "integer" in types_of(plain)
    _, _, below, above = number_bounds(plain, integer)
    found = []
    if below is not None:
        found.append(
            Candidate(below, "minimum", f"is {json.dumps(below)}, below its minimum of {_bound(plain, 'inimum')}")
        )
    if above is not None:
        found.append(
            Candidate(above, "maximum", f"is {json.dumps(above)}, above its maximum of {_bound(plain, 'aximum')}")
        )
    step = plain.get("multipleOf")
    if isinstance(step, int | float) and step > 0 and step != 1:
        base = _number(plain, Random(0), integer)
        odd = base + (1 if integer else step / 2)
        found.append(Candidate(odd, "multipleOf", f"is {json.dumps(odd)}, no multiple of {step}"))
    return found


def _bound(plain: Json, ending: str) -> str:
    first = "m" if f"m{ending}" in plain else "exclusiveM"
    found = plain.get(f"{first}{ending}")
    return f"{found} (exclusive)" if first != "m" else f"{found}"


def _texts_outside(plain: Json, random: Random, valid: Any) -> list[Candidate]:
    least, most = length_bounds(plain)
    found = []
    if most is not None and most < LONGEST:
        found.append(
            Candidate(_longer(valid, most + 1, random), "maxLength",
                      f"has {most + 1} characters, more than its greatest length of {most}")
        )  # fmt: skip
    if least:
        value = (valid if isinstance(valid, str) else "")[: least - 1] or _letters(random, least - 1)
        found.append(
            Candidate(value, "minLength", f"has {least - 1} characters, fewer than its least length of {least}")
        )
    if isinstance(plain.get("pattern"), str):
        tries = [f"{valid}!" if isinstance(valid, str) else "!", "!not valid!", "###", "abc", "123", "A b"]
        found += [
            Candidate(one, "pattern", f"is {brief(one)}, which does not match {plain['pattern']}") for one in tries
        ]
    if plain.get("format") in FORMATS_WRONG:
        wrong = FORMATS_WRONG[plain["format"]]
        found.append(Candidate(wrong, "format", f"is {brief(wrong)}, which is no {plain['format']}"))
    return found


def _longer(valid: Any, length: int, random: Random) -> str:
    """The text with so many characters: an address stays one."""
    text = valid if isinstance(valid, str) else ""
    if "@" in text and len(text) < length:
        name, _, host = text.partition("@")
        return f"{name}{_letters(random, length - len(text))}@{host}"
    return text[:length] + _letters(random, max(0, length - len(text)))


def _formatted(name: str, random: Random) -> str | None:
    number = random.randrange(16**8)
    match name:
        case "email" | "idn-email":
            return f"user.{number:08x}@example.com"
        case "uuid":
            return str(UUID(int=random.getrandbits(128), version=4))
        case "date":
            return f"20{10 + number % 14:02d}-{1 + number % 12:02d}-{1 + number % 28:02d}"
        case "date-time":
            return f"20{10 + number % 14:02d}-{1 + number % 12:02d}-{1 + number % 28:02d}T{number % 24:02d}:30:00Z"
        case "time":
            return f"{number % 24:02d}:30:00Z"
        case "uri" | "url" | "iri":
            return f"https://example.com/{number:08x}"
        case "uri-reference":
            return f"/{number:08x}"
        case "hostname":
            return f"host-{number:08x}.example.com"
        case "ipv4":
            return f"192.0.2.{number % 256}"
        case "ipv6":
            return f"2001:db8::{number % 65536:x}"
        case "duration":
            return f"P{1 + number % 20}D"
    return None


def _number(plain: Json, random: Random, integer: bool) -> Any:
    least, most, _, _ = number_bounds(plain, integer)
    low = least if least is not None else (min(1, most) if most is not None else 1)
    high = most if most is not None else low + 100
    span = min(high - low, 20)
    if isinstance(plain.get("multipleOf"), int | float) and plain["multipleOf"] > 0:
        step = plain["multipleOf"]
        value = math.ceil(low / step) * step + step * random.randrange(3)
        return value if value <= high else math.ceil(low / step) * step
    value = low + random.randint(0, int(span)) if span >= 1 else low + span / 2
    return int(value) if integer else value


def number_bounds(plain: Json, integer: bool) -> tuple[Any, Any, Any, Any]:
    """The least and the most that it may be, and what is just below and above; None where there is no bound."""
    step: Any = plain.get("multipleOf")
    step = step if isinstance(step, int | float) and step > 0 else 1 if integer else 0.01
    least, most, under, over = (_numeric(plain.get(name))
                                for name in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"))  # fmt: skip
    low = below = high = above = None
    if least is not None and (under is None or least > under):
        low, below = (math.ceil(least / step) * step if integer else least), least - step
    elif under is not None:
        low, below = _tidy(under + step), under
    if most is not None and (over is None or most < over):
        high, above = (math.floor(most / step) * step if integer else most), most + step
    elif over is not None:
        high, above = _tidy(over - step), over
    return low, high, _tidy(below), _tidy(above)


def _tidy(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value


def _numeric(value: Any) -> Any:
    return value if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300 else None


def whole_number(value: Any) -> int | None:
    """The count in a keyword such as maxItems, or None."""
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else None


def length_bounds(plain: Json) -> tuple[int | None, int | None]:
    """minLength and maxLength."""
    return whole_number(plain.get("minLength")), whole_number(plain.get("maxLength"))


def shown_values(plain: Json) -> list[Any]:
    """The values that a schema itself shows: const, examples, and the default."""
    found = [plain[name] for name in ("const", "example") if name in plain]
    examples = plain.get("examples")
    found += examples if isinstance(examples, list) else []
    return found


def _letters(random: Random, count: int) -> str:
    return "".join(random.choices(string.ascii_lowercase, k=max(0, count)))


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
    text = _shown(value)
    return text is not None and "\\ud8" not in text


def _shown(value: Any) -> str | None:
    """The JSON text of a value that is not too long; None of what is, or cannot be written."""
    try:
        text = json.dumps(value)
    except (TypeError, ValueError):
        return None
    return text if len(text) <= LONGEST else None


def brief(value: Any) -> str:
    """A value for a sentence."""
    text = _shown(value) or "…"
    return text if len(text) <= 60 else f"{text[:57]}…"
