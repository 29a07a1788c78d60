"""Random histories of a knowledge base: whatever happens to it, every version that can be served shows what its draft
said when it was built, cut and embedded as that build was asked to."""

import random
from collections import Counter
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest

from infra.errors import BuildFailed, Conflict, KnowledgeBaseNotBuilt, SwitchyardError
from models import EntryType
from schemas.knowledge_settings import Chunking
from schemas.rag_build import RagBuildIn
from tests.workers.knowledge.conftest import Knowledge
from tests.workers.knowledge.test_builds import Attempt, Killed
from workers.knowledge import builds, chunking, clearing, drafts, versions
from workers.knowledge.building import abandoned, begin, cutting, ending
from workers.knowledge.building.state import Build
from workers.knowledge.search import segments
from workers.knowledge.search.find import SearchWish, find

Json = dict[str, Any]

STEPS = 14
LONG = "\n\n".join(f"Paragraph {number} speaks of many things, so that it is long." for number in range(8))
WORDS = ("alpha", "beta", "omega", "kappa")
TEXTS = ("alpha one.", "beta two.", f"omega {LONG}", f"kappa {LONG[:200]}", "beta, please refuse-this.", " ")
MODELS = ("openai/text-embedding-3-small",) * 4 + ("openai/text-embedding-3-large", None)
CUTS: tuple[Json, ...] = ({},) * 3 + (
    {"max_tokens": 32, "overlap_tokens": 8},
    {"max_tokens": 64, "overlap_tokens": 0, "parent_tokens": 128},
)
VISIBLE = """
SELECT e.key, c.text, c.search IS NOT NULL AS searched, v.chunk_id IS NOT NULL AS embedded
FROM kb_chunks c JOIN kb_entries e ON e.id = c.entry_id LEFT JOIN kb_vectors v ON v.chunk_id = c.id
  AND v.first_version = c.first_version AND v.last_version IS NOT DISTINCT FROM c.last_version
WHERE c.knowledge_base_id = :kb AND c.first_version <= :version AND coalesce(c.last_version, :version) >= :version
"""
READY = "SELECT number, stats FROM kb_versions WHERE knowledge_base_id = :kb AND state = 'ready' ORDER BY number"
OLDER = """
UPDATE kb_versions SET built_at = built_at - interval '1 hour', activated_at = activated_at - interval '1 hour',
  rolled_back_at = rolled_back_at - interval '1 hour' WHERE knowledge_base_id = :kb
"""
KEEP = "UPDATE knowledge_bases SET settings = jsonb_set(settings, '{keep_versions}', :keep) WHERE id = :kb"


class DiesAfter(Attempt):
    """An attempt whose worker is killed after so many steps."""

    def __init__(self, knowledge: Knowledge, job_id: UUID | None, attempt: int, left: int) -> None:
        super().__init__(knowledge, job_id, attempt)
        self.left = left

    def checkpoint(self):
        self.left -= 1
        if self.left < 0:
            raise Killed

    async def progress(self, current, total=None, message=None):
        self.checkpoint()


