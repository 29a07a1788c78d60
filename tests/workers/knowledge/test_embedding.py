"""Embedding texts: each is paid for once, and what a model does not take is told."""

import math
import threading
import time

import pytest

from infra import db
from infra.errors import ModelNotFound, ProviderBadRequest
from tests.workers.kinds.test_completion import Recorder
from workers.knowledge import embedding
from workers.knowledge.embedding_calls import batches
from workers.providers import minilm

FAKE = "openai/text-embedding-3-small"


@pytest.fixture
def project(core):
    """A project, and no vector from before."""
    core.sql("TRUNCATE embeddings")
    return core.project()


def sent(fake):
    return [text for call in fake.calls for text in call.body["input"]]


def test_each_text_is_sent_once_and_its_vector_has_the_length_one(project, fake, run):
    ctx = Recorder()
    made = run(embedding.embed_texts(project, FAKE, ["abc", "de", "abc"], ctx))
    assert sorted(sent(fake)) == ["abc", "de"]
    assert (made.texts, made.known, made.calls, made.tokens) == (2, 0, 1, 5)
    assert made.vectors[0] == made.vectors[2] == pytest.approx([3 / math.sqrt(10), 1 / math.sqrt(10), 0], abs=1e-3)
    assert [usage.cost_usd for usage in ctx.usages] == [made.cost_usd]


def test_what_is_kept_is_not_sent_again_by_the_same_project_and_model(core, project, fake, run):
    run(embedding.embed_texts(project, FAKE, ["abc"]))
    again = run(embedding.embed_texts(project, FAKE, ["abc"]))
    assert (again.texts, again.known, again.calls, len(fake.calls)) == (0, 1, 0, 1)
    run(embedding.embed_texts(core.project(), FAKE, ["abc"]))
    run(embedding.embed_texts(project, "openai/text-embedding-3-large", ["abc"]))
    assert len(fake.calls) == 3


def test_a_refused_text_is_found_and_the_others_are_kept(project, fake, run):
    texts = [f"text {number}" for number in range(9)] + ["refuse-this"]
    made = run(embedding.embed_texts(project, FAKE, texts))
    assert [vector is None for vector in made.vectors] == [False] * 9 + [True]
    assert [error["code"] for error in made.refused.values()] == ["provider_bad_request"]


def test_a_vector_that_cannot_be_searched_is_refused(project, fake, run):
    made = run(embedding.embed_texts(project, FAKE, ["abc", "zero-vector", "five-numbers"]))
    assert made.vectors[0] is not None
    assert made.vectors[1:] == [None, None]
    said = {error["message"].rpartition(": ")[2] for error in made.refused.values()}
    assert said == {"all of its numbers are zero.", "it has 5 dimensions where others have 3."}


def test_a_model_that_takes_no_text_at_all_fails_after_a_few(project, fake, run):
    with pytest.raises(ProviderBadRequest):
        run(embedding.embed_texts(project, FAKE, [f"refuse-this {number}" for number in range(40)]))
    assert len(fake.calls) < 40


def test_a_model_that_is_not_there_is_asked_no_further(project, fake, run):
    with pytest.raises(ModelNotFound):
        run(embedding.embed_texts(project, "openai/fail-404", [f"text {number}" for number in range(400)]))
    assert len(fake.calls) <= 4


def test_an_error_that_passes_is_waited_for(project, fake, run):
    made = run(embedding.embed_texts(project, "openai/fail-500-once", ["abc"]))
    assert (made.texts, len(fake.calls)) == (1, 2)


def test_what_is_on_its_way_is_a_fiftieth_of_a_large_build():
    texts = [(str(number), "a text") for number in range(2000)]
    for of, size in ((10_000, 50), (100_000, 96), (200, 4)):
        assert {len(batch) for batch in batches(texts, of)} <= {size, 2000 % size}
    assert [len(batch) for batch in batches([("1", "x" * 150_000), ("2", "y" * 150_000)], 10_000)] == [1, 1]


def test_a_question_is_embedded_once_by_a_process_and_for_one_project(core, project, fake, run):
    first = run(embedding.embed_query(project, FAKE, "Where?"))
    assert run(embedding.embed_query(project, FAKE, "Where?")) == first == [6.0, 1.0, 0.0]
    assert len(fake.calls) == 1
    run(embedding.embed_query(core.project(), FAKE, "Where?"))
    assert len(fake.calls) == 2


def test_vectors_that_nobody_asks_for_are_forgotten_after_thirty_days(core, project, fake, run):
    run(embedding.embed_texts(project, FAKE, ["old", "used", "new"]))
    old = "UPDATE embeddings SET used_at = now() - interval '29 days' WHERE text_hash = decode(:hash, 'hex')"
    for text in ("old", "used"):
        core.sql(old, hash=embedding.text_hash(text))
    run(embedding.embed_texts(project, FAKE, ["used"]))
    core.sql("UPDATE embeddings SET used_at = used_at - interval '2 days'")
    assert embedding.forget_unused() == 1
    assert core.do(embedding.known, project, FAKE, [embedding.text_hash(one) for one in ("old", "used", "new")]) == {
        embedding.text_hash("used"),
        embedding.text_hash("new"),
    }


def test_the_offline_model_reads_all_of_a_long_text(project, run):
    long = "The first windows speak of apples. " * 60 + "The last one speaks of submarines. " * 60
    made = run(embedding.embed_texts(project, "sandbox", [long, "submarines"]))
    (whole, cut), _ = run(minilm.embed([long, "submarines"], whole=True)), run(minilm.embed([long]))
    assert made.vectors[0] == pytest.approx(whole[0], abs=1e-3)
    assert made.tokens == cut > minilm.MOST_TOKENS * 2
    short, _ = run(minilm.embed([long]))
    likeness = [sum(a * b for a, b in zip(vector, made.vectors[1], strict=True)) for vector in (whole[0], short[0])]
    assert likeness[0] > likeness[1] + 0.1


def test_a_models_name_means_the_same_everywhere():
    assert embedding.canonical("sandbox") == embedding.canonical("sandbox/slow") == "sandbox"
    assert embedding.canonical(FAKE) == FAKE
    assert embedding.most_tokens("sandbox") is None
    assert embedding.most_tokens(FAKE) == 6553


def test_a_vector_that_is_forgotten_meanwhile_counts_as_unknown(core, project, fake, run):
    run(embedding.keep(project, FAKE, ["old", "new"]))
    core.sql("UPDATE embeddings SET used_at = now() - interval '40 days' WHERE text_hash = sha256('old')")
    found = []
    hashes = [embedding.text_hash(one) for one in ("old", "new")]
    asker = threading.Thread(target=lambda: found.append(core.do(embedding.known, project, FAKE, hashes)))
    with db.transaction() as session:
        session.execute(embedding.FORGET, {"days": 30, "at_most": 5})
        asker.start()
        until = time.monotonic() + 2.5
        while not core.sql("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%embeddings%'"):
            assert time.monotonic() < until
    asker.join()
    assert found == [{embedding.text_hash("new")}]


def test_what_a_build_holds_is_not_forgotten_and_not_waited_for(core, project, fake, run):
    run(embedding.keep(project, FAKE, ["old"]))
    core.sql("UPDATE embeddings SET used_at = now() - interval '40 days'")
    with db.transaction() as session:
        embedding.known(session, project, FAKE, [embedding.text_hash("old")])
        assert embedding.forget_unused() == 0
