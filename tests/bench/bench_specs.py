"""OpenAPI descriptions read into a knowledge base over HTTP: real ones, and made ones of 1,000 to 10,000 operations.

Seconds are the job's own, from its start to its end; memory is that of the process that parses, at its highest.

python -m tests.bench.bench_specs
"""

import asyncio
import json
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema_rs
import psutil
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from infra import ids
from infra.dev.environment import Options
from infra.dev.ports import free_port
from infra.dev.system import System
from tests.bench.field import Field, run
from tests.bench.report import QUICK, Table
from tests.client import Client
from tests.workers.specs.reading_specs import DATA
from workers.specs.keywords import deny
from workers.specs.records import Expander

Json = dict[str, Any]

REAL = {
    "github.api.github.com-3.0.json": (1_223, "≤ 10 s, ≤ 400 MB"),
    "stripe-3.0.json": (452, ""),
    "kubernetes-1.13-swagger-2.0.json": (1_014, ""),
    "openai-3.1.yaml": (304, ""),
    "microsoft-graph-3.0.json.gz": (11_422, "≤ 500 MB"),
}
SIZES = (1_000, 5_000, 10_000)
COMPILED = 100
TABLES = ("kb_entries", "kb_revisions", "kb_chunks", "spec_schemas", "spec_sources")


def made(operations: int) -> bytes:
    """A description with so many operations, and a schema for every ten of them that refers to two others."""
    kinds = operations // 10
    schemas = {
        f"Kind{n}": {
            "type": "object",
            "properties": {f"field{k}": {"type": "string", "description": f"The {k}. of kind {n}."} for k in range(8)}
            | {f"other{k}": {"$ref": f"#/components/schemas/Kind{(n + k) % kinds}"} for k in (1, 7)},
        }
        for n in range(kinds)
    }
    paths: Json = {}
    for n in range(operations):
        schema = {"$ref": f"#/components/schemas/Kind{n % kinds}"}
        content = {"application/json": {"schema": schema}}
        paths[f"/things/{n}/{{id}}"] = {
            "put": {
                "operationId": f"putThing{n}",
                "summary": f"Replace thing {n}",
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
                "requestBody": {"content": content},
                "responses": {"200": {"description": "It.", "content": content}, "404": {"description": "None."}},
            }
        }
    info = {"title": "Made", "version": "1"}
    return json.dumps({"openapi": "3.0.3", "info": info, "paths": paths, "components": {"schemas": schemas}}).encode()


class Watch:
    """Looks at the processes of a worker until it ends: the largest parser, and connections to anywhere else."""

    def __init__(self, pid: int) -> None:
        self.megabytes, self.outside = 0.0, 0
        self._worker, self._stop = psutil.Process(pid), threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(0.03):
            for one in self._worker.children(recursive=True):
                with suppress(psutil.Error):
                    if "infra.jail_child" in one.cmdline():
                        self.megabytes = max(self.megabytes, one.memory_info().rss / 1e6)
                    found = [each.raddr.ip for each in one.net_connections(kind="inet") if each.raddr]
                    self.outside += sum(not ip.startswith(("127.", "::1")) for ip in found)


