"""Where a knowledge base is: below its project by its id, or, the project's own default, below `kb`.

    @at("POST", "/submit")
    @endpoint(scope="kb:write", returns=ReviewOut, errors=(404, 409))
    @placed
    def submit_draft(call: Call, place: Place) -> dict: ...

answers `POST /v1/projects/{project_id}/knowledge_bases/{kb_id}/submit` and `POST /v1/projects/{project_id}/kb/submit`.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Blueprint

from api.endpoint import Call
from infra.errors import SwitchyardError
from models import KnowledgeBase
from workers.knowledge import bases

View = Callable[..., Any]

BY_ID = "/v1/projects/<project_id>/knowledge_bases/<kb_id>"
DEFAULT = "/v1/projects/<project_id>/kb"

bp = Blueprint("knowledge", __name__)


@dataclass(frozen=True, slots=True)
class Place:
    """The knowledge base that a request's path names."""

    call: Call
    project_id: UUID
    kb_id: UUID | None

    def base(self, *, lock: bool = False) -> KnowledgeBase:
        """The knowledge base, locked if it is to be changed; raises NotFound. The default one is made if need be."""
        found = self.kb_id or bases.default_base(self.call.session, self.project_id).id
        return bases.get_base(self.call.session, self.project_id, found, lock=lock)


def placed(view: View) -> View:
    """Gives a view below `@endpoint` the Place instead of the path's ids; what else the path has comes after it."""

    @functools.wraps(view)
    def wrapper(call: Call, project_id: str, kb_id: str | None = None, **path: str) -> Any:
        project = call.own_project(call.id("proj", project_id))
        found = None if kb_id is None else call.id(KnowledgeBase.prefix, kb_id)
        return view(call, Place(call, project, found), **path)

    return wrapper


@contextmanager
def pointing_into_the_body() -> Iterator[None]:
    """For a job whose input is the request's body: refusals of the one point into the other."""
    try:
        yield
    except SwitchyardError as error:
        error.errors = [{**one, "pointer": one["pointer"].removeprefix("/input")} for one in error.errors]
        raise


def at(method: str, rule: str, *, name: str | None = None) -> Callable[[View], View]:
    """Registers a view at both places; where it has several rules, each but one has a `name` of its own."""

    def register(view: View) -> View:
        called = name or view.__name__
        bp.add_url_rule(BY_ID + rule, called, view, methods=[method])
        bp.add_url_rule(DEFAULT + rule, f"{called}_of_project", view, methods=[method])
        return view

    return register
