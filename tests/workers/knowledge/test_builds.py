"""Builds: what has changed is cut and embedded, and what was interrupted goes on."""

from typing import Any
from uuid import UUID

import pytest

from infra import json
from infra.errors import (
    BuildFailed,
    BuildRunning,
    DraftEmpty,
    ModelNotFound,
    ProviderRateLimited,
    ReviewRequired,
    Unavailable,
)
from schemas.rag_build import BuildPlanOut, RagBuildIn, RagBuildOut
from tests.fakes.provider import FakeProvider
from tests.workers.kinds.test_completion import Recorder
from tests.workers.knowledge.conftest import Knowledge
from workers.jobs.context import Stopped
from workers.knowledge import builds, drafts
from workers.knowledge.building import abandoned, begin, cutting, ending
from workers.knowledge.building.plan import plan

Json = dict[str, Any]

FAKE = "openai/text-embedding-3-small"
VISIBLE = """
SELECT c.text, v.chunk_id IS NOT NULL AS embedded FROM kb_chunks c LEFT JOIN kb_vectors v ON v.chunk_id = c.id
  AND v.first_version = c.first_version AND v.last_version IS NOT DISTINCT FROM c.last_version
WHERE c.knowledge_base_id = :kb AND c.first_version <= :version AND coalesce(c.last_version, :version) >= :version
ORDER BY c.text
"""


class Attempt(Recorder):
    """An attempt of a build's job."""

    def __init__(self, knowledge: Knowledge, job_id: UUID | None = None, attempt: int = 1) -> None:
        super().__init__()
        self.project_id = knowledge.project
        self.job_id = job_id or knowledge.core.submit(knowledge.project)[0]
        self.attempt = attempt
        self.stages: list[str] = []

    async def progress(self, current, total=None, message=None):
        self.stages.append(message)


@pytest.fixture
def build(knowledge, run):
    """Builds the draft with a new job, or goes on as an attempt of one."""

    def built(ctx: Attempt | None = None, **wish: Any) -> Json:
        loaded = RagBuildIn().load({"embedding_model": FAKE, **wish})
        made: Json = run(builds.build(ctx or Attempt(knowledge), knowledge.id, loaded))
        assert RagBuildOut().validate(made) == {}
        return made

    return built


def visible(knowledge: Knowledge, version: int) -> list[str]:
    """The texts that a search in that version may find; each has its vector."""
    rows = knowledge.core.sql(VISIBLE, kb=knowledge.id, version=version)
    assert all(row.embedded for row in rows)
    return [row.text for row in rows]


def embedded(fake: FakeProvider) -> list[str]:
    """The texts that the provider was sent."""
    return [text for call in fake.calls for text in call.body["input"]]


def states(knowledge: Knowledge, version: int) -> dict[str, tuple[str, str | None]]:
    """State and code of the error by entry."""
    rows = knowledge.core.sql(
        "SELECT e.key, m.state, m.error ->> 'code' AS code FROM kb_version_entries m JOIN kb_entries e "
        "ON e.id = m.entry_id WHERE m.knowledge_base_id = :kb AND m.version = :version",
        kb=knowledge.id,
        version=version,
    )
    return {row.key: (row.state, row.code) for row in rows}


def version_of(knowledge: Knowledge, number: int) -> Any:
    """The version's row."""
    sql = "SELECT * FROM kb_versions WHERE knowledge_base_id = :kb AND number = :number"
    return knowledge.core.sql(sql, kb=knowledge.id, number=number)[0]


class Killed(BaseException):
    """The worker is gone."""


class Dies(Attempt):
    """An attempt whose worker is killed when a stage has come so far."""

    def __init__(self, knowledge: Knowledge, stage: str, current: int = 0) -> None:
        super().__init__(knowledge)
        self.at = (stage, current)

    async def progress(self, current, total=None, message=None):
        await super().progress(current, total, message)
        if (message, current) >= self.at and message == self.at[0]:
            raise Killed


class Stops(Attempt):
    """An attempt whose worker shuts down."""

    def checkpoint(self):
        raise Stopped("The job must stop: shutdown.")


