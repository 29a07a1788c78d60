"""Finding features on demand."""

from typing import Any
from uuid import UUID

from api.endpoint import Call, endpoint
from api.v1.features.place import at, placed
from api.v1.knowledge.place import pointing_into_the_body
from schemas.feature_request import AnalyzeRequest, input_of
from schemas.job import JobOut, job_view
from workers.jobs.submit import submit, wish_of


@at("POST", "/features/analyze")
@endpoint(scope="features:write", body=AnalyzeRequest, returns=JobOut, status=202, place="/v1/jobs", errors=(404, 409))
@placed
def analyze_features(call: Call, project_id: UUID) -> dict[str, Any]:
    """Assigns traces to features, and finds new ones. It happens by itself, too, to traces that have been quiet for a
    while."""
    wish = wish_of(call.body, request_id=call.request_id, created_by=call.principal.id)
    found = input_of(call.body)
    with pointing_into_the_body():
        return job_view(submit(call.session, kind="feature.analyze", payload=found, project_id=project_id, wish=wish))
