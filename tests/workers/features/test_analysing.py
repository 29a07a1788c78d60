"""Traces become features, over a real database."""

from typing import Any
from uuid import UUID

import pytest

from infra import db
from tests.workers.features.analyses import Killed, analyse, asked, feature_of, features, plain, trace_of
from tests.workers.features.seen import tool
from tests.workers.jobs.conftest import Core
from tests.workers.traces.sending import send, span
from workers.features import manage, merging, moving, prototypes
from workers.features.loading import summaries_of
from workers.traces.store import store

TOOLS = ("get_order_status", "start_refund", "search_plant_guide")


@pytest.fixture
def project(core: Core) -> UUID:
    """A project without traces."""
    core.sql("TRUNCATE traces, observations, features, feature_prototypes, feature_learnt, feature_errands")
    return core.project()


@pytest.fixture
def talked(core: Core, project: UUID) -> dict[str, list[UUID]]:
    """Ten traces of each of three features that share an endpoint and a prompt, not yet analysed."""
    made: dict[str, list[UUID]] = {name: [] for name in TOOLS}
    for number in range(10):
        for name in TOOLS:
            made[name].append(trace_of(core, project, name, number))
    return made


def test_features_are_found_named_told_and_given_their_traces(core: Core, project: UUID, talked: Any) -> None:
    noise = plain(core, project, "GET", "/health", 6) + plain(core, project, "GET", "/odd", 1)
    orders = plain(core, project, "GET", "/orders/{n}", 6)
    result = analyse(project)
    named = features(core, project)
    assert set(named) == {"Get order status", "Start refund", "Search plant guide", "View orders"}
    assert {len({feature_of(core, one) for one in ids}) for ids in talked.values()} == {1}
    assert {feature_of(core, one) for one in orders} == {named["View orders"].id}
    assert {feature_of(core, one) for one in noise} == {None}
    assert (result["traces"], result["unassigned"], result["skipped"], len(result["new"])) == (43, 7, 0, 4)
    assert {one["traces"] for one in result["features"]} == {10, 6}
    first = named["Start refund"]
    assert (first.traces, first.state, first.named_by, first.key) == (10, "detected", "rule", "start_refund")
    assert first.evidence["inputs"] and len(first.evidence["trace_ids"]) == 5
    told = core.sql("SELECT data FROM job_events WHERE type = 'feature.detected' AND job_id = :id", id=first.id)
    assert [one.data["traces"] for one in told] == [10]


def test_what_comes_later_is_assigned_and_ids_stay(core: Core, project: UUID, talked: Any) -> None:
    analyse(project)
    before = {name: one.id for name, one in features(core, project).items()}
    later = {name: asked(core, project, name, 4, first=50) for name in TOOLS}
    result = analyse(project)
    assert result["new"] == [] and result["unassigned"] == 0
    assert {name: one.id for name, one in features(core, project).items()} == before
    for name in TOOLS:
        assert {feature_of(core, one) for one in later[name]} == {feature_of(core, talked[name][0])}
    assert core.sql("SELECT count(*) FROM traces WHERE rolled_up = -1")[0][0] == 42


def test_a_new_prompt_or_model_is_no_new_feature(core: Core, project: UUID, talked: Any) -> None:
    analyse(project)
    other = "Du hilfst Kunden eines Gartenmarktes. Sei sehr ausführlich, und immer freundlich."
    later = asked(core, project, "start_refund", 5, first=70, system=other)
    assert analyse(project)["new"] == []
    assert {feature_of(core, one) for one in later} == {feature_of(core, talked["start_refund"][0])}


def test_an_analysis_that_is_killed_goes_on_where_it_was(core: Core, project: UUID, talked: Any) -> None:
    wish = {"trace_ids": [one for ids in talked.values() for one in ids]}
    with pytest.raises(Killed):
        analyse(project, wish, dies_at=2)
    assert core.sql("SELECT count(*) FROM traces WHERE analysed = revision")[0][0] == 30
    assert features(core, project) == {}
    result = analyse(project, wish, attempt=2)
    assert result["traces"] == 0 and len(result["new"]) == 3
    assert {one.traces for one in features(core, project).values()} == {10}


