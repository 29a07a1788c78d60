"""The keywords of JSON Schema 2020-12: which hold schemas, and what the values of the others must be."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jsonschema_rs

TYPES = ("null", "boolean", "object", "array", "number", "string", "integer")
# What people write instead of a type; None: anything goes.
MEANT: dict[str, str | None] = {
    "int": "integer", "int32": "integer", "int64": "integer", "long": "integer", "float": "number", "double": "number",
    "decimal": "number", "bool": "boolean", "str": "string", "text": "string", "date": "string", "datetime": "string",
    "date-time": "string", "uuid": "string", "file": "string", "binary": "string", "dict": "object", "map": "object",
    "list": "array", "none": "null", "any": None,
}  # fmt: skip

ONE_SCHEMA = frozenset(
    ("additionalProperties", "not", "if", "then", "else", "contains", "propertyNames", "unevaluatedItems",
     "unevaluatedProperties", "contentSchema")
)  # fmt: skip
SCHEMA_LISTS = frozenset(("allOf", "anyOf", "oneOf", "prefixItems"))
SCHEMA_MAPS = frozenset(("properties", "patternProperties", "dependentSchemas"))
# Names and bases: references have been resolved, so nobody needs them any more.
DROPPED = frozenset(
    ("$id", "id", "$schema", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$vocabulary", "$comment", "$defs",
     "definitions", "$ref", "$dynamicRef", "$recursiveRef", "additionalItems")
)  # fmt: skip
KEPT_EXTENSIONS = frozenset(("x-extensible-enum", "x-sunset", "x-stability-level"))

LONGEST_PATTERN = 2000


def number(value: Any) -> bool:
    """Whether it is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _count(value: Any) -> bool:
    return number(value) and value >= 0 and value == int(value)


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _list(value: Any) -> bool:
    return isinstance(value, list)


@lru_cache(maxsize=4096)
def usable_pattern(pattern: str) -> bool:
    """Whether it is a regular expression that the validator can run."""
    if len(pattern) > LONGEST_PATTERN:
        return False
    try:
        jsonschema_rs.validator_for({"pattern": pattern}, retriever=deny)
    except (jsonschema_rs.ValidationError, ValueError):
        return False
    return True


def deny(uri: str) -> Any:
    """The retriever of every validator here: nothing is fetched."""
    raise ValueError(f"references to other documents are not followed: {uri}")


def _pattern(value: Any) -> bool:
    return isinstance(value, str) and usable_pattern(value)


def _step(value: Any) -> bool:
    return number(value) and value > 0


CHECKS: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum"), number),
    **dict.fromkeys(("maxLength", "minLength", "maxItems", "minItems", "maxProperties", "minProperties"), _count),
    **dict.fromkeys(("maxContains", "minContains"), _count),
    **dict.fromkeys(("title", "description", "format", "contentEncoding", "contentMediaType"), _text),
    **dict.fromkeys(("uniqueItems", "readOnly", "writeOnly", "deprecated"), _flag),
    "multipleOf": _step,
    "pattern": _pattern,
    "enum": _list,
}
