"""A project's events in one order that never changes behind a reader: what GET /v1/events reads.

The order is (position, sequence, id); the events of one job stand in it in theirs. A reader is given only what stands
below the oldest transaction that is still open: all of those have ended, so nothing can appear among their events
later, and whoever goes on after a place misses nothing and sees nothing twice. A transaction that stays open delays the
events after it, of everybody, and loses none. `job.delta` is not among them: it is kept in Redis while its job is live,
and is read with its job.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra.errors import InvalidParameter
from schemas.catalogue import matching
from schemas.event import DELTA, envelope, sse

Json = dict[str, Any]

# How many events one statement looks at for those of the wanted types.
SCANNED_AT_MOST = 1_000
READS_A_PAGE = 20
LAST_POSITION, LAST_SEQUENCE = 2**63 - 1, 2**31 - 1
CURSOR = re.compile(r"([0-9]{1,19})\.([0-9]{1,10})\.([0-9a-f]{32})", re.ASCII)

_SETTLED = "position < CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)"

# The wanted events, and the last one that was looked at: the reader's new place if there are no more of the wanted.
READ = text(f"""
WITH scanned AS (
  SELECT *, CAST(:types AS text[]) IS NULL OR type = ANY(CAST(:types AS text[])) AS wanted FROM job_events
  WHERE project_id = :project_id AND (position, sequence, id) > (:position, :sequence, CAST(:id AS uuid)) AND {_SETTLED}
  ORDER BY position, sequence, id LIMIT :scanned
), found AS (
  SELECT * FROM scanned WHERE wanted ORDER BY position, sequence, id LIMIT :limit
), counted AS (
  SELECT count(*) AS scanned, EXISTS (
    SELECT FROM job_events WHERE project_id = :project_id AND NOT {_SETTLED}) AS unsettled FROM scanned
)
SELECT position, id, type, sequence, data, created_at, wanted, counted.* FROM (
  SELECT * FROM found UNION ALL
  (SELECT * FROM scanned WHERE NOT wanted ORDER BY position DESC, sequence DESC, id DESC LIMIT 1)
) e RIGHT JOIN counted ON true ORDER BY position, sequence, id
""")

NEWEST = text(f"""
SELECT position, sequence, id FROM job_events WHERE project_id = :project_id AND {_SETTLED}
ORDER BY position DESC, sequence DESC, id DESC LIMIT 1
""")

PRESENT = text("SELECT CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS bigint)")

MOVED = text(f"""
SELECT w.project_id FROM unnest(
  CAST(:projects AS uuid[]), CAST(:positions AS bigint[]), CAST(:sequences AS int[]), CAST(:ids AS uuid[])
) AS w(project_id, at_position, at_sequence, at_id)
WHERE EXISTS (SELECT FROM job_events e WHERE e.project_id = w.project_id
  AND (e.position, e.sequence, e.id) > (w.at_position, w.at_sequence, w.at_id) AND {_SETTLED})
""")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in a project's events: behind the one event that has all these."""

    position: int
    sequence: int
    id: UUID

    def __str__(self) -> str:
        """The cursor, as clients have it."""
        return f"{self.position}.{self.sequence}.{self.id.hex}"


BEGINNING = Place(0, 0, UUID(int=0))
START = "start"


