"""Where a noun of a project is: below the project, or below `/v1`, where the project is the key's own.

    suites = Place("suites")

    @suites.at("GET", "/suites/<suite_id>")
    @endpoint(scope="tests:read", returns=SuiteOut, errors=(404,))
    @placed
    def get_suite(call: Call, project_id: UUID, suite_id: str) -> Suite: ...

answers `GET /v1/projects/{project_id}/suites/{suite_id}` and `GET /v1/suites/{suite_id}`.
"""

import functools
from collections.abc import Callable
from typing import Any

from flask import Blueprint

from api.endpoint import Call

View = Callable[..., Any]

IN_PROJECT = "/v1/projects/<project_id>"
OWN = "/v1"


def placed(view: View) -> View:
    """Gives a view below `@endpoint` the project's id; what else the path has comes after it."""

    @functools.wraps(view)
    def wrapper(call: Call, project_id: str | None = None, **path: str) -> Any:
        project = call.own_project(None if project_id is None else call.id("proj", project_id))
        return view(call, project, **path)

    return wrapper


class Place:
    """A blueprint whose views are at both places."""

    def __init__(self, name: str) -> None:
        self.bp = Blueprint(name, __name__)

    def at(self, method: str, rule: str, *, name: str | None = None) -> Callable[[View], View]:
        """Registers a view at both places; where it has several rules, each but one has a `name` of its own."""

        def register(view: View) -> View:
            called = name or view.__name__
            self.bp.add_url_rule(OWN + rule, called, view, methods=[method])
            self.bp.add_url_rule(IN_PROJECT + rule, f"{called}_of_project", view, methods=[method])
            return view

        return register
