"""The tests of features at risk are run again, and what they say is taken."""

from typing import Any
from uuid import UUID

import pytest

from infra.errors import Conflict, FeatureHasNoTests, FeatureMerged
from models import CaseState, FeatureDrift, FeatureState
from schemas.test_run_request import SuiteRunIn
from tests.workers.features import rows
from tests.workers.jobs.conftest import Core
from workers.features import manage, reruns
from workers.jobs.submit import Wish

pytestmark = pytest.mark.usefixtures("nothing_to_do")
NORMAL = SuiteRunIn().load({})


def rerun(core: Core, project: UUID, feature: UUID, **body: Any) -> Any:
    def do(session: Any) -> Any:
        (found,) = manage.lock(session, project, feature)
        return reruns.rerun(session, found, SuiteRunIn().load(body), Wish())

    return core.do(do)


def drift_of(core: Core, project: UUID, drift: UUID) -> FeatureDrift:
    found: FeatureDrift = core.do(
        lambda session: session.scalars(FeatureDrift.in_project(project).where(FeatureDrift.id == drift)).one()
    )
    return found


def at_risk(core: Core, project: UUID) -> tuple[UUID, UUID, UUID]:
    """A feature with a drift and a case."""
    feature = core.do(rows.feature, project)
    return feature, core.do(rows.drift, project, feature), core.do(rows.case, project, feature)


def test_a_green_run_resolves_what_was_open_when_it_began(core: Core) -> None:
    project = core.project()
    feature, drift, case = at_risk(core, project)
    core.do(rows.case, project, feature, CaseState.DRAFT)
    job = rerun(core, project, feature)
    assert (job.kind, job.payload["test_case_ids"]) == ("test.run", [f"tc_{case.hex}"])
    assert drift_of(core, project, drift).reruns[0]["verdict"] is None
    assert reruns.settle() == 0
    later = core.do(rows.drift, project, feature)
    core.do(rows.end_run, project, job.id, {case: "passed"})
    assert reruns.settle() == 1 and reruns.settle() == 0
    found = drift_of(core, project, drift)
    assert (found.state, found.resolution) == ("resolved", {"by": "tests", "run_id": f"run_{job.id.hex}"})
    assert [(one["run_id"], one["verdict"]) for one in found.reruns] == [(f"run_{job.id.hex}", "passed")]
    assert drift_of(core, project, later).state == "open" and core.do(rows.get, project, feature).at_risk
    (told,) = core.sql("SELECT data FROM job_events WHERE job_id = :id AND type = 'feature.resolved'", id=feature)
    assert (told.data["resolution"], told.data["at_risk"]) == ("tests", True)


@pytest.mark.parametrize(
    ("verdicts", "ended", "said"),
    [
        (["passed", "failed"], {}, "failed"),
        (["passed", "flaky"], {}, "flaky"),
        (["skipped", "skipped"], {"verdict": "errored"}, "skipped"),
        (["passed", "cancelled"], {"verdict": "cancelled"}, "cancelled"),
        (["passed", "passed"], {"quarantined": True}, "skipped"),
    ],
)
def test_whatever_is_not_green_leaves_the_feature_at_risk_with_the_run_noted(
    core: Core, verdicts: list[str], ended: dict[str, Any], said: str
) -> None:
    project = core.project()
    feature, drift, case = at_risk(core, project)
    other = core.do(rows.case, project, feature)
    job = rerun(core, project, feature)
    core.do(rows.end_run, project, job.id, dict(zip((case, other), verdicts, strict=True)), **ended)
    assert reruns.settle() == 1
    found = drift_of(core, project, drift)
    assert (found.state, found.reruns[0]["verdict"]) == ("open", said) and core.do(rows.get, project, feature).at_risk


def test_one_run_of_all_features_at_risk_judges_each_by_its_own_cases(core: Core) -> None:
    project = core.project()
    good, bad = at_risk(core, project), at_risk(core, project)
    untested = core.do(rows.feature, project)
    core.do(rows.drift, project, untested)
    core.do(rows.case, project, core.do(rows.feature, project))
    job = core.do(reruns.rerun_all, project, NORMAL, Wish())
    assert sorted(job.payload["test_case_ids"]) == sorted(f"tc_{one.hex}" for one in (good[2], bad[2]))
    core.do(rows.end_run, project, job.id, {good[2]: "passed", bad[2]: "failed"})
    reruns.settle()
    assert [core.do(rows.get, project, one).at_risk for one in (good[0], bad[0], untested)] == [False, True, True]


def test_a_run_that_is_gone_is_noted_and_its_feature_stays_at_risk(core: Core) -> None:
    project = core.project()
    feature, drift, _ = at_risk(core, project)
    job = rerun(core, project, feature)
    core.sql("DELETE FROM test_runs WHERE id = :id", id=job.id)
    assert reruns.settle() == 1
    assert drift_of(core, project, drift).reruns[0]["verdict"] == "cancelled"


def test_a_feature_without_approved_tests_is_refused_with_a_way_to_get_some(core: Core) -> None:
    project = core.project()
    with pytest.raises(Conflict, match="No feature is at risk"):
        core.do(reruns.rerun_all, project, NORMAL, Wish())
    feature = core.do(rows.feature, project)
    core.do(rows.drift, project, feature)
    case = core.do(rows.case, project, feature, CaseState.DRAFT)
    with pytest.raises(FeatureHasNoTests, match="suggested_tests"):
        rerun(core, project, feature)
    with pytest.raises(FeatureHasNoTests, match="None of the features"):
        core.do(reruns.rerun_all, project, NORMAL, Wish())
    assert rerun(core, project, feature, include_drafts=True).payload["test_case_ids"] == [f"tc_{case.hex}"]
    merged = core.do(rows.feature, project, state=FeatureState.MERGED, merged_into=feature)
    with pytest.raises(FeatureMerged):
        rerun(core, project, merged)