def test_the_same_again_changes_nothing(core: Core, project: UUID, talked: Any) -> None:
    analyse(project)
    before = core.sql("SELECT id, feature_id, assigned_by FROM traces ORDER BY id")
    result = analyse(project, {"trace_ids": talked["start_refund"], "again": True})
    assert (result["traces"], result["new"]) == (10, [])
    assert core.sql("SELECT id, feature_id, assigned_by FROM traces ORDER BY id") == before
    assert {one.traces for one in features(core, project).values()} == {10}
    assert analyse(project, {"trace_ids": talked["start_refund"]})["skipped"] == 10


def test_late_spans_that_say_nothing_new_leave_a_trace_where_it_is(core: Core, project: UUID, talked: Any) -> None:
    analyse(project)
    trace = talked["start_refund"][0]
    send(core, [span("SELECT refunds", trace=trace, parent="00000000000000aa")], project=project)
    assert analyse(project)["traces"] == 1
    assert feature_of(core, trace) == features(core, project)["Start refund"].id
    assert features(core, project)["Start refund"].traces == 10


def test_what_a_person_assigned_stays(core: Core, project: UUID, talked: Any) -> None:
    analyse(project)
    refund, order = features(core, project)["Start refund"].id, talked["get_order_status"][0]
    core.do(moving.assign, project, refund, [order])
    core.do(moving.assign, project, None, talked["get_order_status"][1:2])
    analyse(project, {"trace_ids": talked["get_order_status"], "again": True})
    assert feature_of(core, order) == refund
    assert feature_of(core, talked["get_order_status"][1]) is None


def test_traces_of_a_merged_feature_go_to_where_it_leads(core: Core, project: UUID, talked: Any) -> None:
    analyse(project)
    named = features(core, project)
    into = named["Get order status"].id
    core.do(merging.merge, project, named["Start refund"].id, into, by=None)
    later = asked(core, project, "start_refund", 3, first=80)
    assert analyse(project)["new"] == []
    assert {feature_of(core, one) for one in later} == {into}


def test_what_a_person_dismissed_is_not_proposed_again(core: Core, project: UUID, talked: Any) -> None:
    analyse(project)
    with db.transaction() as session:
        (dismissed,) = manage.lock(session, project, features(core, project)["Start refund"].id)
        manage.dismiss(session, dismissed, by=None)
    later = asked(core, project, "start_refund", 12, first=80)
    assert analyse(project)["new"] == []
    assert {feature_of(core, one) for one in later} == {None}
    assert core.sql("SELECT count(*) FROM traces WHERE unassigned IS NOT NULL")[0][0] == 0


def test_pinned_prototypes_go_first(core: Core, project: UUID, talked: Any) -> None:
    analyse(project)
    given = talked["search_plant_guide"][::2]
    summaries = summaries_of(project, given)
    assert len(summaries) == 5 and all(one.vector is not None for one in summaries)
    into = features(core, project)["Start refund"].id
    assert core.do(prototypes.pin, project, into, summaries) > 0
    later = trace_of(core, project, "search_plant_guide", 100)
    analyse(project)
    assert feature_of(core, later) == into


def test_a_trace_that_cannot_be_understood_is_set_aside(core: Core, project: UUID, talked: Any) -> None:
    broken = talked["start_refund"][0]
    core.sql("UPDATE traces SET tries = 2 WHERE id = :id", id=broken)
    core.sql("UPDATE observations SET attributes = '[1]' WHERE trace_id = :id", id=broken)
    result = analyse(project)
    assert result["skipped"] >= 1 and feature_of(core, broken) is None
    assert core.sql("SELECT analysed FROM traces WHERE id = :id", id=broken)[0].analysed == 1
    assert len(features(core, project)) == 3


def test_traces_that_are_gone_are_skipped(core: Core, project: UUID, talked: Any) -> None:
    gone = talked["start_refund"][0]
    core.do(store().delete, project, [gone])
    other = core.project()
    result = analyse(project, {"trace_ids": [gone, *talked["start_refund"][1:], UUID(int=1)]})
    assert (result["traces"], result["skipped"]) == (9, 2)
    assert analyse(other, {"trace_ids": talked["get_order_status"]})["skipped"] == 10


def test_an_unknown_tool_at_a_known_place_waits_for_its_like(core: Core, project: UUID, talked: Any) -> None:
    analyse(project)
    root = span("POST /chat", {"http.request.method": "POST", "http.route": "/chat"}, kind=2)
    send(core, [root, tool(root, "close_account")], project=project)
    assert analyse(project)["unassigned"] == 1
