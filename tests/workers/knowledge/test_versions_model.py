"""Random histories of a knowledge base: every version that is kept shows what its draft said when it was built."""

import os
import random
from collections import Counter
from typing import Any
from uuid import UUID

import pytest

from infra.errors import SwitchyardError, BuildFailed, DraftEmpty
from models import EntryType
from schemas.rag_build import RagBuildIn
from tests.workers.kinds.test_completion import Recorder
from tests.workers.knowledge.conftest import Knowledge
from tests.workers.knowledge.test_builds import Attempt, Killed
from workers.knowledge import builds, chunking, clearing, drafts, versions, bases
from workers.knowledge.building import abandoned, begin, cutting, ending
from workers.knowledge.search import find, segments
from workers.knowledge.search.find import SearchWish

FAKE = ["openai/text-embedding-3-small", "openai/text-embedding-3-large", None]
KEYS = "abcdef"
LONG = "\n\n".join(f"Paragraph {n} speaks of many things and more words than one so that it is long." for n in range(12))
TEXTS = ["alpha one.", "beta two.", "gamma three.", "delta four.", "omega " + LONG, "Please refuse-this.", "kappa " + LONG[:500], " \n"]
CHUNKS = [{"max_tokens": 512}, {"max_tokens": 32, "overlap_tokens": 8}, {"max_tokens": 64, "overlap_tokens": 0, "parent_tokens": 128}]
VISIBLE = """
SELECT c.text, e.key, c.search IS NOT NULL AS searched, v.chunk_id IS NOT NULL AS vector,
 v.chunk_id IS NULL OR (v.first_version = c.first_version AND v.last_version IS NOT DISTINCT FROM c.last_version) AS same
FROM kb_chunks c JOIN kb_entries e ON e.id = c.entry_id LEFT JOIN kb_vectors v ON v.chunk_id = c.id
WHERE c.knowledge_base_id = :kb AND c.first_version <= :version AND coalesce(c.last_version, :version) >= :version
"""
VECTORS = """SELECT count(*) AS n FROM kb_vectors
WHERE knowledge_base_id = :kb AND first_version <= :version AND coalesce(last_version, :version) >= :version"""


class Dies(Attempt):
    def __init__(self, knowledge, after, job_id=None, attempt=1):
        super().__init__(knowledge, job_id, attempt)
        self.after = after

    async def progress(self, current, total=None, message=None):
        self.after -= 1
        if self.after < 0:
            raise Killed

    def checkpoint(self):
        self.after -= 1
        if self.after < 0:
            raise Killed


