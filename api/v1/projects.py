"""Projects."""

from typing import Any

from flask import Blueprint

from api.endpoint import Call, endpoint
from models import Project
from schemas.base import page_query
from schemas.project import ProjectOut, ProjectPatch
from workers import projects
from workers.paging import PageOf

bp = Blueprint("projects", __name__, url_prefix="/v1/projects")


@bp.get("")
@endpoint(scope="projects:read", query=page_query("proj"), returns=ProjectOut, page=True)
def list_projects(call: Call) -> PageOf[Project]:
    """Lists the projects that the key may see."""
    return projects.list_projects(call.session, call.principal.project_id, call.window).map(projects.shown)


@bp.get("/<project_id>")
@endpoint(scope="projects:read", returns=ProjectOut, errors=(404,))
def get_project(call: Call, project_id: str) -> dict[str, Any]:
    """One project and its policy."""
    found = projects.get_project(call.session, call.principal.project_id, call.id("proj", project_id))
    return projects.shown(found)


@bp.patch("/<project_id>")
@endpoint(scope="projects:write", body=ProjectPatch, returns=ProjectOut, errors=(404,))
def change_project(call: Call, project_id: str) -> dict[str, Any]:
    """Changes a project's name, how long its finished jobs are kept, and what is kept of them."""
    own, wanted = call.principal.project_id, call.id("proj", project_id)
    return projects.shown(projects.change_project(call.session, own, wanted, call.body))
