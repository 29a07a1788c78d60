"""Test cases that a trace suggests."""

from typing import Any
from uuid import UUID

from api.endpoint import Call, endpoint
from api.v1.knowledge.place import pointing_into_the_body
from api.v1.traces.place import at, placed
from infra import ids
from models import KnowledgeBase, Trace
from schemas.job import JobOut, job_view
from schemas.trace import SuggestIn
from workers.jobs.submit import Wish, submit
from workers.traces import queries

Json = dict[str, Any]


@at("POST", "/traces/<trace_id>/suggested_tests")
@endpoint(scope="tests:write", body=SuggestIn, returns=JobOut, status=202, place="/v1/jobs", errors=(404,))
@placed
def suggest_tests(call: Call, project_id: UUID, trace_id: str) -> Json:
    """Writes test cases that do again what a trace did, as drafts: its requests are the steps of one, each call of a
    model is one of its own. The answer is the job (test.generate), whose result has the drafts. Needs traces:read, too.
    """
    trace = queries.get_trace(call.session, project_id, call.id(Trace.prefix, trace_id))
    wanted = call.body.get("knowledge_base_id")
    named = {"knowledge_base_id": ids.show(KnowledgeBase.prefix, wanted)} if wanted else {}
    payload = {"from": "trace", "trace_id": ids.show(Trace.prefix, trace.id), **named}
    wish = Wish(request_id=call.request_id, created_by=call.principal.id)
    with pointing_into_the_body():
        return job_view(submit(call.session, kind="test.generate", payload=payload, project_id=project_id, wish=wish))
