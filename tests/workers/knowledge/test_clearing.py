"""What goes by the clock: versions beyond those to keep, deleted bases, and old revisions; and what stays."""

from typing import Any

import pytest

from models import Base
from tests.workers.jobs.conftest import Core
from tests.workers.knowledge.conftest import Knowledge
from workers.knowledge import bases, clearing, versions

LONG_AGO = 120.0


@pytest.fixture
def knowledge(core: Core) -> Knowledge:
    """A base that keeps two versions."""
    return Knowledge(core, keep_versions=2)


def chunk(knowledge: Knowledge, key: str, first: int, last: int | None) -> None:
    """A chunk with its vector, in these versions."""
    row: dict[str, Any] = {"kb": knowledge.id, "project": knowledge.project, "entry": knowledge.entry(key)}
    knowledge.core.sql(
        """
        WITH made AS (
          INSERT INTO kb_chunks (id, created_at, project_id, knowledge_base_id, entry_id, revision_id, config,
            first_version, last_version, ordinal, type, source, text, context, heading, starts, ends, tokens,
            text_hash, tags, metadata, search)
          VALUES (gen_random_uuid(), now(), :project, :kb, :entry, gen_random_uuid(), 'c', :first, :last, 0,
            'document', 'default', :text, '', '{}', 0, 1, 1, '', '{}', '{}', '')
          RETURNING id
        )
        INSERT INTO kb_vectors (chunk_id, knowledge_base_id, first_version, last_version, embedding)
        SELECT id, :kb, :first, :last, '[1,2,3]' FROM made
        """,
        **row,
        first=first,
        last=last,
        text=f"{first}-{last}",
    )


def chunks(knowledge: Knowledge) -> set[str]:
    rows = knowledge.core.sql(
        "SELECT c.text FROM kb_chunks c JOIN kb_vectors v ON v.chunk_id = c.id WHERE c.knowledge_base_id = :kb",
        kb=knowledge.id,
    )
    return {row.text for row in rows}


def numbers(knowledge: Knowledge, state: str = "ready") -> list[int]:
    rows = knowledge.core.sql(
        "SELECT number FROM kb_versions WHERE knowledge_base_id = :kb AND state = :state ORDER BY number",
        kb=knowledge.id,
        state=state,
    )
    return [row.number for row in rows]


def activate(knowledge: Knowledge, number: int, *, ago: float = LONG_AGO) -> None:
    body = {"version": number, "force": True}
    knowledge.locked(versions.activate, by=knowledge.writer, may_force=True, body=body)
    knowledge.core.sql(
        "UPDATE kb_versions SET activated_at = now() - make_interval(secs => :ago) WHERE knowledge_base_id = :kb "
        "AND activated_at IS NOT NULL",
        kb=knowledge.id,
        ago=ago,
    )


def rows(knowledge: Knowledge, table: str) -> int:
    found: int = knowledge.core.sql(
        f"SELECT count(*) AS n FROM {table} WHERE knowledge_base_id = :kb", kb=knowledge.id
    )[0].n
    return found


def test_the_newest_versions_and_the_active_one_stay_with_their_chunks_alone(knowledge: Knowledge) -> None:
    knowledge.put(a="one")
    for _ in range(6):
        knowledge.built(ago=LONG_AGO)
    activate(knowledge, 2)
    for first, last in ((1, None), (1, 1), (1, 2), (1, 3), (3, 3), (3, 4), (4, 5), (6, None), (7, None), (3, 6)):
        chunk(knowledge, "a", first, last)
    assert clearing.sweep() > 0
    assert numbers(knowledge) == [2, 5, 6]
    assert numbers(knowledge, "dropped") == []
    assert chunks(knowledge) == {"1-None", "1-2", "1-3", "4-5", "6-None", "7-None", "3-6"}
    assert rows(knowledge, "kb_version_entries") == 3
    assert clearing.sweep() == 0


def test_nothing_falls_out_within_a_minute_of_a_build_or_a_switch(knowledge: Knowledge) -> None:
    knowledge.put(a="one")
    for _ in range(4):
        knowledge.built(ago=LONG_AGO)
    activate(knowledge, 4, ago=10)
    chunk(knowledge, "a", 1, 1)
    clearing.sweep()
    assert numbers(knowledge) == [1, 2, 3, 4] and chunks(knowledge) == {"1-1"}
    activate(knowledge, 4)
    knowledge.built(ago=10)
    clearing.sweep()
    assert numbers(knowledge) == [1, 2, 3, 4, 5]


def test_what_was_dropped_is_cleared_although_a_build_has_just_ended(knowledge: Knowledge) -> None:
    knowledge.put(a="one")
    for _ in range(3):
        knowledge.built(ago=LONG_AGO)
    chunk(knowledge, "a", 1, 1)
    knowledge.locked(clearing.drop_versions)
    knowledge.built()
    clearing.sweep()
    assert numbers(knowledge) == [2, 3, 4] and numbers(knowledge, "dropped") == [] and chunks(knowledge) == set()


