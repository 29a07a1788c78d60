"""Reading observations: those of a trace as its tree, and many by time, of one trace or of all."""

import struct
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from infra.errors import InvalidParameter
from models import Trace
from workers.traces import showing
from workers.traces.base import Place, Sought, Stored
from workers.traces.mapping.usage import counts, has_usage
from workers.traces.store import store
from workers.traces.trees import tree

Json = dict[str, Any]

# A tree has so many at most, and so much text; the rest is read page by page.
MOST = 10_000
CHARACTERS = 32 * 1024 * 1024
AT_ONCE = 500
COLUMNS = ("kind", "name", "status", "service", "operation", "provider", "model", "session_id", "user_id", "release",
           "environment")  # fmt: skip
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CURSOR = "obs_"
_PLACE = struct.Struct(">q16sqq")


def tree_of(session: Session, trace: Trace, *, whole: bool) -> Json:
    """`{"tree", "tree_complete"}` of a trace, as TraceDetailOut has them; what is beyond the size of an answer is left
    out."""
    rows: list[Stored] = []
    shown: dict[int, Json] = {}
    complete, size = True, 0
    for one in of_trace(session, trace.project_id, trace.id):
        if len(rows) == MOST or size > CHARACTERS:
            complete = False
            break
        shown[id(one)] = found = showing.whole(one) if whole else showing.cut(one)
        size += showing.size_of(found)
        # What it says is in what is shown of it; the tree needs its place alone.
        one.attributes, one.events, one.links = {}, [], []
        rows.append(one)
    counted = {id(rows[index]) for index in counts(rows)}
    nodes = [
        shown[id(node.observation)]
        | {"depth": node.depth, "position": node.position.value, "children": node.children,
           "counts": id(node.observation) in counted}
        for node in tree(rows)
    ]  # fmt: skip
    return {"tree": nodes, "tree_complete": complete}


def of_trace(session: Session, project_id: UUID, trace_id: UUID) -> Iterator[Stored]:
    """All observations of a trace with their bodies, oldest first, some at a time in memory."""
    after: Place | None = None
    while True:
        sought = Sought(trace_ids=[trace_id])
        found = store().find(session, project_id, sought, limit=AT_ONCE, after=after, newest_first=False, bodies=True)
        yield from found.rows
        after = found.next
        if after is None:
            return


def list_observations(session: Session, project_id: UUID, wanted: Json, *, of: Trace | None = None) -> Json:
    """What ObservationPage shows; `wanted` is what ObservationsQuery loads, `of` the trace whose they are. Raises
    InvalidParameter for a cursor of no place."""
    after = None if wanted.get("after") is None else read_cursor(wanted["after"])
    bodies, newest_first = wanted["whole"], wanted["order"] == "desc"
    found = store().find(
        session, project_id, _sought(wanted, of), limit=wanted["limit"], after=after, newest_first=newest_first,
        bodies=bodies,
    )  # fmt: skip
    repeats = repeats_of(session, project_id, {one.trace_id for one in found.rows})
    show = showing.whole if bodies else showing.narrow
    shown = [show(one) | {"counts": _counts(one, repeats)} for one in found.rows]
    ids = [one["id"] for one in shown] or [None]
    cursor = None if found.next is None else written_cursor(found.next)
    return {"data": shown, "has_more": found.next is not None, "first_id": ids[0], "last_id": ids[-1], "cursor": cursor}


def _sought(wanted: Json, of: Trace | None) -> Sought:
    lengths = [wanted.get(name) for name in ("min_duration_ms", "max_duration_ms")]
    shortest, longest = (None if one is None else one * 1000 for one in lengths)
    return Sought(
        trace_ids=() if of is None else [of.id],
        started_after=wanted.get("started_after"),
        started_before=wanted.get("started_before"),
        columns={name: wanted[name] for name in COLUMNS if wanted.get(name) is not None},
        shortest=shortest,
        longest=longest,
    )


def repeats_of(session: Session, project_id: UUID, trace_ids: Iterable[UUID]) -> dict[UUID, set[int] | None]:
    """The digests of those observations of each trace whose usage is that of others; None where that is not known
    yet."""
    wanted = [*trace_ids]
    if not wanted:
        return {}
    query = Trace.in_project(project_id).where(Trace.id.in_(wanted))
    columns = (Trace.id, Trace.repeats, Trace.rolled_up, Trace.revision)
    rows = session.execute(query.with_only_columns(*columns))
    return {row.id: set(row.repeats or ()) if row.rolled_up == row.revision else None for row in rows}


def _counts(one: Stored, repeats: dict[UUID, set[int] | None]) -> bool | None:
    known = repeats.get(one.trace_id)
    if not has_usage(one):
        return False
    return None if known is None else one.digest not in known


def written_cursor(place: Place) -> str:
    """A place as text."""
    at = (place.started_at - EPOCH) // timedelta(microseconds=1)
    return CURSOR + _PLACE.pack(at, place.trace_id.bytes, place.span_id, place.digest).hex()


def read_cursor(text: str) -> Place:
    """The place that was written so; raises InvalidParameter where it is none."""
    at, trace_id, span_id, digest = _PLACE.unpack(bytes.fromhex(text.removeprefix(CURSOR)))
    try:
        return Place(EPOCH + timedelta(microseconds=at), UUID(bytes=trace_id), span_id, digest)
    except OverflowError:
        detail = "Is no cursor of a page; begin again."
        raise InvalidParameter(detail, errors=[{"pointer": "/after", "detail": detail}]) from None
