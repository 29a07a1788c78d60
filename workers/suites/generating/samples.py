"""Plausible values of schemas: what the schema itself shows, else what its type, format, pattern and bounds allow."""

import math
from collections.abc import Callable
from random import Random
from typing import Any
from uuid import UUID

from workers.suites.generating import texts
from workers.suites.generating.candidates import NOTHING, length_bounds, letters, number_bounds, whole_number
from workers.suites.generating.views import View, types_of

Json = dict[str, Any]

WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron", "inlet", "jade", "kelp", "lotus")
DEEPEST = 8


class Sample:
    """Makes one value; `optional` properties are in it or not, and `hard` makes what is not made here."""

    def __init__(self, view: View, random: Random, hard: Callable[[Any], Any], optional: bool) -> None:
        self._view, self._random, self._hard, self._optional = view, random, hard, optional
        self._open: list[str] = []

    def of(self, schema: Any, name: str, depth: int = 0) -> Any:
        """A value for a property of that name; NOTHING where none was found."""
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
            return number(plain, self._random, "integer" in kinds)
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
            made = letters(self._random, most) if most < 9 else made[-most:].strip().rjust(most, "x")
        return made.ljust(least or 0, "x")


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


def number(plain: Json, random: Random, integer: bool) -> Any:
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


def shown_values(plain: Json) -> list[Any]:
    """The values that a schema itself shows: const, examples, and the default."""
    found = [plain[name] for name in ("const", "example") if name in plain]
    examples = plain.get("examples")
    found += examples if isinstance(examples, list) else []
    return found
