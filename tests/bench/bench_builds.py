"""Builds of knowledge bases: cutting, the offline model, a build of 10,000 chunks, again unchanged, with 1 % changed,
and one whose worker is killed on the way.

python -m tests.bench.bench_builds
"""

import asyncio
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from infra import ids
from infra.dev.environment import Options
from infra.dev.ports import free_port
from infra.dev.system import System
from models import EntryType
from tests.bench.field import Field, run
from tests.bench.report import Table, size
from tests.client import Client
from tests.conftest import SHORT, addresses
from tests.fakes.provider import FakeProvider
from workers.knowledge import bases, drafts
from workers.knowledge.chunking import chunks_of
from workers.knowledge.drafts import EntryContent
from workers.providers import minilm

Json = dict[str, Any]

DOCUMENTS, SECTIONS = 1_000, 10
SETTINGS = {"max_tokens": 512, "overlap_tokens": 64, "parent_tokens": None}
MODEL = "openai/text-embedding-3-small"
SPOKEN = (
    "order refund parcel depot customer payment address invoice return delay weight price stock shelf label driver "
    "contract month account reason manager deadline the a of with before after because every any no and or but is was"
)
WORDS = SPOKEN.split()


def document(number: int, *, changed: bool = False) -> str:
    """Ten sections of about 90 words, different in every document."""
    chance = random.Random(number)
    sections = [
        f"## Rule {number}.{part}\n\n" + " ".join(chance.choices(WORDS, k=90)) + f" {number}."
        for part in range(SECTIONS)
    ]
    return "\n\n".join([*sections[:-1], sections[-1] + " Changed." if changed else sections[-1]])


def cutting(table: Table) -> None:
    """Characters and chunks a second of CPU time."""
    texts = [document(number) for number in range(size(500))]
    chunks_of(texts[0], EntryType.DOCUMENT, SETTINGS, "warm")
    began = time.process_time()
    count = sum(len(chunks_of(text, EntryType.DOCUMENT, SETTINGS, "Rules")) for text in texts)
    seconds = time.process_time() - began
    characters = sum(map(len, texts)) / 1e6
    table.add("cutting Markdown, one core", f"{count / seconds:,.0f} chunks/s, {characters / seconds:.1f} MB/s")


def embedding(table: Table) -> None:
    """Texts of about 100 tokens a second of CPU time, and as the clock sees it."""
    texts = [" ".join(random.Random(number).choices(WORDS, k=97)) for number in range(size(300))]
    asyncio.run(minilm.embed(texts[:2]))
    began, cpu = time.perf_counter(), time.process_time()
    _, tokens = asyncio.run(minilm.embed(texts))
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    of_cpu = f"{len(texts) / cpu:.0f} texts/s, {tokens / cpu:,.0f} tokens/s of one core"
    table.add("offline model, texts of 100 tokens", f"{of_cpu}; {len(texts) / seconds:.0f} texts/s by the clock")


class Library:
    """A project on a system with one worker for builds."""

    def __init__(self, system: System, client: Client, provider: FakeProvider) -> None:
        self.system, self.client, self.provider = system, client, provider
        self.documents = size(DOCUMENTS)
        engine = create_engine(make_url(system.database_url).set(drivername="postgresql+psycopg2"))
        self._session = lambda: Session(engine, autoflush=False)
        self._project = ids.parse("proj", system.project_id) or UUID(int=0)

    def base(self) -> str:
        """The id of a new knowledge base."""
        place = f"/v1/projects/{self.system.project_id}/knowledge_bases"
        body = {"name": "bench", "settings": {"embedding_model": MODEL}}
        made: str = self.client.http.post(place, json=body).json()["id"]
        return made

    def put(self, base_id: str, first: int, changed: int = 0) -> None:
        """All documents in its draft, the first few of them changed."""
        entries = [
            EntryContent(
                type=EntryType.DOCUMENT,
                key=str(number),
                title=f"Rules {number}",
                text=document(first + number, changed=number < changed),
                content={},
            )
            for number in range(self.documents)
        ]
        with self._session() as session, session.begin():
            found = ids.parse("kb", base_id) or UUID(int=0)
            base = bases.get_base(session, self._project, found, lock=True)
            drafts.put_entries(session, base, entries, type=EntryType.DOCUMENT, source="default")

    def build(self, base_id: str, *, kill: bool = False) -> tuple[Json, float, int]:
        """The result, the seconds, and how many texts the provider was sent; the worker dies in the midst of them."""
        self.provider.calls.clear()
        began = time.perf_counter()
        job = self.client.submit({"knowledge_base_id": base_id}, kind="rag.build")
        if kill:
            self._kill(job["id"])
        ended: Json = {"status": "running"}
        while ended["status"] in ("queued", "running"):
            ended = self.client.wait(job["id"], 60)
        assert ended["status"] == "succeeded", ended
        sent = sum(len(call.body["input"]) for call in self.provider.calls)
        return ended["result"], time.perf_counter() - began, sent

    def _kill(self, job_id: str) -> None:
        """As soon as two fifths are embedded."""
        for event in self.client.events(job_id):
            progress = event["data"].get("progress") or {}
            if progress.get("message") == "embedding" and progress["current"] > 0.4 * progress["total"]:
                self.system["cpu"].kill()
                self.system.start_again("cpu")
                return


@contextmanager
def library() -> Iterator[Library]:
    """A system of its own, with a provider that answers at once."""
    with tempfile.TemporaryDirectory() as folder, FakeProvider() as provider:
        options = Options(data=Path(folder) / "data", port=free_port(), flower_port=free_port())
        environment = {**SHORT, **addresses(provider), "LEASE_SECONDS": "6", "HEARTBEAT_SECONDS": "2"}
        with (
            System(options, only=("api", "cpu", "beat"), environment=environment) as system,
            Client(system.url, system.api_key) as client,
        ):
            yield Library(system, client, provider)


def building(table: Table) -> None:
    """The same documents built four times."""
    with library() as here:
        base_id = here.base()
        here.put(base_id, 0)
        made, seconds, sent = here.build(base_id)
        total = made["chunks"]["total"]
        table.add(
            f"first build, {here.documents:,} documents", f"{total:,} chunks, {seconds:.1f} s, {total / seconds:,.0f}/s"
        )
        _, seconds, sent = here.build(base_id)
        table.add("again, nothing changed", f"{seconds:.1f} s, {sent} texts embedded", goal="0 texts")
        here.put(base_id, 0, changed=here.documents // 100)
        _, seconds, sent = here.build(base_id)
        table.add("again, 1 % changed", f"{seconds:.1f} s, {sent / total:.2%} of the texts embedded", goal="≤ 1.5 %")
        other = here.base()
        here.put(other, 1_000_000)
        made, seconds, sent = here.build(other, kill=True)
        shown = f"{seconds:.1f} s, {sent / made['chunks']['total']:.4f} × the texts embedded"
        table.add("first build, worker killed at 40 %", shown, goal="≤ 1.02 ×")


async def measure(field: Field) -> Table:
    """All of it; what it takes of the field is the machine alone."""
    table = Table("Builds of knowledge bases")
    for part in (cutting, embedding, building):
        await asyncio.to_thread(part, table)
    return table


if __name__ == "__main__":
    run(measure)
