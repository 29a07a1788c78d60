"""How much of an API the approved test cases cover."""

from typing import Any
from uuid import UUID

from api.endpoint import Call, endpoint
from api.v1.suites.place import at, placed
from schemas.coverage import CoverageOut, CoverageQuery
from workers.suites import coverage


@at("GET", "/test_coverage")
@endpoint(scope="tests:read", query=CoverageQuery, returns=CoverageOut, errors=(404,))
@placed
def get_test_coverage(call: Call, project_id: UUID) -> dict[str, Any]:
    """Reports which operations, statuses, parameters and schema keywords the approved test cases cover.

    Operations that no case uses come first.
    """
    return coverage.report(call.session, project_id, call.query)
