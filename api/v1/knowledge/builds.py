"""Builds of a knowledge base, what they would cost, and how a text would be cut."""

from typing import Any
from uuid import UUID

from flask import Response

from api.endpoint import Call, Later, endpoint
from api.v1.knowledge.place import Place, at, placed, pointing_into_the_body
from infra import json
from schemas.dry_run import SubmitQuery
from schemas.job import JobOut, job_view
from schemas.rag_build import BuildPlanOut, BuildRequest, PreviewIn, PreviewOut, UpdateRequest
from workers.jobs.submit import Wish, submit
from workers.knowledge import previews
from workers.knowledge.building.plan import plan

Json = dict[str, Any]

planned = BuildPlanOut()


@at("POST", "/build-rag")
@endpoint(
    scope="kb:write",
    query=SubmitQuery,
    body=BuildRequest,
    returns=JobOut,
    status=202,
    place="/v1/jobs",
    errors=(404, 409),
    or_else={200: BuildPlanOut},
)
@placed
def build_rag(call: Call, place: Place) -> Json | Later:
    """Builds a version of the draft beside the active one; only what has changed is cut and embedded.

    With `dry_run` nothing is built: the answer is 200 and says what would change, and what that would cost.
    """
    return _build(call, place)


@at("POST", "/update-rag")
@endpoint(
    scope="kb:write",
    query=SubmitQuery,
    body=UpdateRequest,
    returns=JobOut,
    status=202,
    place="/v1/jobs",
    errors=(404, 409),
    or_else={200: BuildPlanOut},
)
@placed
def update_rag(call: Call, place: Place) -> Json | Later:
    """Builds a version of the draft and activates it if it passes the gate; it stays ready if it does not."""
    return _build(call, place)


@at("POST", "/chunks/preview")
@endpoint(scope="kb:read", body=PreviewIn, returns=PreviewOut, errors=(404,))
@placed
def preview_chunks(call: Call, place: Place) -> Later:
    """Shows how a text, or an entry of the draft, would be cut; nothing is stored. The first 1,000 chunks are shown."""
    base = place.base()
    text, title, type = previews.text_of(call.session, base, call.body)
    settings = previews.settings_of(base, call.body.get("chunking") or {})
    return Later(lambda: previews.preview(text, type, settings, title))


def _build(call: Call, place: Place) -> Json | Later:
    base, wishes = place.base(), dict(call.body)
    if wishes.pop("dry_run") or call.query["dry_run"]:
        project_id, base_id = base.project_id, base.id
        return Later(lambda: _planned(project_id, base_id, wishes))
    payload = {"knowledge_base_id": base.public_id, **wishes}
    wish = Wish(request_id=call.request_id, created_by=call.principal.id)
    with pointing_into_the_body():
        return job_view(submit(call.session, kind="rag.build", payload=payload, project_id=place.project_id, wish=wish))


def _planned(project_id: UUID, base_id: UUID, wishes: Json) -> Response:
    with pointing_into_the_body():
        found = plan(project_id, base_id, wishes)
    return Response(json.dump_bytes(planned.dump(found)), content_type="application/json")
