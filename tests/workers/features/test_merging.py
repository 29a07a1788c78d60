"""Two features become one: what goes over, where the old id leads, and what is refused."""

from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from typing import Any
from uuid import UUID, uuid4

import pytest

from infra.errors import FeatureDismissed, FeatureMerged, MergeRefused, NotFound
from models import FeatureState
from tests.workers.features import rows
from tests.workers.jobs.conftest import Core
from workers.features import errands, flags, manage, merging
from workers.features.following import followed

pytestmark = pytest.mark.usefixtures("nothing_to_do")
ME = UUID(int=7)


def merge(core: Core, project: UUID, one: UUID, into: UUID) -> Any:
    return core.do(merging.merge, project, one, into, by=ME)


def test_all_of_a_merged_feature_is_the_others(core: Core) -> None:
    project = core.project()
    one = core.do(rows.feature, project, traces=2, tags=["a"])
    into = core.do(rows.feature, project, traces=3, tags=["b"])
    for hangs in (rows.prompt, rows.prototype, rows.drift, rows.case, rows.watched):
        core.do(hangs, project, one)
    trace = core.do(rows.trace, project, one)
    core.do(rows.fact, project, one, trace)
    left = merge(core, project, one, into)
    assert (left.id, left.traces, left.at_risk, left.tags) == (into, 5, True, ["b", "a"])
    learnt = [f"feature_{one}" for one in ("prompts", "prototypes", "drifts", "sites", "facts")]
    for table in (*learnt, "test_cases", "traces"):
        found = core.sql(f"SELECT feature_id FROM {table} WHERE project_id = :project", project=project)
        assert [row.feature_id for row in found] == [into], table
    assert core.sql("SELECT rolled_up FROM traces WHERE id = :id", id=trace)[0].rolled_up == -1
    merged = core.do(rows.get, project, one)
    assert (merged.state, merged.merged_into, merged.traces, merged.at_risk) == (FeatureState.MERGED, into, 0, False)
    (told,) = core.sql("SELECT data FROM job_events WHERE job_id = :id", id=one)
    assert (told.data["change"], told.data["into"]) == ("merged", f"feat_{into.hex}")


def test_a_prompt_that_both_use_is_one(core: Core) -> None:
    project = core.project()
    one, into = core.do(rows.feature, project), core.do(rows.feature, project)
    for each in (one, into):
        core.do(rows.prompt, project, each, fingerprint="f" * 64, seen=3)
    core.do(rows.prompt, project, one, fingerprint="e" * 64)
    merge(core, project, one, into)
    found = core.sql("SELECT fingerprint, seen FROM feature_prompts WHERE feature_id = :id", id=into)
    assert {(row.fingerprint[0], row.seen) for row in found} == {("f", 6), ("e", 3)}


def test_a_call_site_that_both_have_is_learnt_anew_since_both_prompts_are_right_there(core: Core) -> None:
    project = core.project()
    one, into = core.do(rows.feature, project), core.do(rows.feature, project)
    for each in (one, into):
        core.do(rows.watched, project, each)
    merge(core, project, one, into)
    assert not core.sql("SELECT 1 FROM feature_sites WHERE project_id = :project", project=project)
    (watch,) = core.sql("SELECT * FROM feature_watches WHERE project_id = :project", project=project)
    assert watch.feature_id == into and watch.reference_from is not None


def test_who_led_to_a_merged_feature_leads_on_and_chains_are_never_longer_than_one(core: Core) -> None:
    project = core.project()
    first, second, third = (core.do(rows.feature, project) for _ in range(3))
    merge(core, project, first, second)
    merge(core, project, second, third)
    assert {core.do(rows.get, project, one).merged_into for one in (first, second)} == {third}
    assert core.do(followed, project, first).id == third
    fourth = core.do(rows.feature, project)
    assert merge(core, project, fourth, first).id == third


def test_a_feature_is_merged_once_and_never_in_a_circle(core: Core) -> None:
    project = core.project()
    one, into, other = (core.do(rows.feature, project) for _ in range(3))
    assert merge(core, project, one, into).id == merge(core, project, one, into).id
    assert len(core.sql("SELECT 1 FROM job_events WHERE job_id = :id", id=one)) == 1
    with pytest.raises(FeatureMerged, match=f"feat_{into.hex}"):
        merge(core, project, one, other)
    for circle in ((into, one), (into, into)):
        with pytest.raises(MergeRefused):
            merge(core, project, *circle)


def test_a_dismissed_feature_takes_nobody_in_and_another_projects_is_not_there(core: Core) -> None:
    project = core.project()
    one, dismissed = core.do(rows.feature, project), core.do(rows.feature, project, state=FeatureState.DISMISSED)
    with pytest.raises(FeatureDismissed):
        merge(core, project, one, dismissed)
    for into in (core.do(rows.feature, core.project()), uuid4()):
        with pytest.raises(NotFound) as refused:
            merge(core, project, one, into)
        assert refused.value.errors[0]["pointer"] == "/into"


def test_what_was_still_to_be_done_follows_a_merge_and_a_removal(core: Core) -> None:
    project = core.project()
    first, second, third = (core.do(rows.feature, project) for _ in range(3))
    core.do(errands.leave_lesson, project, second, inputs=["Where is it?"])
    merge(core, project, first, second)
    merge(core, project, second, third)
    found = [(one.action, one.feature_id, one.into_id) for one in core.do(rows.errands, project)]
    assert found == [("teach", third, None), ("move", first, third), ("move", second, third)]
    late = core.do(rows.trace, project, first)
    core.do(manage.remove, project, third, by=ME)
    assert {one.into_id for one in core.do(rows.errands, project)} == {None}
    errands.move()
    assert core.sql("SELECT feature_id FROM traces WHERE id = :id", id=late)[0].feature_id is None


def test_the_key_of_a_merged_feature_has_the_flag_of_the_other(core: Core) -> None:
    project = core.project()
    one, into = core.do(rows.feature, project, key="old"), core.do(rows.feature, project, key="new", enabled=False)
    core.do(rows.feature, project, key="none", state=FeatureState.DISMISSED)
    assert core.do(flags.flags, project) == {"new": False, "old": True}
    merge(core, project, one, into)
    assert core.do(flags.flags, project) == {"new": False, "old": False}


def test_people_who_decide_at_the_same_time_leave_one_feature_and_no_circle(core: Core) -> None:
    project = core.project()
    some = [core.do(rows.feature, project) for _ in range(4)]

    def decide(pair: tuple[UUID, UUID]) -> str:
        try:
            merge(core, project, *pair)
        except (FeatureMerged, MergeRefused) as refused:
            return refused.code
        return "merged"

    with ThreadPoolExecutor(4) as pool:
        said = [*pool.map(decide, [*permutations(some, 2)])]
    assert said.count("merged") >= 3 and {*said} <= {"merged", "feature_merged", "merge_refused"}
    found = [core.do(rows.get, project, one) for one in some]
    (left,) = [one.id for one in found if one.merged_into is None]
    assert {one.merged_into for one in found if one.id != left} == {left}
