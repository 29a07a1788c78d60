"""The event catalogue: what can happen, and what an event of each type says."""

from bisect import bisect_left, bisect_right
from functools import cache
from typing import Any

from flask import Blueprint

from api import event_shapes
from api.endpoint import Call, endpoint
from infra.errors import NotFound
from schemas.catalogue import BY_NAME
from schemas.event_type import EventTypeOut, EventTypesQuery, event_type_view
from workers.paging import PageOf

Json = dict[str, Any]

bp = Blueprint("event_types", __name__, url_prefix="/v1/event_types")


@bp.get("")
@endpoint(scope="jobs:read", query=EventTypesQuery, returns=EventTypeOut, page=True)
def list_event_types(call: Call) -> PageOf[Any]:
    """Lists the types of events by name, each with its JSON schema and an example."""
    query = call.query
    names, after = sorted(BY_NAME), query.get("after")
    if query["order"] == "asc":
        names = names[0 if after is None else bisect_right(names, after) :]
    else:
        names = names[: None if after is None else bisect_left(names, after)][::-1]
    shown = [_views()[name] for name in names[: query["limit"]]]
    return PageOf([], len(names) > len(shown), shown)


@bp.get("/<event_type>")
@endpoint(scope="jobs:read", returns=EventTypeOut, errors=(404,))
def get_event_type(call: Call, event_type: str) -> Json:
    """One type of event."""
    if event_type not in BY_NAME:
        raise NotFound("There is no such type of event; GET /v1/event_types lists them.")
    return _views()[event_type]


@cache
def _views() -> dict[str, Json]:
    known = event_shapes.components()
    return {name: event_type_view(one, event_shapes.standalone(one, known)) for name, one in BY_NAME.items()}
