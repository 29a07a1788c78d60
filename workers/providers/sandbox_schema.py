"""A valid instance of a JSON schema, always the same: how the sandbox obeys `response_format` and fills in tools."""

import re
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

DEEPEST = 12
# A schema is a stranger's: one that means millions of values, or a string of gigabytes, gets no answer instead.
MOST_STEPS = 5_000
LONGEST_TEXT = 100_000
_FORMATS = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "P1D",
    "email": "sandbox@example.com",
    "idn-email": "sandbox@example.com",
    "hostname": "sandbox.example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://sandbox.example.com/",
    "url": "https://sandbox.example.com/",
    "uri-reference": "/sandbox",
    "uuid": "01890000-0000-7000-8000-000000000000",
    "json-pointer": "/sandbox",
    "regex": "sandbox",
}


class _TooMuch(Exception):
    """The schema asks for more than the sandbox gives."""


@dataclass(slots=True)
class _Root:
    """The whole schema, the text for free strings, and the steps that are left."""

    schema: Any
    text: str
    steps: int = MOST_STEPS

    def step(self, count: int = 1) -> None:
        self.steps -= count
        if self.steps < 0:
            raise _TooMuch


def instance(schema: Any, *, text: str = "sandbox") -> Any:
    """A value that satisfies the schema; free strings are `text`. Best effort for `not`, `if` and exotic patterns."""
    try:
        return _value(schema, _Root(schema, text), 0)
    except (_TooMuch, RecursionError):
        return None


def _value(schema: Any, root: _Root, depth: int) -> Any:
    root.step()
    if not isinstance(schema, dict):
        return root.text
    schema = _resolved(schema, root)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    if "default" in schema:
        return schema["default"]
    for name in ("anyOf", "oneOf"):
        if schema.get(name):
            choice = _simplest(schema[name], root, depth)
            rest = {key: value for key, value in schema.items() if key != name}
            return _value(_merged(rest, _resolved(choice, root)), root, depth + 1)
    make = _MAKERS.get(_type(schema), _string)
    return make(schema, root, depth)


def _resolved(schema: Any, root: _Root, limit: int = DEEPEST) -> Json:
    """The schema with its local `$ref` followed and its `allOf` merged in."""
    root.step()
    if not isinstance(schema, dict):
        return {}
    reference = schema.get("$ref")
    if isinstance(reference, str) and limit:
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        schema = _merged(rest, _resolved(_pointed(reference, root.schema), root, limit - 1))
    if "allOf" in schema and limit:
        parts = schema["allOf"]
        schema = {key: value for key, value in schema.items() if key != "allOf"}
        for part in parts:
            schema = _merged(schema, _resolved(part, root, limit - 1))
    return dict(schema)


def _pointed(reference: str, root: Any) -> Any:
    found = root
    for part in reference.removeprefix("#").split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        found = found.get(part, {}) if isinstance(found, dict) else {}
    return found


def _merged(one: Json, other: Json) -> Json:
    """Both schemas at once, for what matters here."""
    both = {**other, **one}
    if "properties" in one and "properties" in other:
        both["properties"] = {**other["properties"], **one["properties"]}
    if "required" in one and "required" in other:
        both["required"] = [*other["required"], *(name for name in one["required"] if name not in other["required"])]
    for name, pick in (("minimum", max), ("minLength", max), ("minItems", max), ("maximum", min), ("maxLength", min)):
        if name in one and name in other:
            both[name] = pick(one[name], other[name])
    return both


def _simplest(choices: list[Any], root: _Root, depth: int) -> Any:
    """The first choice that says something; deep down, the one that ends the recursion."""
    resolved = [_resolved(choice, root) for choice in choices]
    scalars = [choice for choice in resolved if _type(choice) not in ("object", "array", "null")]
    full = [choice for choice in resolved if _type(choice) != "null"]
    return ((scalars or resolved[-1:]) if depth > DEEPEST // 2 else (full or resolved))[0]


def _type(schema: Json) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), "null")
    if kind:
        return str(kind)
    if "properties" in schema or "required" in schema or "additionalProperties" in schema:
        return "object"
    if "items" in schema or "prefixItems" in schema:
        return "array"
    return "number" if "minimum" in schema or "maximum" in schema else "string"


def _object(schema: Json, root: _Root, depth: int) -> Json:
    properties = schema.get("properties") or {}
    required = list(schema.get("required") or ())
    optional = [] if depth > 3 else [name for name in properties if name not in required]
    made: Json = {}
    for name in [*required, *optional]:
        inner = properties.get(name, schema.get("additionalProperties", {}))
        if depth < DEEPEST or name in required:
            made[name] = _value(inner, root, depth + 1)
    others = schema.get("additionalProperties", {})
    for number in range(max(0, schema.get("minProperties", 0) - len(made))):
        made[f"sandbox_{number}"] = _value(others, root, depth + 1)
    return made


