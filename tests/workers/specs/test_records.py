"""Records in the database, with the schemas that they share."""

from tests.workers.specs.ingesting_specs import pets
from workers.specs import records


def test_schemas_that_nothing_refers_to_are_forgotten(reads):
    reads(pets())
    reads(pets(), source="other")
    knowledge = reads.knowledge
    assert knowledge.do(lambda session: records.forget_unused(session, knowledge.project)) == 0
    knowledge.core.sql(
        "DELETE FROM kb_revisions r USING kb_entries e WHERE e.id = r.entry_id AND e.source = 'other' RETURNING 1"
    )
    assert knowledge.do(lambda session: records.forget_unused(session, knowledge.project)) == 0
    knowledge.core.sql("DELETE FROM kb_revisions RETURNING 1")
    assert knowledge.do(lambda session: records.forget_unused(session, knowledge.project)) == 2


def test_a_record_can_be_unfolded_and_folded_again(reads):
    reads(pets())
    knowledge, content = reads.knowledge, reads.entries()["GET /pets"].content
    whole = knowledge.do(lambda session: records.expanded(session, knowledge.project, content))
    other = knowledge.core.project()
    assert knowledge.do(lambda session: records.folded(session, other, whole)) == content
    assert knowledge.do(lambda session: records.expanded(session, other, content)) == whole
