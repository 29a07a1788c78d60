"""Searches: how long they take at 15,000 and 100,000 chunks with a hundred other tenants in the tables, and where the
time goes; what the nearest ten are against an exact search, with filters and away from the knowledge base's topics; and
that a search sees one version while versions are switched.

The query's vector is not counted: it is asked for once beforehand, and remembered. Times are those of a client over
HTTP; the parts are those that the answer tells.

python -m tests.bench.bench_search
"""

import asyncio
import os
import random
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.orm import Session

from infra import db, ids
from infra.dev.environment import Options
from infra.dev.ports import free_port
from infra.dev.system import System
from infra.settings import settings
from tests.bench.chunks import TAGS, Corpus, fill
from tests.bench.field import Field, run
from tests.bench.report import Table, size
from tests.client import Client
from tests.conftest import SHORT
from workers.knowledge.search import facets, inverted, nearest, segments, vector_index
from workers.knowledge.search.scope import Scope
from workers.providers import minilm

Json = dict[str, Any]

TENANTS, CHUNKS_A_TENANT = 100, 500
SEARCHES = 300
QUESTIONS = 60
ELSEWHERE = [
    "how to bake a chocolate cake", "stock market crash of 1929", "who won the football world cup",
    "symptoms of influenza in children", "best hiking trails in norway", "history of the roman empire",
    "quantum entanglement explained", "cheap flights to tokyo in spring",
]  # fmt: skip
FILTERS: dict[str, Json] = {
    "no filter": {},
    "half of it": {"types": ["api"]},
    **{f"1 of {every:,}": {"tags": [name]} for name, every in TAGS.items() if every > 2},
}
SWITCHED, READERS, SWITCHES_EVERY = 10_000, 8, 0.05

BASE = text("""
INSERT INTO knowledge_bases (id, created_at, updated_at, project_id, name, is_default, settings, active_version,
  ready_version, newest_version, draft_serial)
VALUES (:kb, now(), now(), :project, 'bench', false, '{}', :version, :version, :version, 1)
""")
VERSION = text("""
INSERT INTO kb_versions (id, created_at, project_id, knowledge_base_id, number, state, attempt, draft_serial, settings,
  stats, built_at)
VALUES (:id, now(), :project, :kb, :version, 'ready', 1, 1, CAST(:settings AS jsonb), CAST(:stats AS jsonb), now())
""")
STATS = '{"chunks": {"total": 1}, "entries": {"failed": 0}}'


class Place:
    """A system, and this process connected to its database too."""

    def __init__(self, system: System, client: Client) -> None:
        self.client = client
        self.project = ids.parse("proj", system.project_id) or UUID(int=0)
        self.engine: Engine = create_engine(make_url(system.database_url).set(drivername="postgresql+psycopg2"))
        self.path = f"/v1/projects/{system.project_id}/knowledge_bases"

    def base(self, versions: int = 1, model: str | None = "sandbox", project: UUID | None = None) -> UUID:
        """A knowledge base with so many versions, the last of them active."""
        made, of = ids.new_id(), {"project": project or self.project}
        shown = "null" if model is None else f'"{model}"'
        with Session(self.engine) as session, session.begin():
            session.execute(BASE, {"kb": made, "version": versions, **of})
            for number in range(1, versions + 1):
                row = {"id": ids.new_id(), "kb": made, "version": number, "stats": STATS, **of}
                session.execute(VERSION, {**row, "settings": f'{{"embedding_model": {shown}}}'})
        return made

    def search(self, base: UUID, query: str, **body: Any) -> tuple[Json, float]:
        """The answer, and how many milliseconds it took without the query's vector."""
        began = time.perf_counter()
        answer = self.client.http.post(f"{self.path}/{ids.show('kb', base)}/search", json={"query": query, **body})
        took = (time.perf_counter() - began) * 1000
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found, took - found["took_ms"].get("embedding", 0.0)


@contextmanager
def place() -> Iterator[Place]:
    """A system with API alone."""
    with tempfile.TemporaryDirectory() as folder:
        options = Options(data=Path(folder) / "data", port=free_port(), flower_port=free_port())
        environment = {**SHORT, "REQUESTS_PER_MINUTE": "100000000"}
        with (
            System(options, only=("api",), environment=environment) as system,
            Client(system.url, system.api_key) as client,
        ):
            os.environ["DATABASE_URL"] = system.environment["DATABASE_URL"]
            settings.cache_clear()
            db.engine._made = None
            yield Place(system, client)
            db.engine().dispose()


def questions(corpus: Corpus) -> list[str]:
    """Beginnings of sentences, as people type them."""
    chance = random.Random(5)
    return [" ".join(chance.choice(corpus.sentences).split()[: chance.randint(4, 16)]) for _ in range(QUESTIONS)]


def filled(here: Place, corpus: Corpus, count: int, table: Table, **options: Any) -> UUID:
    """A knowledge base of so many chunks, indexed as a build does it."""
    base = here.base(**{name: options.pop(name) for name in ("project",) if name in options})
    fill(here.engine, here.project, base, corpus, count, **options)
    began = time.perf_counter()
    segments.refresh(base, 1)
    between = time.perf_counter()
    vector_index.refresh(base)
    if count > CHUNKS_A_TENANT:
        took = f"{between - began:.1f} s, vectors {time.perf_counter() - between:.1f} s"
        table.add(f"indexing {count:,} chunks (stage `indexing`)", took)
    return base


