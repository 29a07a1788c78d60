"""How well searches find: nDCG@10 and recall of each leg alone, of plain reciprocal rank fusion, and of ours, on the
judged sets; and how often a question about GitHub's API finds its operation among the first five.

Each set becomes a knowledge base of its own, built and searched as the product does it; embeddings are the offline
model's, and take most of the time. The questions (data/*.jsonl) were written without sight of the descriptions: in
`github_questions` by somebody who knows GitHub's words, in `github_everyday` avoiding even these.

python -m tests.bench.bench_retrieval [folder of a set in BEIR's layout …]
"""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from statistics import mean
from typing import Any
from uuid import UUID

from infra import broker, db, ids, redis, schema
from infra.dev.environment import Options
from infra.dev.ports import free_port
from infra.dev.system import System
from infra.settings import settings
from models import EntryType
from schemas.knowledge_settings import KnowledgeSettings
from schemas.rag_build import RagBuildIn
from tests.bench.field import Field, run
from tests.bench.report import QUICK, Table
from workers import projects
from workers.knowledge import bases, builds, drafts, metrics
from workers.knowledge.drafts import EntryContent
from workers.knowledge.search.find import SearchWish, find
from workers.knowledge.search.fusion import K
from workers.specs.parsing import parse

Json = dict[str, Any]

SHARED = Path(__file__).parents[3] / "shared" / "data"
DATA = Path(__file__).parent / "data"
SPEC = SHARED / "openapi" / "real" / "github.api.github.com-3.0.json"
# nDCG@10, recall@10 and recall@100 of BM25 and of plain fusion, as shared/data/README.md has them.
KNOWN = {"cranfield": (0.373, 0.423), "arcd-arabic": (0.740, 0.311)}
MODES = ("text", "vector", "hybrid")


@dataclass(frozen=True, slots=True)
class JudgedSet:
    """Documents by key, questions, and for each question which documents answer it, how well."""

    name: str
    entries: list[EntryContent]
    questions: dict[str, str]
    judgements: dict[str, dict[str, int]]

    @staticmethod
    def read(folder: Path) -> "JudgedSet":
        """A set in BEIR's layout."""
        documents = _lines(folder / "corpus.jsonl")
        judgements: dict[str, dict[str, int]] = {}
        for line in (folder / "qrels" / "test.tsv").read_text().splitlines()[1:]:
            question, document, score = line.split("\t")
            if int(score) > 0:
                judgements.setdefault(question, {})[document] = int(score)
        entries = [
            EntryContent(EntryType.DOCUMENT, one["_id"], (one.get("title") or one["text"])[:80], one["text"], {})
            for one in documents
            if one["text"].strip()
        ]
        questions = {one["_id"]: one["text"] for one in _lines(folder / "queries.jsonl") if one["_id"] in judgements}
        return JudgedSet(folder.name, entries, questions, judgements)


def _lines(path: Path) -> list[Json]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@contextmanager
def core() -> Iterator[UUID]:
    """PostgreSQL and Redis of their own, this process connected to them, and a project."""
    with tempfile.TemporaryDirectory() as folder:
        options = Options(data=Path(folder) / "data", port=free_port(), flower_port=free_port())
        with System(options, only=()) as system:
            os.environ.update({name: system.environment[name] for name in ("DATABASE_URL", "REDIS_URL", "BROKER_URL")})
            settings.cache_clear()
            for one in (db.engine, redis.client, broker._publisher):
                one._made = None
            schema.upgrade()
            with db.transaction() as session:
                project, _ = projects.create_project(session, name="bench", owner_email="bench@example.com")
            yield project.id
            db.engine().dispose()


@dataclass(slots=True)
class Alone:
    """The context of a build that no job runs."""

    project_id: UUID
    job_id: UUID
    attempt: int = 1
    request_id: str | None = None
    store: str = "full"
    max_cost: Decimal | None = None
    spent: Decimal = Decimal(0)

    async def progress(self, current: int, total: int | None = None, message: str | None = None) -> None:
        """Nobody looks."""

    def delta(self, data: Json) -> None:
        """Nobody looks."""

    def checkpoint(self) -> None:
        """Nobody cancels."""

    def used(self, usage: Any) -> None:
        """Nobody pays."""

    def partial(self, result: Json) -> None:
        """Nobody cancels."""


def built(project_id: UUID, entries: list[EntryContent], type: EntryType) -> UUID:
    """A knowledge base of these entries, built with the offline model and active."""
    body = {"name": "bench", "description": None, "settings": KnowledgeSettings().load({})}
    with db.transaction() as session:
        base = bases.create_base(session, project_id=project_id, created_by=ids.new_id(), body=body)
        drafts.put_entries(session, base, entries, type=type, source="bench")
    asyncio.run(builds.build(Alone(project_id, ids.new_id()), base.id, RagBuildIn().load({"activate": True})))
    return base.id


