"""What people decide about single features: made, changed, switched, confirmed, dismissed, removed."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from infra.errors import FeatureKeyTaken, FeatureMerged, NotFound
from models import FeatureState
from schemas.feature_request import FeatureIn, FeaturePatch
from tests.workers.features import rows
from tests.workers.jobs.conftest import Core
from workers.features import errands, manage

Json = dict[str, Any]
pytestmark = pytest.mark.usefixtures("nothing_to_do")
ME = UUID(int=7)


def told(core: Core, feature_id: UUID) -> list[Json]:
    found = core.sql("SELECT data FROM job_events WHERE job_id = :id ORDER BY sequence", id=feature_id)
    return [row.data for row in found]


def create(core: Core, project: UUID, **body: Any) -> UUID:
    made: UUID = core.do(manage.create, project, FeatureIn().load({"name": "Track an order", **body}), by=ME).id
    return made


def change(core: Core, project: UUID, feature_id: UUID, **body: Any) -> None:
    def do(session: Any) -> None:
        manage.change(session, manage.lock_own(session, project, feature_id), FeaturePatch().load(body), by=ME)

    core.do(do)


def decide(core: Core, decision: Any, project: UUID, feature_id: UUID, **more: Any) -> None:
    core.do(lambda session: decision(session, manage.lock_own(session, project, feature_id), by=ME, **more))


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Track an order!", "track_an_order"),
        ("  Été à la mer ", "ete_a_la_mer"),
        ("3 wishes", "feature_3_wishes"),
        ("注文を追跡する", "feature"),
        ("x" * 300, "x" * 90),
    ],
)
def test_a_key_is_what_a_name_is_for_programs(name: str, key: str) -> None:
    assert manage.key_of(name) == key


def test_a_key_is_made_of_the_first_name_and_stays(core: Core) -> None:
    project = core.project()
    first, second = create(core, project), create(core, project)
    change(core, project, first, name="Where is it?")
    found = [core.do(rows.get, project, one) for one in (first, second)]
    assert [(one.key, one.name) for one in found] == [
        ("track_an_order", "Where is it?"),
        ("track_an_order_2", "Track an order"),
    ]
    assert {one.named_by for one in found} == {"person"} and {one.state for one in found} == {FeatureState.CONFIRMED}
    with pytest.raises(FeatureKeyTaken, match="track_an_order"):
        create(core, project, key="track_an_order")
    assert create(core, core.project(), key="track_an_order")


def test_what_a_person_named_is_a_persons_and_is_confirmed(core: Core) -> None:
    project = core.project()
    feature = core.do(rows.feature, project)
    change(core, project, feature, tags=["shop"])
    found = core.do(rows.get, project, feature)
    assert (found.named_by, found.state, found.tags) == ("rule", FeatureState.DETECTED, ["shop"])
    change(core, project, feature, name=found.name)
    found = core.do(rows.get, project, feature)
    assert (found.named_by, found.state) == ("person", FeatureState.CONFIRMED)


def test_each_decision_is_told_once_and_none_where_nothing_changed(core: Core) -> None:
    project = core.project()
    feature = core.do(rows.feature, project)
    for _ in range(2):
        decide(core, manage.switch, project, feature, enabled=False)
        change(core, project, feature, description="Where parcels are.")
    change(core, project, feature, enabled=True)
    for decision in (manage.dismiss, manage.dismiss, manage.confirm, manage.confirm):
        decide(core, decision, project, feature)
    assert [one["change"] for one in told(core, feature)] == ["disabled", "changed", "enabled", "dismissed", "changed"]
    first = told(core, feature)[0]
    assert first["by"] == f"key_{ME.hex}" and first["feature_id"] == f"feat_{feature.hex}" and first["into"] is None


def test_a_removed_feature_takes_what_was_learnt_with_it_and_lets_its_traces_and_tests_go(core: Core) -> None:
    project = core.project()
    feature, other = core.do(rows.feature, project), core.do(rows.feature, project)
    merged = core.do(rows.feature, project, state=FeatureState.MERGED, merged_into=feature)
    for one in (feature, other):
        for hangs in (rows.prompt, rows.prototype, rows.drift, rows.case, rows.watched):
            core.do(hangs, project, one)
    traces = [core.do(rows.trace, project, one) for one in (feature, merged, other)]
    for trace, one in zip(traces, (feature, merged, other), strict=True):
        core.do(rows.fact, project, one, trace)
    core.do(manage.remove, project, feature, by=ME)
    for table in ("prompts", "prototypes", "drifts", "sites", "watches", "facts"):
        found = core.sql(f"SELECT feature_id FROM feature_{table} WHERE project_id = :project", project=project)
        assert [row.feature_id for row in found] == [other], table
    left = {row.id: row for row in core.sql("SELECT id, feature_id, assigned_by, analysed, rolled_up FROM traces")}
    assert [left[one].feature_id for one in traces] == [None, None, other]
    assert (left[traces[0]].assigned_by, left[traces[0]].analysed, left[traces[0]].rolled_up) == (None, 0, -1)
    cases = core.sql("SELECT feature_id FROM test_cases WHERE project_id = :project", project=project)
    assert {row.feature_id for row in cases} == {None, other}
    for one in (feature, merged):
        with pytest.raises(NotFound):
            core.do(manage.lock, project, one)
    assert [one["change"] for one in told(core, feature)] == ["removed"]


def test_a_trace_that_an_analysis_gave_to_a_feature_that_is_gone_is_let_go_by_and_by(core: Core) -> None:
    project = core.project()
    feature = core.do(rows.feature, project)
    core.do(manage.remove, project, feature, by=ME)
    late = core.do(rows.trace, project, feature)
    assert errands.move() == 1
    assert core.sql("SELECT feature_id FROM traces WHERE id = :id", id=late)[0].feature_id is None
    assert errands.move() == 0
    core.sql("UPDATE feature_errands SET due_at = now(), created_at = now() - interval '1 hour'")
    assert errands.move() == 1 and not core.do(rows.errands, project)


def test_with_a_merged_feature_only_the_way_to_the_other_is_removed(core: Core) -> None:
    project = core.project()
    into = core.do(rows.feature, project)
    merged = core.do(rows.feature, project, state=FeatureState.MERGED, merged_into=into)
    late = core.do(rows.trace, project, merged)
    core.do(manage.remove, project, merged, by=ME)
    assert core.sql("SELECT feature_id FROM traces WHERE id = :id", id=late)[0].feature_id == into
    assert core.do(rows.get, project, into).state == FeatureState.DETECTED


def test_a_large_feature_is_moved_in_steps(core: Core) -> None:
    project = core.project()
    feature = core.do(rows.feature, project)
    core.sql(
        "INSERT INTO traces (project_id, id, first_received_at, received_at, started_at, feature_id)"
        " SELECT :project, gen_random_uuid(), now(), now(), now(), :feature FROM generate_series(1, 4500)",
        project=project,
        feature=feature,
    )
    core.do(manage.remove, project, feature, by=ME)
    counts = f"SELECT count(*) AS left FROM traces WHERE feature_id = '{feature}'"
    assert core.sql(counts)[0].left == 2500
    assert errands.move() == 2 and core.sql(counts)[0].left == 0


def test_features_are_locked_in_the_order_asked_and_only_ones_own(core: Core) -> None:
    project, other = core.project(), core.project()
    first, second = core.do(rows.feature, project), core.do(rows.feature, project)
    assert [one.id for one in core.do(manage.lock, project, second, first)] == [second, first]
    for whose, which in ((other, first), (project, uuid4())):
        with pytest.raises(NotFound):
            core.do(manage.lock, whose, which)


def test_a_merged_feature_cannot_be_changed_and_says_which_one_can(core: Core) -> None:
    project = core.project()
    into = core.do(rows.feature, project)
    merged = core.do(rows.feature, project, state=FeatureState.MERGED, merged_into=into)
    with pytest.raises(FeatureMerged, match=f"feat_{into.hex}"):
        core.do(manage.lock_own, project, merged)