def test_only_the_last_failed_versions_stay(knowledge: Knowledge) -> None:
    knowledge.put(a="one")
    for _ in range(clearing.FAILED_KEPT + 3):
        knowledge.built(state="failed", ago=LONG_AGO)
    knowledge.built(state="building", ago=LONG_AGO)
    clearing.sweep()
    assert numbers(knowledge, "failed") == [4, 5, 6, 7, 8] and numbers(knowledge, "building") == [9]


def test_a_deleted_base_goes_with_all_that_is_in_it_and_no_other_does(knowledge: Knowledge) -> None:
    other = Knowledge(knowledge.core)
    for one in (knowledge, other):
        one.put(a="one")
        one.built()
        chunk(one, "a", 1, None)
    knowledge.locked(bases.remove_base)
    clearing.sweep()
    assert rows(knowledge, "kb_chunks") == 1, "a search may still be reading"
    knowledge.core.sql(
        "UPDATE knowledge_bases SET deleted_at = now() - interval '2 minutes' WHERE id = :kb", kb=knowledge.id
    )
    clearing.sweep()
    assert {table: rows(knowledge, table) for table in clearing.TABLES_OF_BASE} == dict.fromkeys(
        clearing.TABLES_OF_BASE, 0
    )
    assert not knowledge.core.sql("SELECT FROM knowledge_bases WHERE id = :kb", kb=knowledge.id)
    assert chunks(other) == {"1-None"} and numbers(other) == [1]


def test_every_table_with_something_of_a_base_is_cleared() -> None:
    of_base = {name for name, table in Base.metadata.tables.items() if "knowledge_base_id" in table.c}
    assert set(clearing.TABLES_OF_BASE) == of_base - {"test_cases", "test_environments"}  # which only name one


def test_a_sweep_without_time_leaves_the_rest_to_the_next(knowledge: Knowledge) -> None:
    knowledge.put(a="one")
    for _ in range(3):
        knowledge.built(ago=LONG_AGO)
    clearing.sweep(seconds=0)
    assert numbers(knowledge, "dropped") == [1]
    clearing.sweep()
    assert numbers(knowledge) == [2, 3] and numbers(knowledge, "dropped") == []


def test_old_revisions_go_that_neither_draft_nor_version_shows(knowledge: Knowledge) -> None:
    for said in ("forgotten", "built", "forgotten too", "draft"):
        knowledge.put(False, a=said, **({"b": "gone"} if said == "forgotten" else {}))
        if said == "built":
            knowledge.put(replace=True, a=said)
            knowledge.built()
    old = {"kb": knowledge.id}
    assert clearing.forget_history() == 0
    knowledge.core.sql(
        "UPDATE kb_revisions SET created_at = now() - interval '31 days' WHERE knowledge_base_id = :kb", **old
    )
    assert clearing.forget_history() == 0, "it left the draft not long ago"
    knowledge.core.sql(
        "UPDATE kb_entries SET updated_at = now() - interval '31 days' WHERE knowledge_base_id = :kb", **old
    )
    assert clearing.forget_history() == 4
    left = knowledge.core.sql("SELECT text FROM kb_revisions WHERE knowledge_base_id = :kb ORDER BY id", **old)
    assert [row.text for row in left] == ["built", "draft"]
    keys = knowledge.core.sql("SELECT key FROM kb_entries WHERE knowledge_base_id = :kb", **old)
    assert [row.key for row in keys] == ["a"]


def test_figures_of_versions_that_are_gone_stay_up_to_a_number(knowledge: Knowledge) -> None:
    knowledge.put(a="one")
    knowledge.built()
    every = clearing.EVALUATIONS_KEPT + 3
    knowledge.core.sql(
        """
        INSERT INTO kb_evaluations (id, created_at, project_id, knowledge_base_id, version, query_set, metrics, queries)
        SELECT gen_random_uuid(), now(), :project, :kb, CASE WHEN n > 2 THEN 7 ELSE 1 END, 'q', '{}', '[]'
        FROM generate_series(1, :every + 2) n
        """,
        kb=knowledge.id,
        project=knowledge.project,
        every=every,
    )
    assert clearing.forget_history() == 3
    left = knowledge.core.sql(
        "SELECT version, count(*) AS n FROM kb_evaluations WHERE knowledge_base_id = :kb GROUP BY 1 ORDER BY 1",
        kb=knowledge.id,
    )
    assert [(row.version, row.n) for row in left] == [(1, 2), (7, clearing.EVALUATIONS_KEPT)]


def test_versions_that_are_still_to_be_dropped_keep_their_chunks_while_others_are_cleared(knowledge: Knowledge) -> None:
    knowledge.put(a="one")
    for _ in range(3):
        knowledge.built(ago=LONG_AGO)
    chunk(knowledge, "a", 1, 1)
    chunk(knowledge, "a", 2, 2)
    knowledge.locked(clearing.drop_versions)  # and the sweep ends here
    knowledge.built()
    clearing.sweep()
    assert numbers(knowledge) == [2, 3, 4] and chunks(knowledge) == {"2-2"}
