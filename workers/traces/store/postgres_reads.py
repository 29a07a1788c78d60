"""Looking for observations in PostgreSQL, by time.

`observations` has no index that knows both a project and a time: a tree for it would cost every span, and few reads
need one. What is of known traces, or of a project that has few, is found by the primary key. All else is found in
stretches of time, which the BRIN index and the partitions narrow down: a short one first, then longer ones for as long
as they are quick, and as statistics do not say that there is too much in one. When the time for a page is used up, the
page ends there, with the place to go on at.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from workers.traces.base import Found, Place, Sought, Stored

Json = dict[str, Any]

# A project with no more traces than these has them named.
FEW = 300
# What bodies of a page may have, as text; a page has at least one row.
BYTES_A_PAGE = 8 * 1024 * 1024
SECONDS_A_PAGE = 0.2
SECONDS_A_STRETCH = 0.05
FIRST_STRETCH = timedelta(seconds=2)
SHORTEST_STRETCH = timedelta(milliseconds=100)
GROWTH = 8.0
# So many rows of all projects a stretch has at most, as statistics say.
ROWS_A_STRETCH = 30_000
NAMED = frozenset(("kind", "status", "name", "service", "operation", "provider", "model", "session_id", "user_id",
                   "release", "environment"))  # fmt: skip
BEGINNING, END = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
COLUMNS = ("trace_id", "span_id", "digest", "parent_id", "started_at", "duration_us", "received_at", "kind",
           "span_kind", "status", "name", "status_message", "service", "operation", "provider", "model", "session_id",
           "user_id", "release", "environment", "input_tokens", "output_tokens", "cached_tokens",
           "cache_write_tokens", "reasoning_tokens", "cost", "mapping_version")  # fmt: skip
BODIES = ("attributes", "events", "links")

ESTIMATED = text("EXPLAIN (FORMAT JSON) SELECT FROM observations WHERE started_at >= :begin AND started_at < :end")
SOME = text("SELECT id FROM traces WHERE project_id = :project_id LIMIT :at_most")
TIMES = text("SELECT min(started_at) AS first, max(started_at) AS last FROM traces WHERE project_id = :project_id")
NARROW = "SELECT {columns} FROM observations o WHERE {conditions} ORDER BY {order} LIMIT :at_most"
# What is small is not compressed; compressed, two megabytes may be eight kilobytes.
_SIZES = " + ".join(
    f"CASE WHEN pg_column_size(o.{name}) > 500 THEN octet_length(CAST(o.{name} AS text))"
    f" ELSE coalesce(pg_column_size(o.{name}), 0) END"
    for name in BODIES
)
WHOLE = f"""
SELECT {{columns}}, {{bodies}}, r.attributes AS resource FROM (
  SELECT *, sum(bytes) OVER (ORDER BY {{order}}) - bytes AS before FROM (
    SELECT *, {_SIZES} AS bytes FROM (
      SELECT {{columns}}, {{bodies}}, o.resource AS resource_digest
      FROM observations o WHERE {{conditions}} ORDER BY {{order}} LIMIT :at_most
    ) o
  ) rows
) o LEFT JOIN trace_resources r ON r.project_id = :project_id AND r.digest = o.resource_digest
WHERE before < :bytes ORDER BY {{order}}
"""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """From `begin` to before `end`."""

    begin: datetime
    end: datetime


def find(
    session: Session,
    project_id: UUID,
    sought: Sought,
    *,
    limit: int,
    after: Place | None = None,
    newest_first: bool = True,
    bodies: bool = False,
) -> Found:
    """As TraceStore says it."""
    if not sought.trace_ids:
        known = session.scalars(SOME, {"project_id": project_id, "at_most": FEW + 1}).all()
        if not known:
            return Found([], None)
        sought = replace(sought, trace_ids=known) if len(known) <= FEW else sought
    search = _Search(session, project_id, sought, newest_first, bodies)
    if sought.trace_ids:
        rows, more = search.page(
            _Stretch(sought.started_after or BEGINNING, sought.started_before or END), limit, after
        )
        return Found(rows, place_of(rows[-1]) if more else None)
    give_up_at = time.monotonic() + SECONDS_A_PAGE
    rows = []
    for stretch in search.stretches(after):
        began = time.monotonic()
        some, more = search.page(stretch, limit - len(rows), after)
        rows += some
        # A full page, or one cut short for its bytes.
        if more:
            return Found(rows, place_of(rows[-1]))
        if time.monotonic() > give_up_at and not search.is_last(stretch):
            return Found(rows, _edge(stretch, newest_first))
        search.took(time.monotonic() - began)
    return Found(rows, None)


def _edge(stretch: _Stretch, newest_first: bool) -> Place:
    """The place behind all of a stretch."""
    if newest_first:
        return Place(stretch.begin, UUID(int=0), -(2**63), -(2**63))
    return Place(stretch.end - timedelta(microseconds=1), UUID(int=2**128 - 1), 2**63 - 1, 2**63 - 1)


class _Search:
    """One page's search."""

    def __init__(self, session: Session, project_id: UUID, sought: Sought, newest_first: bool, bodies: bool) -> None:
        self.session, self.project_id, self.sought = session, project_id, sought
        self.newest_first, self.bodies = newest_first, bodies
        self._length = FIRST_STRETCH
        self._last: _Stretch | None = None

    def stretches(self, after: Place | None) -> Iterator[_Stretch]:
        """The time that there is anything of, piece by piece; the outermost pieces reach as far as was asked."""
        times = self.session.execute(TIMES, {"project_id": self.project_id}).one()
        low, high = self.sought.started_after or BEGINNING, self.sought.started_before or END
        if after is not None and self.newest_first:
            high = min(high, after.started_at + timedelta(microseconds=1))
        elif after is not None:
            low = max(low, after.started_at)
        # An observation may begin long after its trace, and never before.
        first, last = max(low, times.first), min(high, times.last)
        if self.newest_first:
            yield from self._backwards(first, last, high)
        else:
            yield from self._forwards(first, last, high)

    def _backwards(self, first: datetime, last: datetime, end: datetime) -> Iterator[_Stretch]:
        begin = last
        while end > first:
            begin = max(first, _moved(begin, -self._fitting(_moved(begin, -self._length), begin)))
            if begin == first:
                self._last = _Stretch(begin, end)
            yield _Stretch(begin, end)
            end = begin

    def _forwards(self, first: datetime, last: datetime, end: datetime) -> Iterator[_Stretch]:
        begin = first
        while begin < end:
            until = _moved(begin, self._fitting(begin, _moved(begin, self._length)))
            if until > last:
                until = end
                self._last = _Stretch(begin, until)
            yield _Stretch(begin, min(until, end))
            begin = until

    def _fitting(self, begin: datetime, end: datetime) -> timedelta:
        """How long a stretch may be that has one of these ends, and what it has in it."""
        while (length := end - begin) > SHORTEST_STRETCH:
            (plan,) = self.session.execute(ESTIMATED, {"begin": begin, "end": end}).scalar_one()
            rows = plan["Plan"]["Plan Rows"]
            if rows <= ROWS_A_STRETCH:
                break
            self._length = max(SHORTEST_STRETCH, length * min(0.5, ROWS_A_STRETCH / rows))
            begin, end = (end - self._length, end) if self.newest_first else (begin, begin + self._length)
        return length

    def is_last(self, stretch: _Stretch) -> bool:
        """Whether none follows."""
        return stretch == self._last

    def took(self, seconds: float) -> None:
        """Decides how long the next one is."""
        self._length = min(
            self._length * min(GROWTH, max(0.25, SECONDS_A_STRETCH / (seconds + 0.001))), timedelta(36500)
        )

    def page(self, stretch: _Stretch, limit: int, after: Place | None) -> tuple[list[Stored], bool]:
        """What is sought in that stretch, behind the place; and whether there is more."""
        conditions, values = self._conditions(stretch, after)
        direction = "DESC" if self.newest_first else "ASC"
        order = ", ".join(f"{name} {direction}" for name in ("started_at", "trace_id", "span_id", "digest"))
        columns, bodies = (", ".join(f"o.{name}" for name in names) for names in (COLUMNS, BODIES))
        statement = WHOLE if self.bodies else NARROW
        statement = statement.format(columns=columns, bodies=bodies, order=order, conditions=conditions)
        values |= {"at_most": limit + 1, **({"bytes": BYTES_A_PAGE} if self.bodies else {})}
        rows = [_stored(row) for row in self.session.execute(text(statement), values).mappings()]
        cut = self.bodies and 0 < len(rows) <= limit and self._more(stretch, rows[-1])
        return rows[:limit], len(rows) > limit or cut

    def _more(self, stretch: _Stretch, last: Stored) -> bool:
        """Whether there is anything behind a page, which may have ended for its bytes."""
        narrow = _Search(self.session, self.project_id, self.sought, self.newest_first, False)
        return bool(narrow.page(stretch, 1, place_of(last))[0])

    def _conditions(self, stretch: _Stretch, after: Place | None) -> tuple[str, Json]:
        sought = self.sought
        values: Json = {"project_id": self.project_id}
        found = ["o.project_id = :project_id"]

        def say(condition: str, **more: Any) -> None:
            found.append(condition)
            values.update(more)

        if sought.trace_ids:
            say("o.trace_id = ANY(:trace_ids)", trace_ids=list(sought.trace_ids))
        if stretch.begin > BEGINNING:
            say("o.started_at >= :begin", begin=stretch.begin)
        if stretch.end < END:
            say("o.started_at < :end", end=stretch.end)
        for name, value in sought.columns.items():
            if name not in NAMED:
                raise KeyError(name)
            say(f"o.{name} = :of_{name}", **{f"of_{name}": value})
        if sought.shortest is not None:
            say("o.duration_us >= :shortest", shortest=sought.shortest)
        if sought.longest is not None:
            say("o.duration_us <= :longest", longest=sought.longest)
        if after is not None:
            behind = "<" if self.newest_first else ">"
            say(
                f"(o.started_at, o.trace_id, o.span_id, o.digest) {behind} (:at, :at_trace, :at_span, :at_digest)",
                at=after.started_at, at_trace=after.trace_id, at_span=after.span_id, at_digest=after.digest,
            )  # fmt: skip
        return " AND ".join(found), values


def place_of(row: Stored) -> Place:
    """Where an observation is."""
    return Place(row.started_at, row.trace_id, row.span_id, row.digest)


def _moved(moment: datetime, by: timedelta) -> datetime:
    try:
        return moment + by
    except OverflowError:
        return END if by > timedelta(0) else BEGINNING


def _stored(row: Any) -> Stored:
    found = dict(row)
    for name, nothing in (("attributes", {}), ("events", []), ("links", []), ("resource", {})):
        if found.get(name) is None:
            found[name] = nothing
    return Stored(**found)
