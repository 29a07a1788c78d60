"""The vector index of a large knowledge base: made, used, made anew and dropped. Few vectors are many where they are
long."""

from uuid import UUID

import pytest
from sqlalchemy import text

from infra import db
from tests.workers.knowledge.conftest import Knowledge
from workers.knowledge.search import nearest, vector_index
from workers.knowledge.search.scope import Scope

LONG = 4000
MANY = vector_index.EXACT_AT_MOST // LONG + 1
# Vectors around eight axes, so that there are neighbours.
FILL = text("""
INSERT INTO kb_vectors (chunk_id, knowledge_base_id, first_version, last_version, embedding)
SELECT gen_random_uuid(), :kb, :version, NULL, CAST(
  (SELECT array_agg(CASE WHEN axis = number % 8 THEN 1 ELSE (hashint4(number * 8 + axis) % 100) / 500.0 END)
    FROM generate_series(0, 7) axis) || array_fill(0.001, ARRAY[CAST(:length AS int) - 8]) AS halfvec)
FROM generate_series(:first, :first + :count - 1) number
""")
INDEXES = "SELECT indexrelid::regclass::text AS name FROM pg_index WHERE indrelid = 'kb_vectors'::regclass"


def fill(knowledge: Knowledge, count: int, *, version: int = 1, first: int = 0, length: int = LONG) -> None:
    asked = {"kb": knowledge.id, "version": version, "length": length, "first": first, "count": count}
    knowledge.do(lambda session: session.execute(FILL, asked))


def indexes(knowledge: Knowledge) -> list[str]:
    """The dimensions and lists of the base's own indexes."""
    names = [row.name for row in knowledge.core.sql(INDEXES) if knowledge.id.hex in row.name]
    return [name.rpartition(f"{knowledge.id.hex}_")[2] for name in names]


def near(base_id: UUID, vector: list[float]) -> list[tuple[str, float]]:
    with db.transaction() as session:
        return nearest.nearest(session, Scope(base_id, 1), vector, 20, None)


@pytest.fixture
def large(knowledge: Knowledge):
    fill(knowledge, MANY)
    vector_index.refresh(knowledge.id)
    yield knowledge
    vector_index.drop(knowledge.id)


def test_many_vectors_get_an_index_and_few_none(large, knowledge):
    assert indexes(large) == [f"{LONG}_{MANY // vector_index.VECTORS_A_LIST}"]
    other = Knowledge(large.core)
    fill(other, 5)
    vector_index.refresh(other.id)
    assert indexes(other) == []


def test_the_index_finds_what_an_exact_search_finds(large):
    asked = [0.0] * LONG
    asked[3], asked[10] = 1.0, 0.01
    found = near(large.id, asked)
    with db.transaction() as session:
        plan = session.execute(
            text(f"EXPLAIN {nearest.EXACT.format(condition=Scope(large.id, 1).visible('v'))}"),
            {"kb": large.id, "version": 1, "vector": str(asked), "count": 20},
        )
        assert "ix_kb_vectors_knowledge_base_id" in str(plan.all())
        exact = session.execute(
            text(nearest.EXACT.format(condition=Scope(large.id, 1).visible("v"))),
            {"kb": large.id, "version": 1, "vector": str(asked), "count": 20},
        )
        # The last ones may be as near as others.
        assert len({one for one, _ in found} & {row.id for row in exact}) >= 18
    assert all(similarity > 0.5 for _, similarity in found)


def test_vectors_of_later_versions_are_not_found(large):
    fill(large, 40, version=2, first=100_000)
    assert len(near(large.id, [1.0] * LONG)) == 20
    with db.transaction() as session:
        rows = session.execute(
            text("SELECT chunk_id::text AS id FROM kb_vectors WHERE knowledge_base_id = :kb AND first_version = 2"),
            {"kb": large.id},
        )
        later = {row.id for row in rows}
    assert not later & {one for one, _ in near(large.id, [1.0] * LONG)}


def test_it_is_made_anew_when_there_are_twice_as_many_and_dropped_when_there_are_few(large):
    vector_index.refresh(large.id)
    before = indexes(large)
    fill(large, MANY + vector_index.VECTORS_A_LIST * 2, first=1_000_000)
    vector_index.refresh(large.id)
    assert len(indexes(large)) == 1 and indexes(large) != before
    large.do(
        lambda session: session.execute(text("DELETE FROM kb_vectors WHERE knowledge_base_id = :kb"), {"kb": large.id})
    )
    vector_index.refresh(large.id)
    assert indexes(large) == []


def test_vectors_of_another_length_do_not_disturb_it(large):
    fill(large, 30, version=2, first=500_000, length=16)
    vector_index.refresh(large.id)
    assert indexes(large) == [f"{LONG}_{MANY // vector_index.VECTORS_A_LIST}"]
    with db.transaction() as session:
        large.core.sql(
            "UPDATE kb_vectors SET last_version = 1 WHERE knowledge_base_id = :kb AND first_version = 1 RETURNING 1",
            kb=large.id,
        )
        found = nearest.nearest(session, Scope(large.id, 2), [1.0] * 16, 20, None)
    assert len(found) == 20
