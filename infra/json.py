"""JSON, once: orjson with the types our rows hold."""

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


loads = orjson.loads