class History:
    def __init__(self, core, run, seed):
        self.core, self.run, self.r = core, run, random.Random(seed)
        self.k = Knowledge(core, keep_versions=self.r.choice([1, 2, 3]))
        self.draft: dict[str, str] = {}
        self.versions: dict[int, tuple[dict[str, str], Any, Any]] = {}
        self.stale: list[Any] = []
        self.log: list[Any] = []

    def put(self):
        some = self.r.sample(KEYS, self.r.randint(1, 4))
        texts = {key: self.r.choice(TEXTS) for key in some}
        replace = self.r.random() < 0.4
        self.log.append(("put", replace, {k: v[:8] for k, v in texts.items()}))
        self.k.put(replace=replace, **texts)
        self.draft = {**({} if replace else self.draft), **texts}

    def remove(self):
        if not self.draft:
            return
        key = self.r.choice([*self.draft])
        self.log.append(("remove", key))
        self.k.locked(drafts.remove_entries, [self.k.entry(key)])
        del self.draft[key]

    def build(self):
        model, cut = self.r.choice(FAKE[:1] * 4 + FAKE), self.r.choice(CHUNKS[:1] * 4 + CHUNKS)
        wish = RagBuildIn().load({"embedding_model": model, "chunking": cut, "allow_partial": self.r.random() < 0.8, "activate": self.r.random() < 0.2})
        job, attempt, draft, made = None, 1, None, None
        while True:
            after = self.r.choice([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 99, 99, 99, 99])
            ctx = Dies(self.k, after, job, attempt)
            job = ctx.job_id
            newest = self.k.base.newest_version
            self.log.append(("build", model, cut, after, attempt, str(job)[-6:]))
            try:
                made = self.run(builds.build(ctx, self.k.id, wish))
            except Killed:
                if self.k.base.newest_version > newest and draft is None:
                    draft = dict(self.draft)
                self.zombie(job, attempt)
                if self.r.random() < 0.3:
                    self.core.sql("UPDATE jobs SET status = 'cancelled' WHERE id = :id", id=job)
                    if self.r.random() < 0.5:
                        abandoned.sweep()
                    return
                if self.r.random() < 0.3:
                    self.r.choice([self.put, self.remove, self.discard, self.activate, self.clear])()
                attempt += 1
                continue
            except (BuildFailed, DraftEmpty) as error:
                self.log.append(error.code)
                self.core.sql("UPDATE jobs SET status = 'failed' WHERE id = :id", id=job)
                return
            break
        self.core.sql("UPDATE jobs SET status = 'succeeded' WHERE id = :id", id=job)
        self.log.append(("built", made["version"], made["activated"]))
        self.versions[made["version"]] = (draft if draft is not None else dict(self.draft), model, cut)
        self.zombie(job, attempt)

    def zombie(self, job, attempt):
        """Remember what a frozen attempt would hold."""
        rows = self.core.sql("SELECT id FROM kb_versions WHERE job_id = :job", job=job)
        if not rows:
            return
        def load(session):
            from models import KbVersion
            version = session.get(KbVersion, rows[0].id)
            base = bases.get_base(session, self.k.project, self.k.id)
            return begin._build(base, version)
        self.stale.append(self.k.do(load))

    def wake(self):
        if not self.stale:
            return
        import dataclasses
        # An attempt that has been overtaken, or whose version is over.
        stale = self.r.choice(self.stale)
        state = self.core.sql("SELECT state, attempt FROM kb_versions WHERE id = :id", id=stale.version_id)
        if state and state[0].state == "building" and state[0].attempt == stale.attempt:
            return
        stale = dataclasses.replace(stale, done=False)
        what = self.r.choice(["undo", "cut", "close", "index", "finish", "fail", "full"])
        self.log.append(("wake", what, stale.number, stale.base, stale.attempt))
        try:
            if what == "undo":
                begin.undo(self.k.id, ready=stale.base, number=stale.number, **UNDO(stale))
            elif what == "cut":
                cutting.cut_page(stale)
            elif what == "close":
                ending.close_gone(stale)
            elif what == "index":
                segments.refresh(self.k.id, stale.number)
            elif what == "finish":
                ending.finish(stale, 0, None)
            elif what == "fail":
                builds._failed(stale, BuildFailed())
            else:
                ctx = Attempt(self.k, stale.job_id, stale.attempt)
                self.run(builds._through(ctx, stale, allow_partial=True))
        except SwitchyardError as error:
            self.log.append(error.code)

    def activate(self):
        ready = self.ready()
        if ready:
            number = self.r.choice(ready)
            self.log.append(("activate", number))
            self.k.locked(versions.activate, by=self.k.writer, may_force=True, body={"version": number, "force": True})

    def rollback(self):
        try:
            version = self.k.locked(versions.roll_back, by=self.k.writer, body={"version": None})
            self.log.append(("rollback", version.number))
        except SwitchyardError as error:
            self.log.append(("rollback", error.code))

    def discard(self):
        self.k.locked(drafts.discard, by=self.k.writer)
        active = self.k.base.active_version
        self.log.append(("discard", active))
        self.draft = dict(self.versions[active][0]) if active else {}

    def clear(self):
        if self.r.random() < 0.7:
            self.core.sql("""UPDATE kb_versions SET built_at = built_at - interval '1 hour', activated_at = activated_at - interval '1 hour',
              rolled_back_at = rolled_back_at - interval '1 hour' WHERE knowledge_base_id = :kb""", kb=self.k.id)
        if self.r.random() < 0.3:
            self.k.locked(clearing.drop_versions)  # and is interrupted
            self.log.append("drop")
        else:
            clearing.sweep()
            if self.r.random() < 0.3:
                self.core.sql("UPDATE kb_revisions SET created_at = created_at - interval '900 days' WHERE knowledge_base_id = :kb", kb=self.k.id)
                self.core.sql("UPDATE kb_entries SET updated_at = updated_at - interval '900 days' WHERE knowledge_base_id = :kb", kb=self.k.id)
                clearing.forget_history()
            self.log.append("sweep")

    def model(self):
        self.core.sql("UPDATE knowledge_bases SET settings = settings || jsonb_build_object('keep_versions', CAST(:n AS int)) WHERE id = :kb", n=self.r.choice([1, 2, 3]), kb=self.k.id)

    def ready(self):
        return [r.number for r in self.core.sql("SELECT number FROM kb_versions WHERE knowledge_base_id = :kb AND state = 'ready' ORDER BY number", kb=self.k.id)]

    def check(self):
        said = {r.key: r.text for r in self.core.sql("SELECT e.key, r.text FROM kb_entries e JOIN kb_revisions r ON r.id = e.draft_revision_id WHERE e.knowledge_base_id = :kb", kb=self.k.id)}
        assert said == self.draft, self.log
        for number in self.ready():
            content, model, cut = self.versions[number]
            from schemas.knowledge_settings import Chunking
            expected, searched = Counter(), Counter()
            for key, text in content.items():
                if "refuse-this" in text and model is not None:
                    continue
                for piece in chunking.chunks_of(text, EntryType.DOCUMENT, Chunking().load(cut), key):
                    expected[key, piece.text] += 1
                    if piece.searched:
                        searched[key, piece.text] += 1
            rows = self.core.sql(VISIBLE, kb=self.k.id, version=number)
            assert Counter((r.key, r.text) for r in rows) == expected, (number, self.log)
            assert Counter((r.key, r.text) for r in rows if r.searched) == searched, (number, self.log)
            assert all(r.same for r in rows) and all(r.vector == (r.searched and model is not None) for r in rows), (number, self.log)
            n = self.core.sql(VECTORS, kb=self.k.id, version=number)[0].n
            assert n == (sum(searched.values()) if model else 0), (number, n, self.log)
            stats = self.core.sql("SELECT stats FROM kb_versions WHERE knowledge_base_id = :kb AND number = :n", kb=self.k.id, n=number)[0].stats
            assert stats["chunks"]["total"] == sum(searched.values()), (number, stats, self.log)
            failed = sum(1 for t in content.values() if not t.strip() or ("refuse-this" in t and model is not None))
            assert stats["entries"]["failed"] == failed, (number, stats, self.log)
            for word in ("alpha", "beta", "gamma", "delta", "omega", "kappa", "Paragraph"):
                found = self.run(find.find(self.k.project, self.k.id, SearchWish(query=word, mode="text", top_k=100, version=number)))
                keys = {hit.key for hit in found.hits}
                wanted = {key for key, text in searched if word in text}
                assert keys == wanted, (number, word, keys, wanted, self.log)


def UNDO(stale):
    return {"held": stale}


@pytest.mark.parametrize("seed", range(int(os.environ.get("SEED0", 0)), int(os.environ.get("SEED0", 0)) + int(os.environ.get("SEEDS", 3))))
def test_history(core, fake, run, seed):
    h = History(core, run, seed)
    zombies = os.environ.get("ZOMBIES")
    ops = [h.put] * 4 + [h.remove] + [h.build] * 5 + [h.activate] * 2 + [h.rollback, h.discard] + [h.clear] * 3 + [h.model] + ([h.wake] * 4 if zombies else [])
    h.put()
    for _ in range(14):
        h.r.choice(ops)()
        try:
            h.check()
        except AssertionError:
            print("\n".join(map(str, h.log)))
            raise
