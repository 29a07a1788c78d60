"""Whether a value fits a schema: the part of JSON Schema 2020-12 that the shop's specification uses.

Formats are checked, lengths count code points; references were resolved before.
"""

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any

Json = dict[str, Any]
Fault = tuple[str, str]

EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
DATE_TIME = re.compile(r"([0-9-]{10})[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})")


def problems(value: Any, schema: Json, pointer: str = "") -> Iterator[Fault]:
    """What is wrong with it: JSON Pointers and sentences."""
    types = schema.get("type", [])
    if types and not any(TYPES[one](value) for one in ([types] if isinstance(types, str) else types)):
        yield pointer, f"must be of type {types if isinstance(types, str) else ' or '.join(types)}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield pointer, f"must be one of {', '.join(map(str, schema['enum']))}"
    if isinstance(value, str):
        yield from _text(value, schema, pointer)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield from _number(value, schema, pointer)
    elif isinstance(value, list):
        yield from _list(value, schema, pointer)
    elif isinstance(value, dict):
        yield from _object(value, schema, pointer)


def _text(value: str, schema: Json, pointer: str) -> Iterator[Fault]:
    if len(value) < schema.get("minLength", 0):
        yield pointer, f"must have at least {schema['minLength']} characters"
    if len(value) > schema.get("maxLength", len(value)):
        yield pointer, f"must have at most {schema['maxLength']} characters"
    if "pattern" in schema and not re.fullmatch(schema["pattern"].removeprefix("^").removesuffix("$"), value):
        yield pointer, f"must match {schema['pattern']}"
    if "format" in schema and not FORMATS[schema["format"]](value):
        yield pointer, f"must be a valid {schema['format']}"


def _number(value: float, schema: Json, pointer: str) -> Iterator[Fault]:
    if value < schema.get("minimum", value):
        yield pointer, f"must be at least {schema['minimum']}"
    if value > schema.get("maximum", value):
        yield pointer, f"must be at most {schema['maximum']}"
    if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
        yield pointer, f"must be more than {schema['exclusiveMinimum']}"


def _list(value: list[Any], schema: Json, pointer: str) -> Iterator[Fault]:
    if len(value) < schema.get("minItems", 0):
        yield pointer, f"must have at least {schema['minItems']} items"
    if len(value) > schema.get("maxItems", len(value)):
        yield pointer, f"must have at most {schema['maxItems']} items"
    if schema.get("uniqueItems") and any(one in value[:index] for index, one in enumerate(value)):
        yield pointer, "must not repeat itself"
    for index, one in enumerate(value):
        yield from problems(one, schema.get("items", {}), f"{pointer}/{index}")


def _object(value: Json, schema: Json, pointer: str) -> Iterator[Fault]:
    known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    if len(value) < schema.get("minProperties", 0):
        yield pointer, f"must have at least {schema['minProperties']} properties"
    if len(value) > schema.get("maxProperties", len(value)):
        yield pointer, f"must have at most {schema['maxProperties']} properties"
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{pointer}/{name}", "is required"
    for name, one in value.items():
        at = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
        if name in known:
            yield from problems(one, known[name], at)
        elif others is False:
            yield at, "is not known"
        elif isinstance(others, dict):
            yield from problems(one, others, at)


def _is_date(value: str) -> bool:
    try:
        return bool(DATE.fullmatch(value) and date.fromisoformat(value))
    except ValueError:
        return False


def _is_date_time(value: str) -> bool:
    parts = DATE_TIME.fullmatch(value)
    if not parts:
        return False
    try:
        datetime.fromisoformat(f"{parts[1]}T{parts[2]}{'Z' if parts[4] in 'Zz' else parts[4]}")
    except ValueError:
        return False
    return True


def _is_email(value: str) -> bool:
    local, _, host = value.rpartition("@")
    labels = host.split(".")
    return bool(
        EMAIL.fullmatch(value)
        and len(local) <= 64
        and not local.startswith(".")
        and not local.endswith(".")
        and ".." not in local
        and all(label and len(label) <= 63 and label.strip("-") == label for label in labels)
    )


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


TYPES: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": _is_integer,
    "number": lambda value: _is_integer(value) or isinstance(value, float),
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}
FORMATS: dict[str, Callable[[str], bool]] = {
    "date": _is_date,
    "date-time": _is_date_time,
    "email": _is_email,
    "uuid": lambda value: bool(UUID.fullmatch(value)),
    "uri-reference": lambda value: True,
    "password": lambda value: True,
}
