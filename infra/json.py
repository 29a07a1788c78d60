"""JSON, once: orjson with the types our rows hold."""

import re
from decimal import Decimal
from typing import Any

import orjson

# Levels. orjson reads 1024 and writes 254; what is read is written with a few more around it.
DEEPEST = 200
_WRITTEN = 254


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
    return quote_nul(dumps(value))


def quote_nul(text: str) -> str:
    """JSON text with U+FFFD in the place of each U+0000."""
    return _NUL.sub(r"\1\\ufffd", text) if "\\u0000" in text else text


# An escape is one only after an even number of backslashes.
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")

loads = orjson.loads


def read(text: bytes | str) -> Any:
    """JSON that others wrote; raises ValueError, also for what is nested so deep that it could not be written again."""
    found = orjson.loads(text)
    if too_deep(found, text):
        shown = text.decode(errors="replace") if isinstance(text, bytes) else text
        raise orjson.JSONDecodeError(f"nested more than {DEEPEST} levels deep", shown, 0)
    return found


def too_deep(value: Any, text: bytes | str = b"") -> bool:
    """Whether JSON has more than 200 levels; `text` is what it was read from, and makes the answer quick."""
    if text and _brackets(text) <= DEEPEST:
        return False
    # orjson says it a hundred times as fast as a walk: with so many more around it, can it write that?
    for _ in range(_WRITTEN - DEEPEST):
        value = [value]
    try:
        orjson.dumps(value)
    except TypeError:
        return True
    return False


def _brackets(text: bytes | str) -> int:
    return text.count(b"[") + text.count(b"{") if isinstance(text, bytes) else text.count("[") + text.count("{")