def _array(schema: Json, root: _Root, depth: int) -> list[Any]:
    fixed = [_value(inner, root, depth + 1) for inner in schema.get("prefixItems") or ()]
    least, most = schema.get("minItems", 0), schema.get("maxItems", DEEPEST)
    wanted = max(least, 0 if depth > 3 or schema.get("items") is False else min(1, most))
    inner = schema.get("items", {})
    while len(fixed) < wanted:
        number = len(fixed)
        item = _value(inner, root, depth + 1)
        if schema.get("uniqueItems") and item in fixed:
            root.step(number)
            item = _other(inner, root, fixed, item)
        fixed.append(item)
    return fixed


def _other(schema: Any, root: _Root, taken: list[Any], item: Any) -> Any:
    """A value of the schema that is not in the list yet."""
    choices = _resolved(schema, root).get("enum") or []
    if not choices and isinstance(item, (int, float)) and not isinstance(item, bool):
        choices = [item + number for number in range(1, len(taken) + 2)]
    if not choices and isinstance(item, str):
        choices = [f"{item} {len(taken) + 1}"]
    return next((choice for choice in [*choices, False, True] if choice not in taken), item)


def _string(schema: Json, root: _Root, _depth: int) -> str:
    if schema.get("pattern"):
        made = matching(schema["pattern"])
        if made is not None:
            return made
    made = _FORMATS.get(schema.get("format", ""), root.text)
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    if least > LONGEST_TEXT:
        raise _TooMuch
    if len(made) < least:
        made += "." * (least - len(made))
    return made if most is None else made[:most]


def _integer(schema: Json, root: _Root, depth: int) -> int:
    return int(_number({**schema, "step": 1}, root, depth))


def _number(schema: Json, _root: _Root, _depth: int) -> float:
    """The smallest round value in the limits; 1 where there are none."""
    step = schema.get("multipleOf") or schema.get("step")
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    little = step or 0.5
    if low is None and isinstance(above, (int, float)):
        low = above + little if step or below is None else (above + below) / 2
    if high is None and isinstance(below, (int, float)):
        high = below - little if step or above is None else below
    value = low if low is not None else (min(1, high) if high is not None else 1)
    if step:
        value = -(-value // step) * step
        if high is not None and value > high:
            value = high // step * step
    return float(value) if isinstance(value, float) and not value.is_integer() else int(value)


_MAKERS: dict[str, Callable[[Json, _Root, int], Any]] = {
    "object": _object,
    "array": _array,
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": lambda *_: True,
    "null": lambda *_: None,
}


def matching(pattern: str) -> str | None:
    """A short text that the pattern finds, or None where the pattern is beyond this."""
    try:
        compiled = re.compile(pattern)
        made = "".join(_drawn(re._parser.parse(pattern)))
    except (re.error, NotImplementedError, OverflowError, RecursionError):
        return None
    return made if compiled.search(made) else None


def _drawn(parsed: Any) -> list[str]:
    made: list[str] = []
    for code, argument in parsed:
        name = str(code)
        if name == "LITERAL":
            made.append(chr(argument))
        elif name == "ANY":
            made.append("a")
        elif name == "IN":
            made.append(_member(argument))
        elif name == "BRANCH":
            made += _drawn(argument[1][0])
        elif name == "SUBPATTERN":
            made += _drawn(argument[3])
        elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            part, times = _drawn(argument[2]), max(argument[0], min(1, argument[1]))
            if len(part) * times > MOST_STEPS:
                raise OverflowError
            made += part * times
        elif name == "CATEGORY":
            made.append(_category(str(argument)))
        elif name not in ("AT", "ASSERT", "ASSERT_NOT"):
            raise NotImplementedError(name)
    return made


def _member(choices: Any) -> str:
    """One character of a class such as `[a-z_]` or `[^/]`."""
    if str(choices[0][0]) == "NEGATE":
        inside = re.compile("[" + "".join(map(re.escape, map(_first, choices[1:]))) + "]")
        return next(each for each in string.ascii_letters + string.digits + " " if not inside.match(each))
    return _first(choices[0])


def _first(choice: Any) -> str:
    name, argument = str(choice[0]), choice[1]
    if name == "LITERAL":
        return chr(argument)
    return chr(argument[0]) if name == "RANGE" else _category(str(argument))


def _category(name: str) -> str:
    return {"CATEGORY_DIGIT": "1", "CATEGORY_SPACE": " ", "CATEGORY_NOT_DIGIT": "a", "CATEGORY_NOT_WORD": " "}.get(
        name, "a"
    )
