"""The days of `observations`, each a partition of its own: made ahead, dropped when they are too old.

`observations_20261121` holds what began on that day in UTC. What began on a day without a partition (a clock in 1970,
or in 2070) is in the default one, moves out when its day gets a partition, and is forgotten by when it came.

All of it is one short transaction at a time, and waits a second at most for a lock: who finds none tries again later.
Two at once are no harm; the second finds the first at it and leaves.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, text
from sqlalchemy.orm import Session

AHEAD_DAYS = 7
# A project that keeps its traces for years needs no empty days behind it.
BEHIND_DAYS = 31
# More than this is left where it is: it would hold readers up, and is found there as well.
MOST_MOVED = 50_000
MOST_FORGOTTEN = 50_000
ONE_AT_A_TIME = 72_398_115
DEFAULT = "observations_default"

BEGIN = text("SET LOCAL lock_timeout = '1s'")
TRY = text("SELECT pg_try_advisory_xact_lock(:key)")
NAMES = text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = CAST('observations' AS regclass)")
STRAYS = text(f"""
SELECT count(*) FROM (
  SELECT 1 FROM {DEFAULT} WHERE started_at >= :first AND started_at < :next LIMIT {MOST_MOVED + 1}) strays
""")
FORGET = text(f"""
DELETE FROM {DEFAULT} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {DEFAULT} WHERE received_at < :before LIMIT :at_most))
""")
FORGET_RESOURCES = text("DELETE FROM trace_resources WHERE seen_at < :before")


def make(session: Session, days: int, today: datetime) -> None:
    """Makes the days around `today` that are not there: those to come, and those that are kept (0: for ever)."""
    session.execute(BEGIN)
    if session.scalar(TRY, {"key": ONE_AT_A_TIME}):
        there, behind = set(session.scalars(NAMES)), min(days or BEHIND_DAYS, BEHIND_DAYS)
        around = [_day(today) + timedelta(days=offset) for offset in range(-behind, AHEAD_DAYS + 1)]
        _make(session, [day for day in around if _name(day) not in there])


def drop(session: Session, days: int, today: datetime) -> bool:
    """Drops what is older than that many days; whether there is more of it, for another transaction."""
    session.execute(BEGIN)
    if not session.scalar(TRY, {"key": ONE_AT_A_TIME}):
        return False
    oldest = _name(_day(today) - timedelta(days=days))
    for name in sorted(set(session.scalars(NAMES)) - {DEFAULT}):
        if name < oldest:
            session.execute(text(f"DROP TABLE {name}"))
    before = today - timedelta(days=days)
    gone = session.execute(FORGET, {"before": before, "at_most": MOST_FORGOTTEN})
    # Those who send say once a day that a resource is in use (resources.py).
    session.execute(FORGET_RESOURCES, {"before": before - timedelta(days=2)})
    return cast(CursorResult[Any], gone).rowcount == MOST_FORGOTTEN


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def _name(day: date) -> str:
    return f"observations_{day:%Y%m%d}"


def _bounds(day: date) -> dict[str, datetime]:
    first = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return {"first": first, "next": first + timedelta(days=1)}


def _make(session: Session, days: list[date]) -> None:
    """Makes these days' partitions, and moves into them what the default one has of those days; a day of which that is
    much is left alone. What takes time comes first; then the default one is locked until the commit."""
    days = [day for day in days if session.scalar(STRAYS, _bounds(day)) <= MOST_MOVED]
    for day in days:
        session.execute(text(f"CREATE TABLE {_name(day)} (LIKE observations INCLUDING ALL)"))
    if days:
        session.execute(text(f"LOCK TABLE {DEFAULT} IN ACCESS EXCLUSIVE MODE"))
    for day in days:
        name, bounds = _name(day), _bounds(day)
        moved = f"WITH gone AS (DELETE FROM {DEFAULT} WHERE started_at >= :first AND started_at < :next RETURNING *)"
        session.execute(text(f"{moved} INSERT INTO {name} SELECT * FROM gone"), bounds)
        attach = f"ALTER TABLE observations ATTACH PARTITION {name} FOR VALUES FROM (:first) TO (:next)"
        session.execute(text(attach), bounds)