def latency(here: Place, base: UUID, asked: list[str], count: int, goal: str, table: Table) -> None:
    """Percentiles of searches one after another, and where the time goes."""
    for query in asked:
        here.search(base, query)
    for name, filters in FILTERS.items():
        took, parts = [], dict[str, list[float]]()
        for number in range(size(SEARCHES if not filters else SEARCHES // 3)):
            found, milliseconds = here.search(base, asked[number % len(asked)], filters=filters)
            took.append(milliseconds)
            for part, one in found["took_ms"].items():
                parts.setdefault(part, []).append(one)
        shown = ", ".join(f"{part} {np.median(parts[part]):.1f}" for part in ("filters", "text", "vector", "hits"))
        median, p95 = np.percentile(took, [50, 95])
        table.add(f"search in {count:,} chunks, {name}", f"p50 {median:.1f} ms, p95 {p95:.1f} ms", shown, goal=goal)


def recall(base: UUID, asked: list[str], count: int, goal: str, table: Table) -> None:
    """The nearest ten against all compared, for questions of the corpora's topics and of others."""
    vectors, _ = asyncio.run(minilm.embed([*asked, *ELSEWHERE]))
    for name, filters in FILTERS.items():
        scope = Scope(base, 1, filters)
        figures = []
        with db.transaction() as session:
            passing = facets.passing(session, scope, inverted.opened(session, scope))
            condition = f"EXISTS (SELECT FROM kb_chunks c WHERE c.id = v.chunk_id AND {scope.passes()})"
            exact = text(nearest.EXACT.format(condition=condition))
            for vector in vectors:
                wanted = {**scope.place, **scope.wanted, "vector": str(vector), "count": 10}
                best = {row.id for row in session.execute(exact, wanted)}
                found = {one for one, _ in nearest.nearest(session, scope, vector, 100, passing)[:10]}
                figures.append(len(best & found) / len(best))
        of = f"{np.mean(figures):.4f}, least {min(figures):.1f}"
        table.add(
            f"recall@10 in {count:,}, {name}", of, f"other topics {np.mean(figures[len(asked) :]):.4f}", goal=goal
        )


def switching(here: Place, corpus: Corpus, table: Table) -> None:
    """Searches of eight clients while two versions take turns; every text says of which it is."""
    base = here.base(versions=2)
    for number, versions in ((1, (1, 1)), (2, (2, None))):
        said = f"This is version {number}. "
        fill(here.engine, here.project, base, corpus, 200, versions=versions, said=said, seed=number)
    segments.refresh(base, 2)
    asked, mixed, failed = questions(corpus), 0, 0

    def read(number: int) -> tuple[int, bool]:
        found, _ = here.search(base, asked[number % len(asked)], mode=("text", "hybrid")[number % 2])
        versions = {hit["text"].split()[3] for hit in found["data"]}
        return len(found["data"]), versions <= {f"{found['version']}."}

    with activating(here, base) as took, ThreadPoolExecutor(READERS) as readers:
        for hits, one_version in readers.map(read, range(size(SWITCHED))):
            failed += not hits
            mixed += not one_version
    shown = f"{size(SWITCHED):,} searches, {len(took)} activations: {mixed} mixed, {failed} empty"
    table.add("searches while versions are switched", shown, goal="0 mixed")
    median, p95 = np.percentile(took, [50, 95])
    table.add("activation under these searches", f"p50 {median:.1f} ms, p95 {p95:.1f} ms", goal="p95 < 20 ms, at rest")
    with activating(here, base) as took:
        time.sleep(10)
    median, p95 = np.percentile(took, [50, 95])
    table.add("activation at rest", f"p50 {median:.1f} ms, p95 {p95:.1f} ms", goal="p95 < 20 ms")


@contextmanager
def activating(here: Place, base: UUID) -> Iterator[list[float]]:
    """Has the two versions take turns meanwhile; the list gets the milliseconds of each activation."""
    done, took = threading.Event(), list[float]()

    def switch() -> None:
        number = 1
        while not done.is_set():
            began = time.perf_counter()
            body = {"version": number, "force": True}
            answer = here.client.http.post(f"{here.path}/{ids.show('kb', base)}/activate", json=body)
            took.append((time.perf_counter() - began) * 1000)
            assert answer.status_code == 200, answer.text
            number = 3 - number
            done.wait(SWITCHES_EVERY)

    thread = threading.Thread(target=switch)
    thread.start()
    try:
        yield took
    finally:
        done.set()
        thread.join()


def _all(table: Table) -> None:
    corpus = Corpus.read()
    asked = questions(corpus)
    with place() as here:
        for number in range(TENANTS):
            collection = number % len(corpus.collections)
            filled(here, corpus, CHUNKS_A_TENANT, table, collection=collection, seed=number, project=ids.new_id())
        for count, time_goal, recall_goal in ((15_000, "p95 ≤ 30 ms", "≥ 0.98"), (100_000, "p95 ≤ 60 ms", "≥ 0.95")):
            base = filled(here, corpus, size(count), table, seed=count)
            with here.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("VACUUM ANALYZE"))
            latency(here, base, asked, size(count), time_goal, table)
            recall(base, asked, size(count), recall_goal, table)
        switching(here, corpus, table)


async def measure(field: Field) -> Table:
    """All of it; what it takes of the field is the machine alone."""
    table = Table("Search")
    table.notes.append("Beside the times stand the medians of their parts, in milliseconds.")
    await asyncio.to_thread(_all, table)
    return table


if __name__ == "__main__":
    run(measure)