def test_a_first_build_cuts_and_embeds_all(knowledge, fake, build):
    knowledge.put(a="# A\n\nOne.", b="Two.")
    ctx = Attempt(knowledge)
    made = build(ctx)
    assert (made["version"], made["embedded_texts"], made["activated"]) == (1, 2, False)
    assert made["chunks"] == {"total": 2, "reused": 0, "new": 2, "removed": 0}
    assert made["entries"] == {"total": 2, "reused": 0, "indexed": 2, "failed": 0}
    assert visible(knowledge, 1) == ["# A\n\nOne.", "Two."]
    assert (knowledge.base.ready_version, knowledge.base.active_version) == (1, None)
    assert [*dict.fromkeys(ctx.stages)] == ["snapshot", "chunking", "embedding", "indexing", "evaluating"]
    assert knowledge.events() == ["kb.built"]


def test_a_build_without_a_change_writes_no_chunk_and_asks_no_model(knowledge, fake, build):
    knowledge.put(a="One.", b="Two.")
    build()
    sent = len(fake.calls)
    made = build()
    assert (made["version"], made["embedding_calls"], made["tokens"]) == (2, 0, 0)
    assert made["chunks"] == {"total": 2, "reused": 2, "new": 0, "removed": 0}
    assert len(fake.calls) == sent
    assert visible(knowledge, 1) == visible(knowledge, 2) == ["One.", "Two."]


def test_only_what_changed_is_embedded_and_the_version_before_stays_as_it_is(knowledge, fake, build):
    knowledge.put(a="One.", b="Two.", c="Three.")
    build()
    knowledge.put(replace=True, a="One.", b="Two, changed.", d="Four.")
    made = build()
    assert made["chunks"] == {"total": 3, "reused": 1, "new": 2, "removed": 2}
    assert embedded(fake)[3:] == ["b\nTwo, changed.", "d\nFour."]
    assert visible(knowledge, 1) == ["One.", "Three.", "Two."]
    assert visible(knowledge, 2) == ["Four.", "One.", "Two, changed."]


@pytest.mark.parametrize(("stage", "current"), [("chunking", 0), ("embedding", 0), ("indexing", 0), ("evaluating", 0)])
def test_a_build_whose_worker_was_killed_goes_on_and_pays_nothing_twice(knowledge, fake, build, stage, current):
    knowledge.put(old="Old.")
    build()
    knowledge.put(replace=True, **{f"d{number}": f"Text {number}." for number in range(40)})
    first = Dies(knowledge, stage, current)
    with pytest.raises(Killed):
        build(first)
    assert version_of(knowledge, 2).state == "building"
    assert visible(knowledge, 1) == ["Old."]
    made = build(Attempt(knowledge, first.job_id, attempt=2))
    assert (made["version"], made["embedded_texts"]) == (2, 40)
    assert made["chunks"] == {"total": 40, "reused": 0, "new": 40, "removed": 1}
    assert len(embedded(fake)) == 41
    assert len(visible(knowledge, 2)) == 40
    assert visible(knowledge, 1) == ["Old."]


def test_an_attempt_that_was_overtaken_writes_nothing_more(knowledge, fake, build):
    knowledge.put(a="One.")
    first = Dies(knowledge, "chunking")
    with pytest.raises(Killed):
        build(first)
    wish = RagBuildIn().load({"embedding_model": FAKE})
    old = begin.begin(knowledge.project, knowledge.id, first.job_id, 1, wish)
    begin.begin(knowledge.project, knowledge.id, first.job_id, 2, wish)
    with pytest.raises(Unavailable):
        cutting.cut_page(old)
    with pytest.raises(Unavailable):
        ending.finish(old, 0, None)
    assert states(knowledge, 1) == {"a": ("pending", None)}


def test_what_was_finished_is_told_again_and_not_built_again(knowledge, fake, build):
    knowledge.put(a="One.")
    ctx = Attempt(knowledge)
    made = build(ctx)
    assert build(Attempt(knowledge, ctx.job_id, attempt=2)) == made
    assert knowledge.events() == ["kb.built"]


def test_two_builds_are_never_mixed(knowledge, fake, build):
    knowledge.put(a="One.")
    first = Dies(knowledge, "embedding")
    with pytest.raises(Killed):
        build(first)
    with pytest.raises(BuildRunning) as refused:
        build()
    assert refused.value.retryable
    assert version_of(knowledge, 1).state == "building"