@dataclass(frozen=True, slots=True)
class Found:
    """An event at its place, and how it is streamed: written once, however many read it."""

    place: Place
    type: str
    event: Json
    sse: bytes

    @property
    def cursor(self) -> str:
        """What to give as `after` to go on behind it."""
        return str(self.place)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Events in order; `place` is where their reader then stands, behind events of other types, too. `more`: others
    can be read at once; `unsettled`: others are visible, and will be settled in a moment."""

    events: list[Found]
    place: Place
    more: bool
    unsettled: bool


def place_at(cursor: str, pointer: str = "/after") -> Place:
    """The place that a cursor means; raises InvalidParameter, which names `pointer`, if it means none."""
    if cursor == START:
        return BEGINNING
    found = CURSOR.fullmatch(cursor)
    if found is None or int(found[1]) > LAST_POSITION or int(found[2]) > LAST_SEQUENCE:
        raise refused('Must be a `cursor`, or "start"; the id of an event is none.', pointer)
    return Place(int(found[1]), int(found[2]), UUID(hex=found[3]))


def refused(sentence: str, pointer: str) -> InvalidParameter:
    """The refusal of the parameter that `pointer` names."""
    return InvalidParameter(errors=[{"pointer": pointer, "detail": sentence}])


def check(session: Session, place: Place, pointer: str = "/after") -> None:
    """Raises InvalidParameter for a place that this database has not reached: it was restored, or is another one."""
    if place.position > session.execute(PRESENT).scalar_one():
        raise refused("Is later than all of this database; leave it out for new events, or begin at start.", pointer)


def types_of(patterns: Sequence[str]) -> frozenset[str] | None:
    """The types that these patterns mean (`job.succeeded`, `job.*`, `*`), None for all; raises InvalidParameter for a
    pattern that means none."""
    wanted: set[str] = set()
    for pattern in patterns:
        found = {one.name for one in matching(pattern)} - {DELTA}
        if not found:
            why = "are streamed with their job only" if pattern == DELTA else "do not exist"
            raise refused(f"Events of the type {pattern[:100]!r} {why}; GET /v1/event_types lists all types.", "/types")
        wanted |= found
    return frozenset(wanted) if patterns and "*" not in patterns else None


def read(
    session: Session, *, project_id: UUID, after: Place, limit: int, types: Collection[str] | None = None
) -> Stretch:
    """Up to `limit` settled events behind that place, of these types if some are named."""
    parameters = {
        "project_id": project_id,
        "position": after.position,
        "sequence": after.sequence,
        "id": after.id,
        "types": None if types is None else sorted(types),
        "limit": limit,
        "scanned": limit if types is None else SCANNED_AT_MOST,
    }
    rows = session.execute(READ, parameters).all()
    found = [_found(project_id, row) for row in rows if row.wanted]
    scanned, unsettled = rows[0].scanned, rows[0].unsettled
    full = len(found) == limit
    if full:
        place = found[-1].place
    else:
        place = max([after, *(Place(row.position, row.sequence, row.id) for row in rows if row.position is not None)])
    return Stretch(found, place, full or scanned == parameters["scanned"], unsettled)


def page(
    session: Session, *, project_id: UUID, after: Place, limit: int, types: Collection[str] | None = None
) -> Stretch:
    """The same as a page: has `limit` events if there are so many, unless the wanted ones are very rare."""
    events: list[Found] = []
    for _ in range(READS_A_PAGE):
        stretch = read(session, project_id=project_id, after=after, limit=limit + 1 - len(events), types=types)
        events, after = [*events, *stretch.events], stretch.place
        if len(events) > limit:
            return Stretch(events[:limit], events[limit - 1].place, True, stretch.unsettled)
        if not stretch.more:
            break
    return Stretch(events, after, stretch.more, stretch.unsettled)


def _found(project_id: UUID, row: Any) -> Found:
    event = envelope(
        id=row.id,
        type=row.type,
        created_at=row.created_at,
        project_id=project_id,
        sequence=row.sequence,
        data=row.data,
    )
    place = Place(row.position, row.sequence, row.id)
    return Found(place, row.type, event, sse(event, str(place)))


def newest(session: Session, project_id: UUID) -> Place:
    """The place behind the project's newest settled event; what is not settled yet follows after it."""
    row = session.execute(NEWEST, {"project_id": project_id}).first()
    return BEGINNING if row is None else Place(row.position, row.sequence, row.id)


def moved(session: Session, places: Mapping[UUID, Place]) -> Sequence[UUID]:
    """Which of these projects have events behind the place named for them."""
    parameters = {
        "projects": [str(one) for one in places],
        "positions": [place.position for place in places.values()],
        "sequences": [place.sequence for place in places.values()],
        "ids": [str(place.id) for place in places.values()],
    }
    return session.execute(MOVED, parameters).scalars().all()
