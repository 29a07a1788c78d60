"""JSON, once: orjson with the types our rows hold."""

import re
from decimal import Decimal
from typing import Any

import orjson


def _default(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def dumps(value: Any) -> str:
    """Compact JSON text; Decimal as string, datetimes as RFC 3339 with Z, UUIDs as text."""
    return dump_bytes(value).decode()


def dump_bytes(value: Any) -> bytes:
    """Compact JSON in UTF-8."""
    return orjson.dumps(value, default=_default, option=orjson.OPT_UTC_Z)


def dump_canonical(value: Any) -> bytes:
    """Compact JSON in UTF-8 with sorted keys: the same bytes for the same value."""
    return orjson.dumps(value, default=_default, option=orjson.OPT_UTC_Z | orjson.OPT_SORT_KEYS)


def dump_for_postgres(value: Any) -> str:
    """JSON text that JSONB takes: it has no U+0000, so a model that says it is quoted with U+FFFD."""
    text = dumps(value)
    return _NUL.sub(r"\1\\ufffd", text) if "\\u0000" in text else text


# An escape is one only after an even number of backslashes.
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")

loads = orjson.loads