class History:
    """A knowledge base, what its draft says, and by version what it said, the model and how it was cut."""

    def __init__(self, knowledge: Knowledge, run: Any, seed: int) -> None:
        self.knowledge, self.run, self.random = knowledge, run, random.Random(seed)
        self.draft: dict[str, str] = {}
        self.built: dict[int, tuple[dict[str, str], str | None, Json]] = {}
        self.attempts: list[Build] = []

    def sql(self, statement: str, **asked: Any) -> list[Any]:
        return self.knowledge.core.sql(statement, kb=self.knowledge.id, **asked)

    def put(self) -> None:
        texts = {key: self.random.choice(TEXTS) for key in self.random.sample("abcdef", 3)}
        replace = self.random.random() < 0.4
        self.knowledge.put(replace=replace, **texts)
        self.draft = texts if replace else {**self.draft, **texts}

    def remove(self) -> None:
        if self.draft:
            key = self.random.choice([*self.draft])
            self.knowledge.locked(drafts.remove_entries, [self.knowledge.entry(key)])
            del self.draft[key]

    def discard(self) -> None:
        self.knowledge.locked(drafts.discard, by=self.knowledge.writer)
        active = self.knowledge.base.active_version
        self.draft = {} if active is None else dict(self.built[active][0])

    def build(self) -> None:
        """A build, perhaps killed some times and gone on with, or given up."""
        wish: dict[str, Any] = {"embedding_model": self.random.choice(MODELS), "chunking": self.random.choice(CUTS)}
        loaded = RagBuildIn().load({**wish, "allow_partial": self.random.random() < 0.8})
        job_id: UUID | None = None
        said, end = dict(self.draft), "failed"
        for attempt in range(1, 5):
            ctx = DiesAfter(self.knowledge, job_id, attempt, self.random.choice([*range(10), *[99] * 6]))
            job_id = ctx.job_id
            try:
                made = self.run(builds.build(ctx, self.knowledge.id, loaded))
            except Killed:
                self.remember(job_id, attempt, loaded)
                continue
            except SwitchyardError as error:
                assert error.code in ("build_failed", "draft_empty")
                break
            self.built[made["version"]], end = (said, wish["embedding_model"], wish["chunking"]), "succeeded"
            break
        self.sql("UPDATE jobs SET status = :end WHERE id = :job_id AND :kb IS NOT NULL", end=end, job_id=job_id)

    def remember(self, job_id: UUID, attempt: int, loaded: Json) -> None:
        """What an attempt knows that will wake up when it is over."""
        self.attempts.append(begin.begin(self.knowledge.project, self.knowledge.id, job_id, attempt, loaded))

    def wake(self) -> None:
        """An attempt that is over goes on."""
        if not self.attempts:
            return
        stale = self.random.choice(self.attempts)
        late = (
            lambda: begin.undo(stale.base_id, ready=stale.base, number=stale.number, held=stale),
            lambda: cutting.cut_page(stale),
            lambda: ending.close_gone(stale),
            lambda: segments.refresh(stale.base_id, stale.number),
            lambda: ending.finish(stale, 0, None),
            lambda: ending.fail(stale, BuildFailed()),
            abandoned.sweep,
        )
        try:
            self.random.choice(late)()
        except SwitchyardError as error:
            assert error.code == "unavailable"

    def switch(self) -> None:
        ready = [row.number for row in self.sql(READY)]
        by = self.knowledge.writer
        if ready and self.random.random() < 0.7:
            body = {"version": self.random.choice(ready), "force": True}
            self.knowledge.locked(versions.activate, by=by, may_force=True, body=body)
        else:
            with suppress(Conflict, KnowledgeBaseNotBuilt):
                self.knowledge.locked(versions.roll_back, by=by, body={"version": None})

    def clear(self) -> None:
        self.sql(KEEP, keep=str(self.random.choice([1, 2, 3])))
        if self.random.random() < 0.7:
            self.sql(OLDER)
        if self.random.random() < 0.3:
            self.knowledge.locked(clearing.drop_versions)
        else:
            clearing.sweep()

    def check(self) -> None:
        for row in self.sql(READY):
            said, model, cut = self.built[row.number]
            expected = Counter(
                (key, piece.text, piece.searched, piece.searched and model is not None)
                for key, text in said.items()
                if model is None or "refuse-this" not in text
                for piece in chunking.chunks_of(text, EntryType.DOCUMENT, Chunking().load(cut), key)
            )
            found = [(one.key, one.text, one.searched, one.embedded) for one in self.sql(VISIBLE, version=row.number)]
            assert Counter(found) == expected
            searched = [(key, text) for key, text, is_searched, _ in expected.elements() if is_searched]
            assert row.stats["chunks"]["total"] == len(searched)
            self.check_search(row.number, self.random.choice(WORDS), searched)

    def check_search(self, version: int, word: str, searched: list[tuple[str, str]]) -> None:
        wish = SearchWish(word, mode="text", top_k=100, version=version)
        hits = self.run(find(self.knowledge.project, self.knowledge.id, wish)).hits
        assert {hit.key for hit in hits} == {key for key, text in searched if word in text}


@pytest.mark.parametrize("seed", [3, 18])
def test_every_version_shows_what_its_draft_said_whatever_happens(knowledge, fake, run, seed):
    history = History(knowledge, run, seed)
    does = history
    steps = [does.put, does.build] * 4 + [does.clear, does.wake] * 3 + [does.switch] * 2 + [does.remove, does.discard]
    history.put()
    for _ in range(STEPS):
        history.random.choice(steps)()
        history.check()