def test_a_version_whose_job_has_ended_is_given_up_by_the_next_build(knowledge, fake, build):
    knowledge.put(a="One.", b="Two.")
    first = Dies(knowledge, "embedding")
    with pytest.raises(Killed):
        build(first)
    knowledge.core.sql("UPDATE jobs SET status = 'cancelled' WHERE id = :id", id=first.job_id)
    knowledge.put(replace=True, a="One.")
    made = build()
    assert made["version"] == 2
    assert version_of(knowledge, 1).state == "failed"
    assert visible(knowledge, 2) == ["One."]
    assert knowledge.events() == ["kb.build_failed", "kb.built"]


def test_the_clock_ends_builds_whose_job_has_ended(knowledge, fake, build):
    knowledge.put(a="One.")
    build()
    knowledge.put(a="Another.")
    first = Dies(knowledge, "evaluating")
    with pytest.raises(Killed):
        build(first)
    abandoned.sweep()  # those of other tests
    assert version_of(knowledge, 2).state == "building"
    error = {"code": "timed_out", "message": "Too long.", "retryable": True}
    core = knowledge.core
    core.sql(
        "UPDATE jobs SET status = 'failed', error = CAST(:error AS jsonb) WHERE id = :id",
        id=first.job_id,
        error=json.dumps(error),
    )
    assert abandoned.sweep() == 1
    assert version_of(knowledge, 2).error == error
    assert core.sql("SELECT text, last_version FROM kb_chunks WHERE knowledge_base_id = :kb", kb=knowledge.id) == [
        ("One.", None)
    ]
    assert knowledge.events() == ["kb.built", "kb.build_failed"]


def test_an_entry_that_fails_says_why_and_the_others_are_built(knowledge, fake, build):
    knowledge.put(a="One.", b="Please refuse-this.", c="A zero-vector.", d="  \n ", e="Five.")
    made = build()
    assert made["entries"] == {"total": 5, "reused": 0, "indexed": 2, "failed": 3}
    assert states(knowledge, 1) == {
        "a": ("indexed", None),
        "b": ("failed", "provider_bad_request"),
        "c": ("failed", "embedding_refused"),
        "d": ("failed", "entry_has_no_text"),
        "e": ("indexed", None),
    }
    assert visible(knowledge, 1) == ["Five.", "One."]
    knowledge.put(b="Please take this.")
    assert build()["entries"] == {"total": 5, "reused": 2, "indexed": 1, "failed": 2}


def test_a_build_fails_where_all_entries_are_wanted_and_leaves_nothing(knowledge, fake, build):
    knowledge.put(a="One.")
    build()
    knowledge.put(a="Changed.", b="Please refuse-this.")
    with pytest.raises(BuildFailed):
        build(allow_partial=False)
    assert version_of(knowledge, 2).error["code"] == "build_failed"
    assert visible(knowledge, 2) == ["One."]
    assert knowledge.events() == ["kb.built", "kb.build_failed"]
    assert (build()["version"], visible(knowledge, 3)) == (3, ["Changed."])


def test_a_build_without_any_entry_indexed_fails(knowledge, fake, build):
    knowledge.put(a=" ")
    with pytest.raises(BuildFailed):
        build()


def test_an_error_that_may_pass_leaves_the_version_to_the_next_attempt(knowledge, fake, build):
    knowledge.put(a="One.")
    ctx = Attempt(knowledge)
    with pytest.raises(ProviderRateLimited):
        build(ctx, embedding_model="openai/fail-429-reset-once")
    assert version_of(knowledge, 1).state == "building"


def test_a_worker_that_shuts_down_leaves_the_version_to_the_next(knowledge, fake, build):
    knowledge.put(a="One.")
    ctx = Stops(knowledge)
    with pytest.raises(Stopped):
        build(ctx)
    assert version_of(knowledge, 1).state == "building"
    assert build(Attempt(knowledge, ctx.job_id, attempt=2))["version"] == 1


def test_a_model_that_is_not_there_fails_the_version_at_once(knowledge, fake, build):
    knowledge.put(a="One.")
    with pytest.raises(ModelNotFound):
        build(embedding_model="openai/fail-404")
    assert (version_of(knowledge, 1).state, knowledge.events()) == ("failed", ["kb.build_failed"])
    assert knowledge.core.sql("SELECT FROM kb_chunks WHERE knowledge_base_id = :kb", kb=knowledge.id) == []


def test_an_empty_draft_is_not_built(knowledge, build):
    with pytest.raises(DraftEmpty):
        build()


