"""Projects, the tenants, and what each has laid down for its jobs."""

import time
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import db
from infra.errors import NotFound
from infra.process import PerProcess
from infra.settings import settings
from models import MemberRole, Membership, Project, Store, User, UserRole
from workers.paging import PageOf, Window, page

Json = dict[str, Any]

KNOWN_SECONDS = 1.0
KNOWN_AT_MOST = 10_000
LOCK = text("SELECT 1 FROM projects WHERE id = :project_id FOR NO KEY UPDATE")


@dataclass(frozen=True, slots=True)
class Policy:
    """What a project has laid down, with the installation's defaults where it has not."""

    store: str
    max_running: int | None
    max_queued: int
    retention_days: int


_known: PerProcess[dict[UUID, tuple[float, Policy]]] = PerProcess(dict)


def list_projects(session: Session, project_id: UUID, window: Window) -> PageOf[Project]:
    """The projects that a key sees: its own."""
    return page(session, Project.in_project(project_id), Project, window)


def get_project(session: Session, own: UUID, project_id: UUID) -> Project:
    """The project, if it is the key's own; raises NotFound."""
    project = session.scalars(Project.in_project(project_id)).first() if own == project_id else None
    if project is None:
        raise NotFound("There is no such project.")
    return project


def lock(session: Session, project_id: UUID) -> None:
    """Has others who lock the project wait until this transaction ends: whoever counts its things, or looks whether a
    name is free, before adding one."""
    session.execute(LOCK, {"project_id": project_id})


def create_project(session: Session, *, name: str, owner_email: str) -> tuple[Project, User]:
    """A new project with its owner, who is made if nobody has that address yet."""
    owner = session.scalars(User.by_email(owner_email)).first()
    if owner is None:
        owner = User(email=owner_email, name=owner_email.partition("@")[0], role=UserRole.USER)
        session.add(owner)
    project = Project(name=name)
    session.add(project)
    session.flush()
    session.add(Membership(project_id=project.id, user_id=owner.id, role=MemberRole.OWNER))
    session.flush()
    return project, owner


def change_project(session: Session, own: UUID, project_id: UUID, changes: Json) -> Project:
    """The project with these fields changed; None is the installation's default. Other processes follow within a
    second. Raises NotFound."""
    project = get_project(session, own, project_id)
    for name, value in changes.items():
        setattr(project, name, value)
    session.flush()
    db.after_commit(session, lambda: _known().pop(project_id, None))
    return project


def shown(project: Project) -> Json:
    """What ProjectOut reads: the project, with what applies to it."""
    row = {"id": project.id, "name": project.name, "created_at": project.created_at, "weight": project.weight}
    return {**row, **asdict(_policy(project))}


def policy(session: Session, project_id: UUID) -> Policy:
    """The project's policy, at most a second old, so that a busy project costs no query."""
    known = _known()
    until, found = known.get(project_id, (0.0, None))
    if found is None or time.monotonic() > until:
        found = _policy(session.scalars(Project.in_project(project_id)).first())
        if len(known) >= KNOWN_AT_MOST:
            known.clear()
        known[project_id] = (time.monotonic() + KNOWN_SECONDS, found)
    return found


def _policy(project: Project | None) -> Policy:
    return Policy(
        store=Store.FULL if project is None else project.store,
        max_running=(project and project.max_running) or settings().project_max_running or None,
        max_queued=(project and project.max_queued) or settings().project_max_queued,
        retention_days=(project and project.retention_days) or settings().retention_days,
    )
