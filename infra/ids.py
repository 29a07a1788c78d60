"""Ids: UUIDv7 inside (they sort by time), `prefix_` + 32 hex digits outside."""

from datetime import UTC, datetime
from uuid import UUID

from uuid_utils.compat import uuid7

_HEX = frozenset("0123456789abcdef")


def new_id() -> UUID:
    """A fresh UUIDv7."""
    return uuid7()


def show(prefix: str, value: UUID) -> str:
    """`show("job", id)` → `job_0198…`."""
    return f"{prefix}_{value.hex}"


def parse(prefix: str, text: str) -> UUID | None:
    """The id in `text`, or None if it is not a well-formed id of that prefix."""
    head, _, digits = text.partition("_")
    if head != prefix or len(digits) != 32 or not _HEX.issuperset(digits):
        return None
    return UUID(hex=digits)


def lowest_id_at(moment: datetime) -> UUID:
    """The smallest UUIDv7 of that millisecond: turns a time filter into a range on the primary key."""
    return _lowest(_milliseconds(moment))


def lowest_id_after(moment: datetime) -> UUID:
    """The smallest UUIDv7 of the millisecond after that."""
    return _lowest(_milliseconds(moment) + 1)


def _milliseconds(moment: datetime) -> int:
    return max(0, int(moment.astimezone(UTC).timestamp() * 1000))


def _lowest(milliseconds: int) -> UUID:
    return UUID(int=(milliseconds & ((1 << 48) - 1)) << 80 | 7 << 76 | 2 << 62)
