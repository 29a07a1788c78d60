import asyncio, os, random, threading, time, traceback
from collections import Counter
import pytest
from infra import db
from infra.errors import SwitchyardError
from schemas.rag_build import RagBuildIn
from tests.workers.knowledge.conftest import Knowledge
from tests.workers.knowledge.test_builds import Attempt
from workers.knowledge import builds, clearing, drafts, versions, review, embedding
from workers.knowledge.building import abandoned
from workers.knowledge.search import find
from workers.knowledge.search.find import SearchWish
from workers.providers import routing

FAKE = "openai/text-embedding-3-small"

def test_stress(core, fake):
    seconds = float(os.environ.get("SECONDS_", 30))
    ks = [Knowledge(core, keep_versions=2) for _ in range(2)]
    ks[1].project = ks[0].project
    one = Knowledge.__new__(Knowledge)
    ks[1].core.sql("UPDATE knowledge_bases SET project_id = :p WHERE id = :kb", p=ks[0].project, kb=ks[1].id)
    counts, errors = Counter(), []
    clearing.GRACE = __import__("datetime").timedelta(seconds=2)
    # every entry of a version has the same generation word: text "gen<N> ..." for all keys in one put
    gens = {k.id: 0 for k in ks}
    until = time.monotonic() + seconds
    for k in ks:
        k.put(replace=True, **{f"k{i}": f"gen0 text number {i} words" for i in range(30)})

    def worker(name, step):
        async def main():
            r = random.Random(name)
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                try:
                    await step(r)
                    counts[name] += 1
                except SwitchyardError as error:
                    counts[f"{name}:{error.code}"] += 1
                except Exception as error:
                    code = getattr(getattr(error, "orig", None), "pgcode", None)
                    counts[f"{name}!{type(error).__name__}:{code}"] += 1
                    errors.append((name, traceback.format_exc()[-1500:]))
        return main()

    async def ingest(r):
        k = r.choice(ks)
        gens[k.id] += 1
        g = gens[k.id]
        await asyncio.to_thread(lambda: k.put(replace=True, **{f"k{i}": f"gen{g} text number {i} words" for i in r.sample(range(40), 30)}))
        await asyncio.sleep(0.1)

    async def build(r):
        k = r.choice(ks)
        ctx = await asyncio.to_thread(Attempt, k)
        end = "failed"
        try:
            made = await builds.build(ctx, k.id, RagBuildIn().load({"embedding_model": FAKE, "activate": r.random() < 0.5}))
            end = "succeeded"
        finally:
            await asyncio.to_thread(lambda: core.sql("UPDATE jobs SET status = :s WHERE id = :id", s=end, id=ctx.job_id))

    async def switch(r):
        k = r.choice(ks)
        def do():
            what = r.random()
            if what < 0.5:
                ready = core.sql("SELECT number FROM kb_versions WHERE knowledge_base_id = :kb AND state = 'ready'", kb=k.id)
                if ready:
                    k.locked(versions.activate, by=k.writer, may_force=True, body={"version": r.choice(ready).number, "force": True})
            elif what < 0.7:
                k.locked(versions.roll_back, by=k.writer, body={"version": None})
            elif what < 0.85:
                k.locked(drafts.discard, by=k.writer)
            else:
                k.locked(review.submit, by=k.writer, note=None)
        await asyncio.to_thread(do)
        await asyncio.sleep(0.02)

    async def search(r):
        k = r.choice(ks)
        found = await find.find(k.project, k.id, SearchWish(query="text number words", mode=r.choice(["text", "hybrid", "vector"]), top_k=50))
        words = {hit.text.split()[0] for hit in found.hits}
        if len(words) != 1 or len(found.hits) != 30:
            counts["MIXED"] += 1
            errors.append(("mixed", (words, len(found.hits), found.version, found.mode, found.notes)))
        await asyncio.sleep(0.02)

    async def sweeps(r):
        await asyncio.to_thread(clearing.sweep)
        await asyncio.to_thread(abandoned.sweep)
        core.sql("UPDATE embeddings SET used_at = now() - interval '2 days' WHERE project_id = :p AND random() < 0.2", p=ks[0].project)
        await asyncio.sleep(0.3)

    steps = {"ingest": ingest, "build1": build, "build2": build, "build3": build, "switch": switch, "switch2": switch, "search1": search, "search2": search, "sweeps": sweeps}
    async def everything():
        for k in ks:
            ctx = Attempt(k)
            await builds.build(ctx, k.id, RagBuildIn().load({"embedding_model": FAKE, "activate": True}))
            core.sql("UPDATE jobs SET status = 'succeeded' WHERE id = :id", id=ctx.job_id)
        await asyncio.gather(*(worker(n, s) for n, s in steps.items()))
        await routing.close()
    asyncio.run(everything())
    print(dict(counts))
    seen = Counter()
    for name, tb in errors:
        seen[name] += 1
        if seen[name] <= 2:
            print(name, tb)
    assert False
