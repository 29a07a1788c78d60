"""Features at risk, with what changed and which tests they have; drifts that are settled."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from infra.errors import DriftResolved, NotFound
from models import CaseState, FeatureState
from tests.workers.features import rows
from tests.workers.jobs.conftest import Core
from workers.features import manage, queries, risk
from workers.paging import Window

ME = UUID(int=7)


def resolve(core: Core, project: UUID, feature: UUID, drift: UUID) -> None:
    def do(session: Any) -> None:
        risk.resolve(session, manage.lock_own(session, project, feature), drift, note="Meant so.", by=ME)

    core.do(do)


def test_features_at_risk_are_shown_with_their_open_drifts_and_their_tests(core: Core) -> None:
    project = core.project()
    feature, calm, gone = core.do(rows.feature, project), core.do(rows.feature, project), core.do(rows.feature, project)
    core.sql("UPDATE features SET state = 'dismissed' WHERE id = :id", id=gone)
    cases = [core.do(rows.case, project, one) for one in (feature, feature, calm)]
    core.do(rows.case, project, feature, CaseState.DRAFT)
    drifts = [core.do(rows.drift, project, one) for one in (feature, feature, gone)]
    resolve(core, project, feature, drifts[0])
    (shown,) = core.do(risk.list_at_risk, project, Window()).shown
    assert (shown["id"], shown["tests"]) == (feature, {"approved": 2, "drafts": 1})
    assert [one["id"] for one in shown["drifts"]] == [drifts[1]] and len(shown["test_cases"]) == 3
    assert {one["id"] for one in shown["test_cases"]} > set(cases[:2])


def test_a_feature_is_well_when_the_last_drift_is_settled(core: Core) -> None:
    project = core.project()
    feature = core.do(rows.feature, project)
    first, second = core.do(rows.drift, project, feature), core.do(rows.drift, project, feature)
    resolve(core, project, feature, first)
    assert core.do(rows.get, project, feature).at_risk
    resolve(core, project, feature, second)
    assert not core.do(rows.get, project, feature).at_risk
    found = core.do(risk.get_drift, project, feature, second)
    assert found.resolution == {"by": "person", "key_id": f"key_{ME.hex}", "note": "Meant so."}
    assert found.resolved_at is not None
    told = core.sql("SELECT data FROM job_events WHERE job_id = :id ORDER BY sequence", id=feature)
    assert [(one.data["resolution"], one.data["at_risk"]) for one in told] == [("person", True), ("person", False)]


def test_a_drift_is_settled_once_and_is_its_features_alone(core: Core) -> None:
    project = core.project()
    feature, other = core.do(rows.feature, project), core.do(rows.feature, project)
    drift = core.do(rows.drift, project, feature)
    for whose, which in ((other, drift), (feature, uuid4())):
        with pytest.raises(NotFound):
            resolve(core, project, whose, which)
    resolve(core, project, feature, drift)
    with pytest.raises(DriftResolved):
        resolve(core, project, feature, drift)


def test_drifts_and_prompts_are_listed_by_what_they_are(core: Core) -> None:
    project = core.project()
    feature = core.do(rows.feature, project)
    old = core.do(rows.drift, project, feature, state="resolved")
    cost = core.do(rows.drift, project, feature, signal="cost", root_cause="UNKNOWN")
    core.do(rows.drift, project, core.do(rows.feature, project))
    found = core.do(rows.get, project, feature)

    def drifts(**wanted: str) -> list[UUID]:
        return [one.id for one in core.do(queries.list_drifts, found, wanted, Window()).rows]

    assert drifts() == [cost, old]
    assert drifts(state="resolved") == drifts(root_cause="SYSTEM_CHANGED", signal="prompt") == [old]
    prompt = core.do(rows.prompt, project, feature, classification="ad_hoc")
    core.do(rows.prompt, project, feature, model="gpt-4o")
    both = core.do(queries.list_prompts, found, {}, Window(limit=1))
    assert both.has_more
    for wanted in ({"classification": "ad_hoc"}, {"model": "gpt-4o-mini"}):
        assert [one.id for one in core.do(queries.list_prompts, found, wanted, Window()).rows] == [prompt]


@pytest.mark.parametrize(
    ("wanted", "named"),
    [
        ({}, ["new", "old"]),
        ({"state": "all"}, ["new", "old", "out", "gone"]),
        ({"state": "dismissed"}, ["out"]),
        ({"at_risk": True}, ["old"]),
        ({"enabled": False}, ["new"]),
        ({"tag": "a"}, ["old"]),
        ({"key": "new"}, ["new"]),
        ({"q": "OL"}, ["old"]),
        ({"q": "parcels"}, ["new"]),
        ({"q": "%"}, []),
    ],
)
def test_features_are_found_by_what_they_are(core: Core, wanted: dict[str, Any], named: list[str]) -> None:
    project = core.project()
    core.do(rows.feature, project, "gone", state=FeatureState.MERGED, merged_into=uuid4())
    core.do(rows.feature, project, "out", state=FeatureState.DISMISSED)
    core.do(rows.drift, project, core.do(rows.feature, project, "old", tags=["a"]))
    core.do(rows.feature, project, "new", key="new", enabled=False, description="Where are my parcels?")
    core.do(rows.feature, core.project(), "foreign", key="new")
    assert [one["name"] for one in core.do(queries.list_features, project, wanted, Window()).shown] == named
