"""Projects, the tenants."""

from uuid import UUID

from sqlalchemy.orm import Session

from infra.errors import NotFound
from models import MemberRole, Membership, Project, User, UserRole
from workers.paging import PageOf, Window, page


def list_projects(session: Session, project_id: UUID, window: Window) -> PageOf[Project]:
    """The projects that a key sees: its own."""
    return page(session, Project.in_project(project_id), Project, window)


def get_project(session: Session, own: UUID, project_id: UUID) -> Project:
    """The project, if it is the key's own; raises NotFound."""
    project = session.scalars(Project.in_project(project_id)).first() if own == project_id else None
    if project is None:
        raise NotFound("There is no such project.")
    return project


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
