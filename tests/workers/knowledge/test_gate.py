"""The gate: figures that may not fall, and those that may."""

from typing import Any

import pytest

from infra import db, ids
from infra.errors import GateRefused
from models import KbEvaluation, KbQuery
from tests.workers.jobs.conftest import Core
from tests.workers.knowledge.conftest import Knowledge
from workers.knowledge import bases, gate, versions

GOOD = {"recall_at_k": 0.9, "ndcg_at_10": 0.8, "k": 10}


@pytest.mark.parametrize(
    ("figures", "pointers"),
    [
        ({}, []),
        ({"recall_at_k": 1.0, "ndcg_at_10": 1.0}, []),
        ({"recall_at_k": 0.88}, []),
        ({"recall_at_k": 0.879}, ["/evaluation/recall_at_k"]),
        ({"ndcg_at_10": 0.7}, ["/evaluation/ndcg_at_10"]),
        ({"recall_at_k": 0.0, "ndcg_at_10": 0.0}, ["/evaluation/recall_at_k", "/evaluation/ndcg_at_10"]),
    ],
)
def test_a_figure_may_fall_as_far_as_the_settings_say(figures: dict[str, float], pointers: list[str]) -> None:
    found = gate.judge({**GOOD, **figures}, GOOD, 0.02)
    assert [one["pointer"] for one in found] == pointers


def test_a_refusal_has_the_figures_of_both() -> None:
    (found,) = gate.judge({**GOOD, "recall_at_k": 0.5}, GOOD, 0.02)
    assert found["detail"] == "Recall@10 is 0.500 where the active version has 0.900; it may fall by 0.02."


def evaluated(knowledge: Knowledge, version: int, query_set: str, **figures: float) -> None:
    with db.transaction() as session:
        session.add(
            KbEvaluation(
                project_id=knowledge.project,
                knowledge_base_id=knowledge.id,
                version=version,
                query_set=query_set,
                metrics={**GOOD, **figures},
                queries=[],
            )
        )


def asked(knowledge: Knowledge) -> None:
    with db.transaction() as session:
        session.add(
            KbQuery(
                project_id=knowledge.project,
                knowledge_base_id=knowledge.id,
                query="?",
                expected=[{"entry_id": ids.show("doc", ids.new_id()), "relevance": 1}],
                filters={},
                tags=[],
            )
        )


def judged(knowledge: Knowledge, version: int, active: int | None = 1) -> list[str]:
    """The pointers of what the gate has against the version."""

    def judge(session: Any, base: Any) -> None:
        one = versions.find(session, base, version)
        other = None if active is None else versions.find(session, base, active)
        assert one is not None
        gate.require_passed(session, base, one, other, bases.settings_of(base)["gate"])

    try:
        knowledge.locked(judge)
    except GateRefused as refusal:
        return [one["pointer"] for one in refusal.errors]
    return []


@pytest.fixture
def two(knowledge: Knowledge) -> Knowledge:
    """A base with two versions."""
    knowledge.put(a="one")
    knowledge.built()
    knowledge.built()
    return knowledge


def test_without_saved_queries_there_is_nothing_to_compare(two: Knowledge) -> None:
    assert judged(two, 2) == []


def test_versions_that_were_not_asked_the_same_are_not_compared_but_refused(two: Knowledge) -> None:
    asked(two)
    assert judged(two, 2) == ["/evaluation"]
    evaluated(two, 2, "new")
    evaluated(two, 1, "old", recall_at_k=1.0)
    assert judged(two, 2) == ["/evaluation"]
    assert judged(two, 2, active=None) == []


def test_versions_are_compared_by_the_newest_questions_that_both_were_asked(two: Knowledge) -> None:
    asked(two)
    for query_set, mine in (("old", 0.1), ("new", 0.9)):
        evaluated(two, 1, query_set)
        evaluated(two, 2, query_set, recall_at_k=mine)
    assert judged(two, 2) == []
    evaluated(two, 2, "new", recall_at_k=0.2)
    assert judged(two, 2) == ["/evaluation/recall_at_k"]


@pytest.mark.parametrize(("chunks", "pointers"), [(8, []), (7, ["/stats/chunks/total"]), (100, [])])
def test_a_version_has_at_least_four_fifths_of_the_chunks(two: Knowledge, chunks: int, pointers: list[str]) -> None:
    assert judged(two, two.built(chunks=chunks)) == pointers


def test_a_version_with_failed_entries_is_refused_unless_the_settings_allow_them(core: Core) -> None:
    stats = {"chunks": {"total": 10}, "entries": {"failed": 2}}
    for allowed, pointers in ((False, ["/stats/entries/failed"]), (True, [])):
        knowledge = Knowledge(core, gate={"allow_failed_entries": allowed})
        knowledge.put(a="one")
        assert judged(knowledge, knowledge.built(stats=stats), active=None) == pointers
