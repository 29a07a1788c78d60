"""Searching a built knowledge base."""

import threading
from typing import Any

import pytest

from infra.errors import KnowledgeBaseNotBuilt, NotFound, ProviderError, VersionNotReady
from models import EntryType
from tests.workers.knowledge.conftest import Knowledge
from workers.knowledge import metrics, versions
from workers.knowledge.search import segments
from workers.knowledge.search.find import SearchWish, find

QUESTIONS = {
    "How do I get my money back?": "refunds",
    "when will my package arrive": "delivery",
    "I forgot my login secret": "password",
    "what does E_PAYMENT_DECLINED mean": "errors",
    "list_failed_payments": "errors",
    "Wie lange gilt die Gewährleistung?": "warranty",
    "متى يفتح المتجر؟": "opening",
    "退货": "branches",
    "stop an order before it is sent": "POST /orders/{}/cancel",
}


def keys(found: Any) -> list[str]:
    return [hit.key for hit in found.hits]


@pytest.mark.parametrize("question", QUESTIONS)
def test_questions_words_identifiers_and_other_languages_find_their_answer_first(in_shop, question):
    assert keys(in_shop(question))[0] == QUESTIONS[question]


def test_a_judged_set_is_answered_better_by_both_legs_than_by_the_better_one(in_shop):
    figures = {
        mode: sum(metrics.ndcg_at(10, keys(in_shop(said, mode=mode)), {key: 1}) for said, key in QUESTIONS.items())
        / len(QUESTIONS)
        for mode in ("hybrid", "text", "vector")
    }
    assert figures["hybrid"] >= max(figures["text"], figures["vector"]) - 0.01
    assert figures["hybrid"] > 0.95


@pytest.mark.parametrize("query", ["the of and", "\0", "😀", "؟", "'\"\\:*!&|()<->", "\u202emoney\u202c", "a" * 10_000])
@pytest.mark.parametrize("mode", ["hybrid", "text", "vector"])
def test_any_query_has_an_answer(in_shop, query, mode):
    found = in_shop(query, mode=mode)
    assert found.mode == mode
    assert len(found.hits) <= 10


def test_a_hit_says_where_it_stands(in_shop, shop):
    found = in_shop("refunds to the card")
    hit = found.hits[0]
    assert (hit.entry_type, hit.source, hit.key, hit.tags) == ("document", "default", "refunds", ["money", "orders"])
    assert hit.citation["version"] == found.version == 1
    assert hit.citation["heading"] == ["Refunds"]
    (said,) = shop.core.sql(
        "SELECT text FROM kb_revisions WHERE knowledge_base_id = :kb AND title = 'refunds'", kb=shop.id
    )
    assert hit.text == said.text[hit.citation["start"] : hit.citation["end"]]
    assert set(found.took_ms) >= {"embedding", "text", "vector", "total"}


def test_the_chunks_of_an_operation_are_one_hit_with_all_of_its_text(in_shop):
    found = in_shop("cancel an order by its id: which parameters?")
    (hit,) = [hit for hit in found.hits if hit.entry_type == "api"]
    assert "Stops an order that was not sent.\n\n## Parameters\n\n- id" in hit.text


FILTERS: list[tuple[dict[str, Any], set[str]]] = [
    ({"types": ["api"]}, {"POST /orders/{}/cancel"}),
    ({"sources": ["shop"]}, {"POST /orders/{}/cancel"}),
    ({"tags": ["money", "orders"]}, {"refunds"}),
    ({"any_tags": ["money", "nothing"]}, {"refunds", "errors"}),
    ({"metadata": {"public": False, "year": 2025}}, {"errors"}),
    ({"metadata": {"year": "2025"}}, set()),
    ({"tags": ["orders"], "types": ["document"]}, {"refunds", "delivery"}),
]


@pytest.mark.parametrize(("filters", "expected"), FILTERS)
@pytest.mark.parametrize("mode", ["hybrid", "vector"])
def test_only_what_passes_the_filters_is_found(in_shop, filters, expected, mode):
    assert set(keys(in_shop("money for orders and payments", filters=filters, mode=mode))) == expected


def test_full_text_alone_finds_what_passes_the_filters(in_shop, shop):
    assert keys(in_shop("orders", mode="text", filters={"types": ["api"]})) == ["POST /orders/{}/cancel"]
    wanted = {"entry_ids": [shop.entry("delivery")]}
    assert keys(in_shop("orders parcels money", filters=wanted)) == ["delivery"]


def test_top_k_is_how_many_hits_there_are(in_shop):
    assert len(in_shop("order", top_k=1).hits) == 1
    assert len(in_shop("order", top_k=100).hits) == 8


def test_a_base_without_a_version_cannot_be_searched(knowledge, search):
    knowledge.put(a="One.")
    with pytest.raises(KnowledgeBaseNotBuilt):
        search("one")
    knowledge.built(state="failed")
    with pytest.raises(VersionNotReady):
        search("one", version=1)
    with pytest.raises(NotFound):
        search("one", version=7)


def test_without_an_embedding_model_only_full_text_is_searched(knowledge, build, search):
    knowledge.put(a="Penguins live in the south.", b="Bears live in the north.")
    build(embedding_model=None)
    found = search("where do penguins live", mode="hybrid")
    assert (keys(found), found.mode) == (["a", "b"], "text")
    assert "no embedding model" in found.notes[0]


