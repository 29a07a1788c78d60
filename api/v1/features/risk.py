"""Features at risk: what changed about them, the prompts that they use, and their tests, run again."""

from typing import Any
from uuid import UUID

from api.endpoint import Call, endpoint
from api.v1.features.features import ONE, own_feature
from api.v1.features.place import at, placed
from api.v1.knowledge.place import pointing_into_the_body
from models import Feature, FeatureDrift, FeaturePrompt
from schemas.base import page_query
from schemas.feature_request import DriftResolveIn
from schemas.feature_risk import AtRiskOut, DriftOut, DriftsQuery, PromptOut, PromptsQuery, drift_view, prompt_view
from schemas.job import JobOut, job_view
from schemas.test_run_request import SuiteRunIn
from workers.features import queries, reruns, risk
from workers.jobs.submit import wish_of
from workers.paging import PageOf

Json = dict[str, Any]


@at("GET", "/features/at_risk")
@endpoint(scope="features:read", query=page_query("feat"), returns=AtRiskOut, page=True, errors=(404,))
@placed
def list_features_at_risk(call: Call, project_id: UUID) -> PageOf[Feature]:
    """Lists the features that behave differently than they did: what changed, why, and which tests they have."""
    return risk.list_at_risk(call.session, project_id, call.window)


@at("GET", f"{ONE}/drift")
@endpoint(scope="features:read", query=DriftsQuery, returns=DriftOut, page=True, errors=(404,))
@placed
def list_feature_drifts(call: Call, project_id: UUID, feature_id: str) -> PageOf[FeatureDrift]:
    """Lists what has changed about a feature, newest first."""
    feature = _feature(call, project_id, feature_id)
    return queries.list_drifts(call.session, feature, call.query, call.window).map(drift_view)


@at("GET", f"{ONE}/drift/<drift_id>")
@endpoint(scope="features:read", returns=DriftOut, errors=(404,))
@placed
def get_feature_drift(call: Call, project_id: UUID, feature_id: str, drift_id: str) -> Json:
    """One change: its two sides, their difference, and the evidence."""
    feature, wanted = _feature(call, project_id, feature_id), call.id(FeatureDrift.prefix, drift_id)
    return drift_view(risk.get_drift(call.session, project_id, feature.id, wanted))


@at("POST", f"{ONE}/drift/<drift_id>/resolve")
@endpoint(scope="features:write", body=DriftResolveIn, returns=DriftOut, errors=(404, 409))
@placed
def resolve_feature_drift(call: Call, project_id: UUID, feature_id: str, drift_id: str) -> Json:
    """Says that a change is settled. The feature is at risk as long as others are open."""
    feature, wanted = own_feature(call, project_id, feature_id), call.id(FeatureDrift.prefix, drift_id)
    resolved = risk.resolve(call.session, feature, wanted, note=call.body["note"], by=call.principal.id)
    return drift_view(resolved)


@at("GET", f"{ONE}/fingerprints")
@endpoint(scope="features:read", query=PromptsQuery, returns=PromptOut, page=True, errors=(404,))
@placed
def list_feature_prompts(call: Call, project_id: UUID, feature_id: str) -> PageOf[FeaturePrompt]:
    """Lists the prompts that a feature uses, by their fingerprints, and how steady each is."""
    feature = _feature(call, project_id, feature_id)
    return queries.list_prompts(call.session, feature, call.query, call.window).map(prompt_view)


@at("POST", f"{ONE}/rerun_tests")
@endpoint(scope="features:write", body=SuiteRunIn, returns=JobOut, status=202, place="/v1/jobs", errors=(404, 409))
@placed
def rerun_feature_tests(call: Call, project_id: UUID, feature_id: str) -> Json:
    """Runs the feature's approved test cases; the key needs `tests:run`, too. Where all pass, its open drifts are
    resolved; where not, it stays at risk. The answer is the job; the run has its id, behind `run_`."""
    feature = own_feature(call, project_id, feature_id)
    wish = wish_of(call.body, request_id=call.request_id, created_by=call.principal.id)
    with pointing_into_the_body():
        return job_view(reruns.rerun(call.session, feature, call.body, wish))


@at("POST", "/features/rerun_tests")
@endpoint(scope="features:write", body=SuiteRunIn, returns=JobOut, status=202, place="/v1/jobs", errors=(404, 409))
@placed
def rerun_tests_at_risk(call: Call, project_id: UUID) -> Json:
    """Runs the approved test cases of all features at risk, as one run; each feature is judged by its own cases."""
    wish = wish_of(call.body, request_id=call.request_id, created_by=call.principal.id)
    with pointing_into_the_body():
        return job_view(reruns.rerun_all(call.session, project_id, call.body, wish))


def _feature(call: Call, project_id: UUID, feature_id: str) -> Feature:
    """The feature that a path names, or what it leads to."""
    return queries.get_feature(call.session, project_id, call.id(Feature.prefix, feature_id), follow=True)
