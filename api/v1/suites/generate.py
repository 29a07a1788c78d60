"""Writing test cases: from the operations of a knowledge base, from a trace, from a description."""

from typing import Any
from uuid import UUID

from api.endpoint import Call, endpoint
from api.v1.knowledge.place import pointing_into_the_body
from api.v1.suites.place import at, placed
from schemas.job import JobOut, job_view
from schemas.test_generate_request import GenerateRequest, input_of
from workers.jobs.submit import submit, wish_of

Json = dict[str, Any]


@at("POST", "/test_cases/generate")
@endpoint(scope="tests:write", body=GenerateRequest, returns=JobOut, status=202, place="/v1/jobs", errors=(404, 409))
@placed
def generate_test_cases(call: Call, project_id: UUID) -> Json:
    """Writes test cases as drafts, which runs take when somebody has approved them. Nothing is called for it: what is
    expected comes from the specification, the trace or the description alone."""
    wish = wish_of(call.body, request_id=call.request_id, created_by=call.principal.id)
    payload = input_of(call.body)
    with pointing_into_the_body():
        return job_view(submit(call.session, kind="test.generate", payload=payload, project_id=project_id, wish=wish))
