"""Suites: made, found, changed, removed."""

import secrets
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from infra import ids
from infra.clock import now
from infra.errors import BadInput, Conflict, NotFound
from models import Suite
from workers import projects
from workers.paging import PageOf, Window, page
from workers.suites import cases, content, environments

Json = dict[str, Any]

AT_MOST = 1000
MOST_NAMED = 20
CONTENT = ("variables", "setup", "teardown")
COLUMNS = ("name", "description", "tags", "case_ids", "select_tags", "environment_id", "defaults")


def create_suite(session: Session, project_id: UUID, body: Json, *, created_by: UUID | None) -> Suite:
    """A new suite of what SuiteIn loaded. Raises BadInput with pointers, and Conflict for a name that is taken or one
    suite too many."""
    made = content.checked({name: body[name] for name in CONTENT})
    projects.lock(session, project_id)
    _require_existing(session, project_id, body)
    _require_free(session, project_id, body["name"])
    if (session.scalar(select(func.count()).select_from(_present(project_id).subquery())) or 0) >= AT_MOST:
        raise Conflict(f"This project has {AT_MOST} suites, which is the most; delete one.")
    suite = Suite(
        id=ids.new_id(),
        project_id=project_id,
        created_by=created_by,
        updated_at=now(),
        **{name: body[name] for name in COLUMNS},
        content=made,
        badge_token=secrets.token_urlsafe(24),
    )
    session.add(suite)
    session.flush()
    return suite


def list_suites(session: Session, project_id: UUID, wanted: Json, window: Window) -> PageOf[Suite]:
    """The project's suites; `wanted` is what SuitesQuery loads."""
    query = _present(project_id)
    if wanted.get("tag"):
        query = query.where(Suite.tags.contains([wanted["tag"]]))
    if wanted.get("q"):
        query = query.where(Suite.name.icontains(wanted["q"], autoescape=True))
    return page(session, query, Suite, window)


def get_suite(session: Session, project_id: UUID, suite_id: UUID, *, lock: bool = False) -> Suite:
    """The project's suite of that id, locked if it is to be changed; raises NotFound."""
    query = _present(project_id).where(Suite.id == suite_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = session.scalars(query).first()
    if found is None:
        raise NotFound("There is no such suite.")
    return found


def change_suite(session: Session, suite: Suite, body: Json) -> Suite:
    """The locked suite with what SuitePatch loaded; raises what `create_suite` raises."""
    if any(name in body for name in CONTENT):
        suite.content = content.checked(suite.content | {name: body[name] for name in CONTENT if name in body})
    projects.lock(session, suite.project_id)
    _require_existing(session, suite.project_id, body)
    if body.get("name", suite.name) != suite.name:
        _require_free(session, suite.project_id, body["name"])
    for name in COLUMNS:
        if name in body:
            setattr(suite, name, body[name])
    suite.updated_at = now()
    session.flush()
    return suite


def remove_suite(session: Session, suite: Suite) -> Suite:
    """The locked suite, which nobody finds from here on; its cases and runs stay."""
    suite.deleted_at = now()
    session.flush()
    return suite


def _present(project_id: UUID) -> Select[Suite]:
    return Suite.in_project(project_id).where(Suite.deleted_at.is_(None))


def _require_free(session: Session, project_id: UUID, name: str) -> None:
    if session.scalar(select(_present(project_id).where(Suite.name == name).exists())):
        raise Conflict(f"This project has a suite {name!r} already; choose another name.")


def _require_existing(session: Session, project_id: UUID, body: Json) -> None:
    """Raises BadInput, with pointers, for cases and an environment that the project does not have."""
    wanted = body.get("case_ids") or []
    found = cases.get_cases(session, project_id, wanted) if wanted else {}
    where = [f"/case_ids/{index}" for index, one in enumerate(wanted) if one not in found]
    missing = [{"pointer": one, "detail": "There is no such test case."} for one in where]
    if body.get("environment_id") is not None:
        try:
            environments.get_environment(session, project_id, body["environment_id"])
        except NotFound as error:
            missing.append({"pointer": "/environment_id", "detail": error.detail})
    if missing:
        raise BadInput("The suite names what is not there; `errors` says where.", errors=missing[:MOST_NAMED])
