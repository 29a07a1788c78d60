"""Projects."""

from flask import Blueprint

from api.endpoint import Call, endpoint
from models import Project
from schemas.base import page_query
from schemas.project import ProjectOut
from workers import projects
from workers.paging import PageOf

bp = Blueprint("projects", __name__, url_prefix="/v1/projects")


@bp.get("")
@endpoint(scope="projects:read", query=page_query("proj"), returns=ProjectOut, page=True)
def list_projects(call: Call) -> PageOf[Project]:
    """Lists the projects that the key may see."""
    return projects.list_projects(call.session, call.principal.project_id, call.window)


@bp.get("/<project_id>")
@endpoint(scope="projects:read", returns=ProjectOut, errors=(404,))
def get_project(call: Call, project_id: str) -> Project:
    """One project."""
    return projects.get_project(call.session, call.principal.project_id, call.id("proj", project_id))
