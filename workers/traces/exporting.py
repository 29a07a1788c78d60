"""Traces with their observations as a file, piece by piece: JSON lines of our own, or lines of OTLP.

No transaction stays open between two pieces: a download may take hours. Traces come in the order in which they began;
one that changes meanwhile is written as it is when its turn comes.
"""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from infra import db, json
from models import Trace
from schemas.trace import TraceOut, trace_view
from workers.traces import encoding, queries, showing
from workers.traces.base import Place, Sought, Stored
from workers.traces.queries import Place as PlaceOfTrace
from workers.traces.store import store

Json = dict[str, Any]

TRACES_A_PAGE = 200
TRACES_AT_ONCE = 25
OBSERVATIONS_AT_ONCE = 500
PIECE = 128 * 1024
# A line of OTLP, so that any receiver takes it.
LINE = 2 * 1024 * 1024

_SHOWN = TraceOut()


def pieces(project_id: UUID, wanted: Json, form: str) -> Iterator[bytes]:
    """The file, whose form is `jsonl` or `otlp`, of the traces that TraceFilters loaded; not to be called in a
    transaction."""
    gathered, size = list[bytes](), 0
    for line in _of_form(project_id, wanted, form):
        gathered.append(line)
        size += len(line)
        if size >= PIECE:
            yield b"".join(gathered)
            gathered, size = [], 0
    if gathered:
        yield b"".join(gathered)


def _of_form(project_id: UUID, wanted: Json, form: str) -> Iterator[bytes]:
    for some in _traces(project_id, wanted):
        ids = [one.id for one, _ in some]
        yield from _requests(project_id, ids) if form == "otlp" else _lines(project_id, some)


def _traces(project_id: UUID, wanted: Json) -> Iterator[list[tuple[Trace, Json]]]:
    """The traces and how they are shown, some at a time."""
    after: PlaceOfTrace | None = None
    while True:
        with db.transaction() as session:
            found = queries.places(session, project_id, wanted, limit=TRACES_A_PAGE, after=after, newest_first=False)
            rows = queries.rows_of(session, project_id, [one.id for one in found])
            features = queries.features_of(session, project_id, rows)
            shown = [(one, trace_view(one, features)) for one in rows]
        for at in range(0, len(shown), TRACES_AT_ONCE):
            yield shown[at : at + TRACES_AT_ONCE]
        if len(found) < TRACES_A_PAGE:
            return
        after = found[-1]


def _requests(project_id: UUID, trace_ids: Sequence[UUID]) -> Iterator[bytes]:
    """Lines of OTLP."""
    waiting, size = list[Stored](), 0
    for page in _pages(project_id, trace_ids):
        for one in page:
            length = len(json.dump_bytes([one.attributes, one.events, one.links]))
            if waiting and size + length > LINE:
                yield json.dump_bytes(encoding.request_of(waiting)) + b"\n"
                waiting, size = [], 0
            waiting.append(one)
            size += length
    if waiting:
        yield json.dump_bytes(encoding.request_of(waiting)) + b"\n"


def _lines(project_id: UUID, traces: Sequence[tuple[Trace, Json]]) -> Iterator[bytes]:
    """Lines of our own: `{"trace": …, "observations": […]}`; a large one comes in several pieces."""
    together = _all_of(project_id, [one.id for one, _ in traces])
    for trace, shown in traces:
        yield b'{"trace":' + json.dump_bytes(_SHOWN.dump(shown)) + b',"observations":['
        pages = _pages(project_id, [trace.id]) if together is None else iter([together.get(trace.id, [])])
        comma = b""
        for page in pages:
            if page:
                yield comma + json.dump_bytes([showing.whole(one) for one in page])[1:-1]
                comma = b","
        yield b"]}\n"


def _all_of(project_id: UUID, trace_ids: Sequence[UUID]) -> dict[UUID, list[Stored]] | None:
    """The observations of these traces; None where they are too many to be read at once."""
    found, after = _page(project_id, trace_ids, None)
    if after is not None:
        return None
    by_trace: dict[UUID, list[Stored]] = {}
    for one in found:
        by_trace.setdefault(one.trace_id, []).append(one)
    return by_trace


def _pages(project_id: UUID, trace_ids: Sequence[UUID]) -> Iterator[list[Stored]]:
    after: Place | None = None
    while True:
        found, after = _page(project_id, trace_ids, after)
        yield found
        if after is None:
            return


def _page(project_id: UUID, trace_ids: Sequence[UUID], after: Place | None) -> tuple[list[Stored], Place | None]:
    with db.transaction() as session:
        found = store().find(
            session,
            project_id,
            Sought(trace_ids=trace_ids),
            limit=OBSERVATIONS_AT_ONCE,
            after=after,
            newest_first=False,
            bodies=True,
        )
    return found.rows, found.next
