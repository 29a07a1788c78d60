"""Which version is served: activation, rollback, and what neither may do."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from infra.errors import (
    Conflict,
    Forbidden,
    GateRefused,
    KnowledgeBaseNotBuilt,
    NotFound,
    ReviewRequired,
    VersionNotReady,
)
from tests.workers.jobs.conftest import Core
from tests.workers.knowledge.conftest import Knowledge
from workers.knowledge import review, versions


def activate(knowledge: Knowledge, version: int | None = None, *, may_force: bool = True, **body: Any) -> int:
    body = {"version": version, "force": False, **body}
    done = knowledge.locked(versions.activate, by=knowledge.writer, may_force=may_force, body=body)
    assert done.number == knowledge.base.active_version
    return int(done.number)


def rollback(knowledge: Knowledge, version: int | None = None, **body: Any) -> int:
    done = knowledge.locked(versions.roll_back, by=knowledge.writer, body={"version": version, **body})
    assert done.number == knowledge.base.active_version
    return int(done.number)


@pytest.fixture
def three(knowledge: Knowledge) -> Knowledge:
    """A base with the versions 1 to 3, none of them active."""
    knowledge.put(a="one")
    assert [knowledge.built() for _ in range(3)] == [1, 2, 3]
    return knowledge


def test_the_newest_that_is_ready_is_activated_unless_another_is_named(three: Knowledge) -> None:
    three.built(state="building")
    assert activate(three) == 3
    assert activate(three, 1) == 1
    assert three.events() == ["kb.activated", "kb.activated"]


def test_the_active_one_stays_active_without_an_event(three: Knowledge) -> None:
    assert (activate(three), activate(three), activate(three, 3)) == (3, 3, 3)
    assert three.events() == ["kb.activated"]


@pytest.mark.parametrize("state", ["building", "failed", "dropped"])
def test_what_is_not_ready_is_neither_activated_nor_gone_back_to(three: Knowledge, state: str) -> None:
    number = three.built(state=state)
    for switch in (activate, rollback):
        with pytest.raises(VersionNotReady):
            switch(three, number)
    assert three.base.active_version is None and three.events() == []


def test_a_version_that_never_was_is_not_found_and_one_that_was_cleared_is_not_ready(three: Knowledge) -> None:
    with pytest.raises(NotFound):
        activate(three, 4)
    three.core.sql("DELETE FROM kb_versions WHERE knowledge_base_id = :kb AND number = 1", kb=three.id)
    with pytest.raises(VersionNotReady, match="not kept any more"):
        activate(three, 1)


def test_without_a_version_nothing_is_activated_or_gone_back_to(knowledge: Knowledge) -> None:
    with pytest.raises(KnowledgeBaseNotBuilt):
        activate(knowledge)
    with pytest.raises(KnowledgeBaseNotBuilt):
        rollback(knowledge)


def test_an_expectation_that_is_not_met_changes_nothing(three: Knowledge) -> None:
    assert activate(three, 1, expected_active=None) == 1
    with pytest.raises(Conflict, match="version 1 by now"):
        activate(three, 2, expected_active=None)
    assert activate(three, 2, expected_active=1) == 2
    with pytest.raises(Conflict, match="version 2 by now"):
        rollback(three, expected_active=1)
    assert rollback(three, expected_active=2) == 1


def test_rollback_goes_back_along_what_was_active(three: Knowledge) -> None:
    for number in (1, 2, 3):
        activate(three, number)
    assert (rollback(three), rollback(three)) == (2, 1)
    with pytest.raises(Conflict, match="was active before"):
        rollback(three)
    assert three.events() == ["kb.activated"] * 3 + ["kb.rolled_back"] * 2


def test_what_was_left_by_a_rollback_is_not_gone_back_to_unless_it_is_activated_again(three: Knowledge) -> None:
    activate(three, 1)
    activate(three, 2)
    rollback(three)
    activate(three, 3)
    assert rollback(three) == 1
    activate(three, 2)
    activate(three, 3)
    assert rollback(three) == 2


def test_a_rollback_to_a_named_version_skips_those_between(three: Knowledge) -> None:
    for number in (1, 2, 3):
        activate(three, number)
    assert rollback(three, 1) == 1
    with pytest.raises(Conflict):
        rollback(three)
    activate(three, 3)
    assert rollback(three) == 1


def test_a_rollback_passes_no_gate_and_needs_no_review(three: Knowledge) -> None:
    three.core.sql(
        'UPDATE kb_versions SET stats = \'{"chunks": {"total": 1}}\' WHERE number = 1 AND knowledge_base_id = :kb',
        kb=three.id,
    )
    activate(three, 1)
    activate(three, 2)
    with pytest.raises(GateRefused):
        activate(three, 1)
    assert rollback(three) == 1


def test_the_gate_is_passed_over_by_force_of_a_reviewer_only(three: Knowledge) -> None:
    activate(three)
    worse = three.built(chunks=1)
    with pytest.raises(GateRefused):
        activate(three, worse)
    with pytest.raises(Forbidden):
        activate(three, worse, force=True, may_force=False)
    assert three.base.active_version == 3
    assert activate(three, worse, force=True) == worse


def test_where_reviews_are_required_only_a_version_of_an_approved_draft_is_activated(core: Core) -> None:
    knowledge = Knowledge(core, review_required=True)
    knowledge.put(a="one")
    knowledge.built()
    with pytest.raises(ReviewRequired):
        activate(knowledge)
    with pytest.raises(ReviewRequired):
        activate(knowledge, force=True)
    knowledge.locked(review.submit, by=knowledge.writer, note=None)
    knowledge.locked(
        review.decide, by=knowledge.reviewer, body={"decision": "approve", "note": None, "draft_serial": None}
    )
    knowledge.put(a="two")
    assert activate(knowledge) == 1


def test_many_who_expect_the_same_active_version_have_one_winner(three: Knowledge) -> None:
    activate(three, 1)

    def attempt(number: int) -> str:
        try:
            body = {"version": number, "force": False, "expected_active": 1}
            three.locked(versions.activate, by=three.writer, may_force=True, body=body)
        except Conflict:
            return "conflict"
        return "activated"

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(attempt, [2, 3, 2, 3]))
    assert sorted(done) == ["activated", "conflict", "conflict", "conflict"]
    assert three.events() == ["kb.activated"] * 2