class Reader:
    """A system with one worker for this."""

    def __init__(self, system: System, client: Client) -> None:
        self.system, self.client = system, client
        self._engine = create_engine(make_url(system.database_url).set(drivername="postgresql+psycopg2"))
        self._place = f"/v1/projects/{system.project_id}/knowledge_bases"

    def base(self) -> str:
        """A new knowledge base."""
        found: str = self.client.http.post(self._place, json={"name": "bench"}).json()["id"]
        return found

    def read(self, kb: str, raw: bytes, **wishes: str) -> tuple[Json, float, Watch]:
        """The result, the job's seconds, and what was seen meanwhile."""
        pid = self.system["cpu"].pid
        with Watch(pid) as watch:
            sent = self.client.http.post(f"{self._place}/{kb}/openapi", files={"file": ("spec", raw)}, data=wishes)
            assert sent.status_code == 202, sent.text
            job: Json = {"status": "queued"}
            while job["status"] in ("queued", "running"):
                job = self.client.wait(sent.json()["id"], 60)
        assert job["status"] == "succeeded", job["error"]
        seconds = datetime.fromisoformat(job["finished_at"]) - datetime.fromisoformat(job["started_at"])
        return job["result"], seconds.total_seconds(), watch

    def rows(self) -> set[str]:
        """Every row with where it lies and who wrote it."""
        with self._engine.connect() as connection:
            return {
                f"{name} {row}"
                for name in TABLES
                for row in connection.execute(text(f"SELECT ctid::text, xmin::text FROM {name}"))
            }

    def compiled(self, kb: str, most: int) -> tuple[int, int]:
        """How many of so many records compile with nothing but their own closure."""
        project, found = ids.parse("proj", self.system.project_id) or UUID(int=0), ids.parse("kb", kb)
        contents = "SELECT content FROM kb_revisions WHERE knowledge_base_id = :kb ORDER BY id LIMIT :most"
        with Session(self._engine) as session:
            records = list(session.scalars(text(contents), {"kb": found, "most": most}))
            expander = Expander(session, project)
            return sum(compiles(expander.expanded(one)) for one in records), len(records)


def compiles(record: Json) -> bool:
    """Whether every schema of an expanded record does."""
    named = {**record["$defs"], **{f"in-record-{n}": one for n, one in enumerate(schemas_in(record))}}
    every = [{"$ref": f"#/$defs/{name}"} for name in named] or [{}]
    try:
        jsonschema_rs.validator_for({"anyOf": every, "$defs": named}, retriever=deny)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError):
        return False
    return True


def schemas_in(value: Any) -> Iterator[Any]:
    """The schemas of parameters, bodies and responses."""
    if isinstance(value, list):
        for one in value:
            yield from schemas_in(one)
    elif isinstance(value, dict):
        for name, one in value.items():
            if name == "schema":
                yield one
            elif name not in ("$defs", "example", "examples"):
                yield from schemas_in(one)


@contextmanager
def reader() -> Iterator[Reader]:
    """A system of its own."""
    with tempfile.TemporaryDirectory() as folder:
        options = Options(data=Path(folder) / "data", port=free_port(), flower_port=free_port())
        with (
            System(options, only=("api", "cpu", "beat")) as system,
            Client(system.url, system.api_key) as client,
        ):
            yield Reader(system, client)


def reading(table: Table) -> None:
    """Each description in a knowledge base of its own, twice."""
    with reader() as here:
        here.read(here.base(), made(10))
        for name, (operations, goal) in REAL.items():
            if not (DATA / "real" / name).exists():
                table.notes.append(f"{name}: the shared data is not here")
                continue
            _measured(table, here, name, (DATA / "real" / name).read_bytes(), operations, goal)
        for operations in SIZES[:1] if QUICK else SIZES:
            _measured(table, here, f"made, {operations:,} operations", made(operations), operations, "linear")


def _measured(table: Table, here: Reader, name: str, raw: bytes, operations: int, goal: str) -> None:
    kb = here.base()
    result, seconds, watch = here.read(kb, raw)
    found = result["operations"]["added"]
    shown = f"{seconds:.1f} s, {watch.megabytes:.0f} MB, {found:,} of {operations:,} operations"
    table.add(name, f"{shown}, {watch.outside} connections", goal=goal)
    good, tried = here.compiled(kb, found if "github" in name else COMPILED)
    before = here.rows()
    _, again, _ = here.read(kb, raw)
    written = len(here.rows() - before)
    shown = f"{again:.1f} s, {written} rows written; {good:,} of {tried:,} records compile alone"
    table.add("… the same again", shown, goal="≤ 3 s, 0 rows, all")


async def measure(field: Field) -> Table:
    """All of it; what it takes of the field is the machine alone."""
    table = Table("OpenAPI descriptions")
    await asyncio.to_thread(reading, table)
    return table


if __name__ == "__main__":
    run(measure)
