"""A whole Switchyard that may be hurt: two workers, and every way between its parts leads through a proxy."""

import asyncio
import time
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import psutil
import psycopg2
import redis
from aiohttp import web

from infra.dev.environment import Options
from infra.dev.ports import HOST, free_port
from infra.dev.system import System
from tests.chaos.plan import BROKER, size
from tests.chaos.proxy import Network
from tests.conftest import SHORT, NewFolder, addresses
from tests.fakes.provider import FakeProvider

WORKERS = ("io1", "io2")
CAPACITY = 16
# What a worker that is asked to end may take to finish.
GRACE_SECONDS = 1
# Beyond this many waiting jobs of a project a submit is refused.
QUEUED_AT_MOST = size(300, 6000)
LIMITS = {
    "WORKER_CAPACITY": str(CAPACITY),
    "PROJECT_MAX_QUEUED": str(QUEUED_AT_MOST),
    "MAX_QUEUED": str(QUEUED_AT_MOST * 2),
    "WEBHOOK_RETRY_SECONDS": "0.3,0.6,1",
    "WORKER_GRACE_SECONDS": str(GRACE_SECONDS),
}


class CountingProvider(FakeProvider):
    """Counts its calls by their first message, which is another one for every job of an attack."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.dropped_at: dict[str, float] = {}

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        marker = (await request.json())["messages"][0]["content"]
        self.asked[marker] += 1
        try:
            response = await super()._chat(request)
        except (asyncio.CancelledError, ConnectionResetError):
            self.dropped_at[marker] = time.monotonic()
            raise
        self.answered[marker] += response.status == 200
        return response


class Victim:
    """PostgreSQL and Redis are `ground`, everything else is `system`; the proxies are named for where they lead."""

    def __init__(self, new_folder: NewFolder) -> None:
        self._new_folder, self._open = new_folder, ExitStack()
        self.provider = CountingProvider()

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            network = opened.enter_context(Network())
            opened.enter_context(self.provider)
            options = Options(data=self._new_folder("ground"), port=free_port(), flower_port=free_port(), broker=BROKER)
            self.ground = opened.enter_context(System(options, only=()))
            self.database = network.proxy(socket_of(self.ground.database_url))
            self.redis = network.proxy(_address(self.ground.redis_url))
            self.broker = network.proxy(_address(self.ground.broker_url)) if BROKER == "rabbitmq" else self.redis
            self.vendor = network.proxy(_address(self.provider.url))
            self.system = opened.enter_context(self._system())
            self.api = network.proxy(_address(self.system.url))
            self._open = opened.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()

    def _system(self) -> System:
        secret = urlsplit(self.ground.redis_url).password
        options = Options(
            data=self._new_folder("victim"),
            port=free_port(),
            flower_port=free_port(),
            io_workers=len(WORKERS),
            database_url=f"postgresql://switchyard@{HOST}:{self.database.port}/switchyard?sslmode=disable",
            redis_url=f"redis://:{secret}@{HOST}:{self.redis.port}/0",
        )
        if BROKER == "rabbitmq":
            broker = urlsplit(self.ground.broker_url)
            login = f"{broker.username}:{broker.password}@"
            options = replace(options, broker_url=f"amqp://{login}{HOST}:{self.broker.port}{broker.path}")
        environment = {**SHORT, **addresses(self.provider), **LIMITS}
        environment["OPENAI_BASE_URL"] = f"http://{HOST}:{self.vendor.port}/v1"
        return System(options, only=("api", *WORKERS, "beat"), environment=environment)

    def flush_redis(self) -> None:
        """Redis forgets everything."""
        with redis.Redis.from_url(self.ground.redis_url) as client:
            client.flushall()

    def close_breakers(self) -> None:
        """No provider counts as failing; within a second every process knows."""
        with redis.Redis.from_url(self.ground.redis_url) as client:
            for key in client.scan_iter("sy:breaker:*"):
                client.delete(key)

    def memory(self, *names: str) -> int:
        """Bytes that these processes and their children have in memory."""
        tops = [psutil.Process(self.system[name].pid) for name in names]
        return sum(one.memory_info().rss for top in tops for one in (top, *top.children(recursive=True)))

    def rows(self, statement: str, *values: Any) -> list[Any]:
        """What PostgreSQL itself says, past the proxy and past all of our code."""
        with closing(psycopg2.connect(self.ground.database_url)) as connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    def until(self, statement: str, *values: Any, seconds: float, what: str) -> float:
        """Waits until the statement finds nothing any more; returns how long that took."""
        began = time.monotonic()
        with closing(psycopg2.connect(self.ground.database_url)) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            while True:
                cursor.execute(statement, values)
                left = cursor.fetchall()
                if not left:
                    return time.monotonic() - began
                assert time.monotonic() - began < seconds, f"{what}: not within {seconds:.0f} s: {left[:5]}"
                time.sleep(0.05)


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or HOST, parts.port or 80


def socket_of(url: str) -> str:
    """The Unix socket that an embedded PostgreSQL's address names."""
    return str(Path(parse_qs(urlsplit(url).query)["host"][0]) / ".s.PGSQL.5432")
