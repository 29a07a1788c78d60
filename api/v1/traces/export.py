"""Traces as a file."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from uuid import UUID

from flask import Response

from api.endpoint import Call, endpoint
from api.hub import hub
from api.streams import HeldResponse
from api.v1.traces.place import at, placed
from infra.process import PerProcess
from schemas.trace import ExportQuery
from workers.traces import exporting

Json = dict[str, Any]

MEDIA_TYPE = "application/x-ndjson"
LINE = 'A line for each trace, `{"trace": …, "observations": […]}`; or lines of OTLP JSON.'

READERS = 2

# Not the hub's own readers: streams wait for those.
_readers = PerProcess(lambda: ThreadPoolExecutor(READERS, thread_name_prefix="trace-reader"))


@at("GET", "/traces/export")
@endpoint(scope="traces:read", query=ExportQuery, errors=(404,), also={MEDIA_TYPE: LINE}, or_else={204: None})
@placed
def export_traces(call: Call, project_id: UUID) -> Response:
    """The traces that a filter finds, oldest first, with all of their observations, as lines of JSON; 204 where there
    are none. Sent again to a receiver, the lines of `format=otlp` add nothing, or all of it to another project."""
    wanted = {name: value for name, value in call.query.items() if name != "format"}
    response = HeldResponse(_pieces(project_id, wanted, call.query["format"]), MEDIA_TYPE)
    response.headers["Content-Disposition"] = 'attachment; filename="traces.jsonl"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


async def _pieces(project_id: UUID, wanted: Json, form: str) -> AsyncIterator[bytes]:
    pieces = exporting.pieces(project_id, wanted, form)
    while (piece := await hub().loop.run_in_executor(_readers(), partial(next, pieces, None))) is not None:
        yield piece
