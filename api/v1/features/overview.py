"""All features in figures."""

from typing import Any
from uuid import UUID

from api.endpoint import Call, endpoint
from api.v1.features.place import at, placed
from schemas.feature import OverviewOut, OverviewQuery
from workers.features import overview


@at("GET", "/features/overview")
@endpoint(scope="features:read", query=OverviewQuery, returns=OverviewOut, errors=(404,))
@placed
def get_features_overview(call: Call, project_id: UUID) -> dict[str, Any]:
    """Each feature's traffic, cost, errors, latency, risk and tests, against as long a time before; busiest first."""
    return overview.overview(call.session, project_id, call.query)
