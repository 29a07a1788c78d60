"""What a benchmark stands on, from infra.dev: embedded PostgreSQL and Redis of one's own, and the fake provider.

Every system under test gets the servers of `make up` with the same settings (fsync on) in a fresh folder, so that two
of them can be measured alternately in one run.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg2

from infra.dev.environment import ROOT, Options
from infra.dev.ports import free_port, listening
from infra.dev.process import Process, python
from infra.dev.supervisor import Supervisor
from infra.dev.system import System as Ground
from tests.bench.load import Client


def until(ready: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Waits for `ready()` to be true."""
    limit = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > limit:
            raise TimeoutError(f"{what} did not happen within {seconds:.0f} s")
        time.sleep(0.02)


class Servers:
    """PostgreSQL and Redis, and with `only` some of Switchyard's processes, in a folder that goes away with them."""

    def __init__(self, name: str, only: Collection[str] = (), environment: Mapping[str, str] | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"bench-{name}-"))
        options = Options(data=self.folder / "data", port=free_port(), flower_port=free_port())
        self.ground = Ground(options, only=only, environment=environment)
        try:
            self.ground.start()
        except BaseException:
            self.stop()
            raise
        self.database_url, self.redis_url = self.ground.database_url, self.ground.redis_url

    def start(
        self, name: str, command: list[str], environment: Mapping[str, str], ready: Callable[[Process], bool]
    ) -> Process:
        """One more process beside the servers, once it is ready; it ends with them."""
        process = Process(
            name,
            command,
            guard=self.ground.supervisor.guard,
            environment={**os.environ, **environment},
            log=self.folder / f"{name}.log",
            ready=lambda: ready(process),
            cwd=ROOT,
        )
        self.ground.supervisor.start(process)
        return process

    def scalar(self, statement: str) -> float:
        """The first column of the first row, as a number."""
        connection = psycopg2.connect(self.database_url)
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                row = cursor.fetchone()
                return float(row[0] or 0) if row else 0.0
        finally:
            connection.close()

    def execute(self, statement: str) -> None:
        connection = psycopg2.connect(self.database_url)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement)
        finally:
            connection.close()

    def stop(self) -> None:
        self.ground.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Alone:
    """Processes without database and broker, for a `with` block: the fake provider, a peer."""

    def __init__(self, name: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"bench-{name}-"))
        self.supervisor = Supervisor(self.folder, report=lambda name, seconds: None, interrupted=lambda: False)

    def start(self, name: str, command: list[str], port: int, environment: Mapping[str, str] | None = None) -> Process:
        """A process that is ready as soon as it listens on that port."""
        process = Process(
            name,
            command,
            guard=self.supervisor.guard,
            environment={**os.environ, **(environment or {})},
            log=self.supervisor.log(name),
            ready=lambda: listening(port),
            cwd=ROOT,
        )
        try:
            self.supervisor.start(process)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return process

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.supervisor.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Provider(Alone):
    """The fake provider as a process of its own; `url` ends in /v1."""

    def __init__(self) -> None:
        super().__init__("provider")
        port = free_port()
        self.start("provider", python("-m", "tests.bench.provider", "--port", str(port)), port)
        self.url = f"http://127.0.0.1:{port}/v1"

    async def calls(self) -> int:
        """How many completions and embeddings it was asked for so far."""
        async with Client(self.url) as client:
            return int((await client.get("/stats"))["requests"])