def test_a_model_that_does_not_answer_leaves_full_text(knowledge, build, search):
    knowledge.put(a="Penguins live in the south.")
    build()
    knowledge.core.sql(
        'UPDATE kb_versions SET settings = settings || \'{"embedding_model": "openai/x"}\' '
        "WHERE knowledge_base_id = :kb RETURNING 1",
        kb=knowledge.id,
    )
    found = search("penguins")
    assert (keys(found), found.mode) == (["a"], "text")
    assert "could not be asked" in found.notes[0]
    with pytest.raises(ProviderError):
        search("penguins", mode="vector")


def test_each_version_finds_what_it_was_built_of(knowledge, build, search):
    knowledge.put(a="Penguins eat fish.", b="Bears eat honey.")
    build()
    knowledge.put(replace=True, a="Penguins eat krill.", c="Wolves eat deer.")
    build()
    texts = {version: {hit.text for hit in search("eat", version=version).hits} for version in (1, 2)}
    assert texts == {1: {"Penguins eat fish.", "Bears eat honey."}, 2: {"Penguins eat krill.", "Wolves eat deer."}}
    assert search("eat").version == 2
    for mode in ("text", "vector"):
        assert {hit.text for hit in search("eat", version=1, mode=mode).hits} == texts[1]


def test_a_search_finds_one_version_while_versions_are_switched(knowledge, build, run):
    """Every document of a version says its number, so that a mixed answer would show."""
    for number in (1, 2):
        knowledge.put(**{f"d{at}": f"Version {number} of document {at}." for at in range(6)})
        build()
    stop, switches = threading.Event(), []

    def switch() -> None:
        while not stop.is_set():
            for number in (1, 2):
                body = {"version": number, "force": True}
                knowledge.locked(versions.activate, by=None, may_force=True, body=body)
                switches.append(number)

    thread = threading.Thread(target=switch)
    thread.start()
    seen = set()
    try:
        for _ in range(60):
            found = run(find(knowledge.project, knowledge.id, SearchWish("document version", top_k=6)))
            assert {hit.text.split()[1] for hit in found.hits} == {str(found.version)}
            assert len(found.hits) == 6
            seen.add(found.version)
    finally:
        stop.set()
        thread.join()
    assert seen == {1, 2}
    assert len(switches) > 4


def test_small_chunks_are_found_and_the_larger_one_around_them_is_shown(knowledge, build, search):
    said = "\n\n".join(
        f"Paragraph {at} is about the {word} and nothing else at all, which takes some words to say."
        for at, word in enumerate(["heron", "otter", "beaver", "kingfisher", "dragonfly", "pike"])
    )
    knowledge.put(a=f"# Pond\n\n{said}")
    build(chunking={"max_tokens": 32, "overlap_tokens": 0, "parent_tokens": 400})
    found = search("kingfisher")
    assert len(found.hits) == 1
    assert found.hits[0].text == f"# Pond\n\n{said}"


def test_neighbours_are_one_hit(knowledge, build, search):
    said = "\n\n".join(
        f"The {word} swims in the pond and everybody who comes along can see it."
        for word in ["heron", "otter", "beaver"]
    )
    knowledge.put(a=said, b="Nothing of the kind.")
    build(chunking={"max_tokens": 32, "overlap_tokens": 0, "parent_tokens": None})
    hit = search("otter heron beaver pond").hits[0]
    assert hit.text == said
    assert (hit.citation["start"], hit.citation["end"]) == (0, len(said))


def test_entries_that_were_removed_are_forgotten_by_the_index(knowledge, build, search):
    for number in range(12):
        knowledge.put(replace=True, a=f"Edition {number} of the penguins.", b="Bears.")
        build()
    assert [hit.text for hit in search("penguins edition", mode="text").hits] == ["Edition 11 of the penguins."]
    (row,) = knowledge.core.sql("SELECT count(*) FROM kb_segments WHERE knowledge_base_id = :kb", kb=knowledge.id)
    assert row.count <= 8


def test_an_index_that_is_made_late_serves_earlier_versions_too(knowledge, build, search):
    knowledge.put(a="Penguins eat fish.")
    build()
    knowledge.put(a="Penguins eat krill.")
    build()
    for table in ("kb_segments", "kb_postings"):
        knowledge.core.sql(f"DELETE FROM {table} WHERE knowledge_base_id = :kb RETURNING 1", kb=knowledge.id)
    assert search("penguins", mode="text", version=1).hits == []
    segments.refresh(knowledge.id, 2)
    texts = [[hit.text for hit in search("penguins", mode="text", version=version).hits] for version in (1, 2)]
    assert texts == [["Penguins eat fish."], ["Penguins eat krill."]]


def test_a_document_type_is_told(in_shop):
    assert {hit.entry_type for hit in in_shop("order", top_k=100).hits} == {EntryType.API, EntryType.DOCUMENT}


def test_a_knowledge_base_of_another_project_is_not_there(shop: Knowledge, knowledge: Knowledge, run):
    with pytest.raises(NotFound):
        run(find(knowledge.project, shop.id, SearchWish("money")))