def rankings(project_id: UUID, base_id: UUID, question: str) -> dict[str, list[str]]:
    """The keys of the entries in the order of each leg, of plain fusion, and of ours."""

    async def ask() -> dict[str, list[str]]:
        found = {mode: await find(project_id, base_id, SearchWish(question, 100, mode)) for mode in MODES}
        return {mode: metrics.unique(hit.key for hit in one.hits) for mode, one in found.items()}

    made = asyncio.run(ask())
    scores: dict[str, float] = {}
    for mode in ("text", "vector"):
        for rank, key in enumerate(made[mode], start=1):
            scores[key] = scores.get(key, 0.0) + 1 / (K + rank)
    return {**made, "plain fusion": sorted(scores, key=lambda key: -scores[key])}


def judged(project_id: UUID, judged_set: JudgedSet, table: Table) -> None:
    """A row for each way to search one set."""
    base_id = built(project_id, judged_set.entries, EntryType.DOCUMENT)
    figures: dict[str, list[tuple[float, float, float]]] = {}
    for number, question in judged_set.questions.items():
        wanted = judged_set.judgements[number]
        for way, keys in rankings(project_id, base_id, question).items():
            ten, hundred = metrics.recall_at(10, keys, wanted), metrics.recall_at(100, keys, wanted)
            figures.setdefault(way, []).append((metrics.ndcg_at(10, keys, wanted), ten, hundred))
    means = {way: [mean(column) for column in zip(*rows, strict=True)] for way, rows in figures.items()}
    better = max(means["text"][0], means["vector"][0])
    goals = {"hybrid": f"≥ {better - 0.01:.3f}"}
    if judged_set.name in KNOWN:
        bm25, _ = KNOWN[judged_set.name]
        goals["text"] = f"≥ {bm25 - 0.02:.3f}"
    if judged_set.name == "cranfield":
        goals["hybrid"] = f"≥ {max(better - 0.01, 0.423):.3f}"
    size = f"{len(judged_set.entries):,} documents, {len(judged_set.questions)} questions"
    for way in ("text", "vector", "plain fusion", "hybrid"):
        name = f"**{judged_set.name}** ({size}): {way}" if way == "text" else f"{judged_set.name}: {way}"
        table.add(name, " / ".join(f"{figure:.3f}" for figure in means[way]), goal=goals.get(way, ""))


def operations(project_id: UUID, table: Table) -> None:
    """GitHub's operations, found by questions."""
    asked: Json = {
        "uri": None,
        "entry": None,
        "fetched": {},
        "remote": False,
        "given_up": [],
        "model": None,
        "replace": True,
    }
    made = parse({**asked, "seconds": 1}, {"document": SPEC})
    entries, places = [], dict[str, str]()
    for one in made["entries"]:
        content = json.loads(one["content"])
        places[one["key"]] = f"{content['method']} {content['path']}"
        entries.append(
            EntryContent(EntryType.API, one["key"], one["title"], one["text"], content, one["tags"], one["labels"])
        )
    base_id = built(project_id, entries, EntryType.API)
    for name, what, goal in (
        ("github_questions", "in GitHub's words", "≥ 0.90"),
        ("github_everyday", "in everyday words", ""),
    ):
        questions = _lines(DATA / f"{name}.jsonl")
        hits: dict[str, list[float]] = {}
        for one in questions:
            for way, keys in rankings(project_id, base_id, one["question"]).items():
                first = [places[key] for key in keys[:5]]
                hits.setdefault(way, []).append(float(any(place in one["expected"] for place in first)))
        shown = ", ".join(f"{way} {mean(hits[way]):.3f}" for way in ("text", "vector", "plain fusion"))
        size = f"{len(questions)} questions {what}"
        table.add(
            f"GitHub, {len(entries):,} operations, {size}: recall@5", f"{mean(hits['hybrid']):.3f}", shown, goal=goal
        )


async def measure(field: Field) -> Table:
    """Every set; what it takes of the field is the machine alone."""
    return await asyncio.to_thread(_measure, [SHARED / "rag" / name for name in ("arcd-arabic", "cranfield")], True)


def _measure(folders: list[Path], with_operations: bool) -> Table:
    table = Table("Retrieval (nDCG@10 / recall@10 / recall@100)")
    missing = [folder for folder in folders if not (folder / "corpus.jsonl").exists()]
    if missing:
        table.notes.append(f"not measured, since it is not there: {', '.join(folder.name for folder in missing)}")
    with core() as project_id:
        for folder in folders:
            if folder not in missing and not (QUICK and folder.name == "cranfield"):
                judged(project_id, JudgedSet.read(folder), table)
        if with_operations and SPEC.exists():
            operations(project_id, table)
    return table


async def _given(field: Field) -> Table:
    return await asyncio.to_thread(_measure, [Path(folder) for folder in sys.argv[1:]], False)


if __name__ == "__main__":
    run(_given if sys.argv[1:] else measure)
