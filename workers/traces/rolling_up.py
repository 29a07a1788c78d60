"""The roll-up: traces that something new has come of are added up again from all their observations.

    roll_up(limit)     # what is due, in short transactions; the clock calls it every second (tasks/traces.py)

Those are due whose `rolled_up` is below their `revision`: each reception raises the latter, and whoever gives a trace
another feature sets `rolled_up` to -1, so that what it has added to the metrics moves. A trace is added up as a whole,
whatever came in which order and however often, so the last roll-up after the last reception is right.

Of a project one at a time, under a lock of the database (`locked`), which whoever deletes traces takes too; a second
one goes on with other projects. Observations are read before any row is locked. Rows that somebody else holds at that
moment (a reception) are left for the next time, so nobody waits for it longer than for its last statements. What comes
meanwhile raises `revision` again, and is seen by the next.

A trace whose spans keep coming is added up when none has come for a moment, and else every ten seconds; one of
thousands of observations so seldom that it takes a small share of the time. Beyond MOST observations of a trace, those
that began first are added up.
"""

import gc
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import db
from workers.traces import contributions, metric_rows, previews, sessions, trace_rows
from workers.traces.adding_up import add_up
from workers.traces.base import Outline, Place, Sought, Stored
from workers.traces.contributions import Changes, Contribution, Known
from workers.traces.sessions import Shares
from workers.traces.store import store
from workers.traces.trace_rows import Rolled

AT_ONCE = 2_000
OBSERVATIONS_AT_ONCE = 20_000
# Traces, of which up to three observations are read whole.
HEARD_AT_ONCE = 50
# Of one trace: added up, and read page by page.
MOST = 100_000
LARGE = 5_000
SECONDS = 4.0

_LOCK = "hashtextextended('traces of ' || :project_id, 0)"
TRY = text(f"SELECT pg_try_advisory_xact_lock({_LOCK})")
WAIT = text(f"SELECT pg_advisory_xact_lock({_LOCK})")

log = structlog.get_logger(__name__)


def roll_up(limit: int = 100_000, *, quiet_seconds: float = 0.0, seconds: float = SECONDS, resting: float = 0.0) -> int:
    """Adds up at most so many traces, for about so long; returns how many. With `quiet_seconds` those wait that
    something came of so recently; with `resting` it rests after each step, for so many times as long as that took.
    Not to be called in a transaction."""
    give_up_at, done = time.monotonic() + seconds, 0
    while done < limit and (began := time.monotonic()) < give_up_at:
        found = sum(_rolled_up(*due) for due in _due(min(AT_ONCE, limit - done), quiet_seconds).items())
        done += found
        if not found:
            break
        time.sleep((time.monotonic() - began) * resting)
    return done


def locked(session: Session, project_id: UUID) -> None:
    """Waits until no roll-up of the project is under way, and keeps others away until the transaction ends."""
    session.execute(WAIT, {"project_id": project_id.hex})


def _due(at_most: int, quiet_seconds: float) -> Mapping[UUID, Sequence[str]]:
    """The traces that wait longest, by their projects; as many as are read at once, by what is known of them."""
    with db.transaction() as session:
        rows = session.execute(trace_rows.DUE, {"quiet": quiet_seconds, "at_most": at_most}).all()
    found: defaultdict[UUID, list[str]] = defaultdict(list)
    expected = 0
    for row in rows:
        expected += row.observations
        if found and expected > OBSERVATIONS_AT_ONCE:
            break
        found[row.project_id].append(row.id)
    return found


def _rolled_up(project_id: UUID, trace_ids: Sequence[str]) -> int:
    """Adds up these traces of a project, unless that is being done. One that cannot be added up stays as it was, is
    tried again ever more seldom, and holds up no other."""
    try:
        with db.transaction() as session:
            if not session.scalar(TRY, {"project_id": project_id.hex}):
                return 0
            with _no_collector():
                return _roll(session, project_id, trace_ids)
    except Exception as error:
        if db.is_passing(error):
            raise
        log.error("traces.roll_up_failed", traces=len(trace_ids), error=type(error).__name__)
    if len(trace_ids) > 1:
        return sum(_rolled_up(project_id, [one]) for one in trace_ids)
    with db.transaction() as session:
        trace_rows.postpone(session, project_id, trace_ids)
    return 1


