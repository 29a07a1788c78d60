"""The time, always aware and in UTC."""

from datetime import UTC, datetime


def now() -> datetime:
    """The current time."""
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """`2026-01-31T12:00:00.123456Z`."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