def test_a_draft_that_wants_a_review_is_not_built_without_it(core, fake, run):
    knowledge = Knowledge(core, review_required=True)
    knowledge.put(a="One.")
    with pytest.raises(ReviewRequired):
        run(builds.build(Attempt(knowledge), knowledge.id, RagBuildIn().load({})))


def test_other_settings_cut_all_again_and_embed_only_other_texts(knowledge, fake, build):
    knowledge.put(a="One.", b="\n\n".join(f"Sentence {number} of a longer text." for number in range(20)))
    build()
    sent = len(embedded(fake))
    made = build(chunking={"max_tokens": 64, "overlap_tokens": 0})
    assert made["entries"]["reused"] == 0
    assert made["chunks"]["removed"] == 2
    assert "a\nOne." not in embedded(fake)[sent:]
    assert len(visible(knowledge, 2)) == made["chunks"]["new"] > 2
    assert len(visible(knowledge, 1)) == 2


def test_parents_are_kept_without_a_vector_around_their_children(knowledge, fake, build):
    knowledge.put(a="\n\n".join(f"Sentence {number} of a longer text." for number in range(40)))
    made = build(chunking={"max_tokens": 64, "overlap_tokens": 0, "parent_tokens": 256})
    rows = knowledge.core.sql(
        "SELECT c.search IS NULL AS parent, v.chunk_id IS NULL AS no_vector, p.starts <= c.starts AND c.ends <= p.ends "
        "AS within FROM kb_chunks c LEFT JOIN kb_vectors v ON v.chunk_id = c.id LEFT JOIN kb_chunks p "
        "ON p.id = c.parent_id WHERE c.knowledge_base_id = :kb",
        kb=knowledge.id,
    )
    assert {(row.parent, row.no_vector, row.within) for row in rows} == {(True, True, None), (False, False, True)}
    assert made["chunks"]["total"] == sum(not row.parent for row in rows)


def test_without_a_model_a_version_is_full_text_only(knowledge, build):
    knowledge.put(a="One.")
    made = build(embedding_model=None)
    assert (made["embedding_model"], made["entries"]["indexed"]) == (None, 1)
    assert knowledge.core.sql("SELECT FROM kb_vectors WHERE knowledge_base_id = :kb", kb=knowledge.id) == []


def test_going_back_to_an_earlier_draft_costs_nothing(knowledge, fake, build):
    knowledge.put(a="One.")
    build(activate=True)
    knowledge.put(a="Two.")
    build()
    knowledge.locked(drafts.discard, by=knowledge.writer)
    made = build()
    assert (made["embedded_texts"], made["embedding_calls"]) == (0, 0)
    assert visible(knowledge, 3) == visible(knowledge, 1) == ["One."]
    assert visible(knowledge, 2) == ["Two."]


def test_a_build_may_activate_its_version_and_says_why_it_did_not(knowledge, fake, build):
    knowledge.put(**{f"d{number}": f"Text {number}." for number in range(10)})
    assert build(activate=True)["activated"]
    assert knowledge.base.active_version == 1
    knowledge.put(replace=True, d1="Text 1.")
    made = build(activate=True)
    assert (made["activated"], made["not_activated_because"]["code"]) == (False, "gate_refused")
    assert (knowledge.base.active_version, knowledge.base.ready_version) == (1, 2)


def test_a_plan_says_what_a_build_would_do_and_cost_and_writes_nothing(knowledge, fake, build):
    knowledge.put(a="One.", b="Two.", c="Three.")
    build()
    knowledge.put(replace=True, a="One.", b="Two, changed.", d="Four.", e="One.")
    wish = RagBuildIn().load({"embedding_model": FAKE})
    told = BuildPlanOut().dump(plan(knowledge.project, knowledge.id, wish))
    assert told["entries"] == {"total": 4, "new": 2, "changed": 1, "removed": 1, "unchanged": 1, "to_index": 3}
    assert told["chunks"] == {"new": 3, "reused": 1, "removed": 2}
    assert (told["texts_to_embed"], told["exact"], told["base"]) == (3, True, 1)
    assert 0 < float(told["cost_usd"]["low"]) < float(told["cost_usd"]["high"]) < 0.00001
    assert knowledge.base.newest_version == 1
    made = build()
    assert {name: made["chunks"][name] for name in told["chunks"]} == told["chunks"]
    assert made["embedded_texts"] == told["texts_to_embed"]