@contextmanager
def _no_collector() -> Iterator[None]:
    """What is made here is many small things and no circles; looking for some took a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _roll(session: Session, project_id: UUID, trace_ids: Sequence[str]) -> int:
    due, observations = _observations(session, project_id, trace_rows.these(session, project_id, trace_ids))
    traces = [
        Rolled(row, add_up(observations[row.id]), contributions.read(row.contribution), Contribution())
        for row in due
        if row.id in observations
    ]
    _listen(session, project_id, traces)
    _find_places(session, project_id, traces)
    held = trace_rows.hold(session, project_id, [row.id for row in due])
    _write(session, project_id, [one for one in traces if one.row.id in held])
    # What has no observations any more.
    if gone := [row.id for row in due if row.id in held and row.id not in observations]:
        trace_rows.set_aside(session, project_id, gone)
    return len(held)


def _observations(
    session: Session, project_id: UUID, due: Sequence[Any]
) -> tuple[Sequence[Any], Mapping[str, Sequence[Outline]]]:
    """For which of these traces there is room, and what is there of each. Large ones are read by pages."""
    large = [row.id for row in due if row.observations >= LARGE]
    small = [row.id for row in due if row.observations < LARGE]
    some = store().outlines_of(session, project_id, small, at_most=OBSERVATIONS_AT_ONCE)
    if not some.complete and not some.traces:
        large.append(small[0])
    found = {**some.traces, **{trace_id: _first_of(session, project_id, UUID(trace_id)) for trace_id in large}}
    if not some.complete:
        due = [row for row in due if row.id in found]
    return due, {trace_id: members for trace_id, members in found.items() if members}


def _first_of(session: Session, project_id: UUID, trace_id: UUID) -> list[Outline]:
    found: list[Outline] = []
    after: Place | None = None
    while len(found) < MOST:
        page = store().find(
            session, project_id, Sought(trace_ids=[trace_id]), limit=LARGE, after=after, newest_first=False
        )
        found += map(_outline, page.rows)
        after = page.next
        if after is None:
            return found
    log.warning("traces.too_large", trace_id=trace_id.hex, added_up=len(found))
    return found


def _outline(one: Stored) -> Outline:
    return Outline._make((*(getattr(one, name) for name in Outline._fields[:-1]), str(one.trace_id)))


def _listen(session: Session, project_id: UUID, traces: Sequence[Rolled]) -> None:
    """Reads what those say that speak for each trace, where that are others than before; a few traces at a time, as a
    span may say much."""
    loud: list[Rolled] = []
    for one in traces:
        found = one.found
        one.now.texts = [None if who is None else who.digest for who in (found.root, found.first, found.last)]
        if one.now.texts != one.before.texts:
            one.preview = previews.NOTHING
            if not previews.is_mute(found):
                loud.append(one)
    for begin in range(0, len(loud), HEARD_AT_ONCE):
        _hear(session, project_id, loud[begin : begin + HEARD_AT_ONCE])


def _hear(session: Session, project_id: UUID, traces: Sequence[Rolled]) -> None:
    speakers = [(one.found.root, one.found.first, one.found.last) for one in traces]
    asked = {id(who): who for some in speakers for who in some if who is not None}
    places = [Place(who.started_at, UUID(who.trace), who.span_id, who.digest) for who in asked.values()]
    said = dict(zip(asked, store().bodies_of(session, project_id, places), strict=True))
    for one, some in zip(traces, speakers, strict=True):
        one.preview = previews.preview(*(who and said[id(who)] for who in some))


def _find_places(session: Session, project_id: UUID, traces: Sequence[Rolled]) -> None:
    """Works out what each adds to which series."""
    known = Known()
    for one in traces:
        one.now.parts = contributions.parts_of(one.found, one.name, one.row.feature_id, known)
    elsewhere = metric_rows.redirected(session, project_id, [one.now.parts for one in traces], known.keys)
    for one in traces if elsewhere else ():
        one.now.parts = contributions.moved(one.now.parts, elsewhere)


def _write(session: Session, project_id: UUID, traces: Sequence[Rolled]) -> None:
    """Takes back what they had added, and adds what they do now: to their own rows, their sessions and the metrics."""
    changes, shares = Changes(), Shares()
    for one in traces:
        if one.row.contribution is not None:
            changes.add(one.before.parts, -1)
            shares.add(one.row, -1)
        changes.add(one.now.parts)
        shares.add(one.found)
    if traces:
        trace_rows.write(session, project_id, traces)
        metric_rows.apply(session, project_id, changes)
        sessions.refresh(session, project_id, shares)
