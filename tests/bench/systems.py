"""A system under test behind one face (submit, ask, count, pause, stop): Switchyard and the naive baseline.

Each has its own fresh PostgreSQL and Redis, and the same number of API processes (2) and threads (8).
"""

import os
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar

import psutil
from redis import Redis

from infra.dev.ports import free_port, listening
from infra.dev.process import Process, python
from tests.bench.load import Client, Json
from tests.bench.servers import Servers, until

NAIVE = "tests.bench.baselines.naive"
DURABLE = "tests.bench.baselines.naive_durable"
OURS = ("api", "io1", "io2", "cpu", "beat")
FINAL = ("succeeded", "failed", "cancelled", "expired")


class System(ABC):
    """A backend for AI jobs; `path` is where they are made."""

    name: ClassVar[str]
    path: ClassVar[str]
    servers: Servers
    url: str
    key: str | None = None
    api: list[Process]
    workers: list[Process]

    def client(self) -> Client:
        return Client(self.url, self.key)

    @abstractmethod
    def body(self, model: str, *, stream: bool = False) -> Json:
        """What to POST for a completion by that model of the fake provider; "noop" means without calling one."""

    @abstractmethod
    def forget(self) -> None:
        """Removes all queued jobs, so that the workers find nothing."""

    @abstractmethod
    def submitter(self, jobs: int) -> tuple[list[str], dict[str, str]]:
        """Command and environment of a process that submits so many no-op jobs without HTTP, one commit each."""

    def without_http(self, processes: int, jobs: int) -> tuple[float, float]:
        """Jobs a second from the first submit to the last end, and the CPU seconds a job of all processes together."""
        command, environment = self.submitter(jobs // processes)
        before = self.finished()
        running = [
            subprocess.Popen(
                command,
                env={**os.environ, **environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(processes)
        ]
        for process in running:
            assert process.stdout and process.stdout.readline() == "ready\n"
        self.seconds_until_finished(before + processes, 0.0)
        since, used = time.perf_counter(), self._all_cpu()
        for process in running:
            assert process.stdin
            process.stdin.write("go\n")
            process.stdin.flush()
        submitting = sum(float(process.communicate()[0]) for process in running)
        seconds = self.seconds_until_finished(before + jobs // processes * processes, since)
        return jobs / seconds, (self._all_cpu() - used + submitting) / jobs

    def _all_cpu(self) -> float:
        servers = [self.servers.ground[name] for name in ("postgres", "redis")]
        return cpu([*self.api, *self.workers, *servers])

    async def submit(self, client: Client, model: str, *, stream: bool = False) -> str:
        job = await client.post(self.path, self.body(model, stream=stream))
        return str(job["id"])

    async def get(self, client: Client, job: str, query: str = "") -> Json:
        return await client.get(f"{self.path}/{job}{query}")

    def count(self, *statuses: str) -> int:
        """How many jobs are in one of these states, read in PostgreSQL so that the API is not loaded by it."""
        listed = ", ".join(f"'{status}'" for status in statuses)
        return int(self.servers.scalar(f"SELECT count(*) FROM jobs WHERE status IN ({listed})"))

    def finished(self) -> int:
        return self.count(*FINAL)

    def failed(self) -> int:
        return self.count("failed")

    def wait_idle(self, seconds: float = 120.0) -> None:
        """Until no job is left, so that one measurement does not disturb the next."""
        until(lambda: self.count("queued", "running") == 0, f"{self.name}: the end of all jobs", seconds)

    def seconds_until_finished(self, count: int, since: float, limit: float = 300.0) -> float:
        """Seconds from `since` (perf_counter) until `count` jobs are final in all."""
        until(lambda: self.finished() >= count, f"{self.name}: the end of {count} jobs", limit)
        return time.perf_counter() - since

    @contextmanager
    def paused_workers(self) -> Iterator[None]:
        """Workers stand still, so that the API is measured alone; what was submitted meanwhile is forgotten."""
        for process in self.workers:
            process.send(signal.SIGSTOP)
        try:
            yield
        finally:
            self.forget()
            for process in self.workers:
                process.send(signal.SIGCONT)

    def stop(self) -> None:
        self.servers.stop()


class Switchyard(System):
    """The product, started as `make up` does, without Flower and without the demonstration."""

    name, path = "switchyard", "/v1/jobs"

    def __init__(self, provider: str) -> None:
        settings = {
            "OPENAI_BASE_URL": provider,
            "OPENAI_API_KEY": "bench",
            "REQUESTS_PER_MINUTE": "100000000",
            "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
        }
        self.servers = Servers(self.name, OURS, settings)
        ground = self.servers.ground
        self.url, self.key = ground.url, ground.api_key
        self.api = [ground["api"]]
        self.workers = [ground["io1"], ground["io2"], ground["cpu"], ground["beat"]]

    def submitter(self, jobs: int) -> tuple[list[str], dict[str, str]]:
        ground = self.servers.ground
        environment = {**ground.environment, "BENCH_PROJECT": ground.project_id.removeprefix("proj_")}
        return python("-m", "tests.bench.submitter", str(jobs)), environment

    @property
    def io_workers(self) -> list[Process]:
        return self.workers[:2]

    def body(self, model: str, *, stream: bool = False) -> Json:
        name = "sandbox/instant" if model == "noop" else f"openai/{model}"
        asked: Json = {"model": name, "messages": [{"role": "user", "content": "hi"}]}
        return {"kind": "completion", "input": asked | ({"stream": True} if stream else {})}

    def forget(self) -> None:
        self.servers.execute("DELETE FROM outbox; DELETE FROM jobs WHERE status = 'queued'")


class Naive(System):
    """Flask + Celery as people write it (baselines/naive.py). `pool` is Celery's: prefork, threads or gevent."""

    name, path = "naive", "/jobs"

    def __init__(self, provider: str, pool: str = "prefork", concurrency: int = 2, module: str = NAIVE) -> None:
        self.servers = Servers(self.name)
        self.module = module
        try:
            self._start(provider, pool, concurrency)
        except BaseException:
            self.servers.stop()
            raise

    def submitter(self, jobs: int) -> tuple[list[str], dict[str, str]]:
        return python("-m", self.module, str(jobs)), self.environment

    def _start(self, provider: str, pool: str, concurrency: int) -> None:
        environment = {
            "DATABASE_URL": self.servers.database_url,
            "REDIS_URL": self.servers.redis_url,
            "OPENAI_BASE_URL": provider,
            "OPENAI_API_KEY": "bench",
        }
        self.environment = environment
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        options = ["-k", "gthread", "-w", "2", "--threads", "8", "--log-level", "warning"]
        command = python("-m", "gunicorn", f"{self.module}:app", *options, "-b", f"127.0.0.1:{port}")
        self.servers.ground.supervisor.once("tables", python("-m", self.module), {**os.environ, **environment})
        self.api = [self.servers.start("api", command, environment, lambda _: listening(port))]
        self.workers = [celery_worker(self.servers, self.module, environment, pool, concurrency)]

    def forget(self) -> None:
        self.servers.execute("DELETE FROM jobs WHERE status = 'queued'")
        with Redis.from_url(self.servers.redis_url) as redis:
            redis.delete("celery")

    def body(self, model: str, *, stream: bool = False) -> Json:
        return {"model": model, "messages": [{"role": "user", "content": "hi"}]}


def celery_worker(
    servers: Servers, module: str, environment: Mapping[str, str], pool: str, concurrency: int
) -> Process:
    """A Celery worker of a baseline, ready."""
    interpreter = sys.executable
    if pool == "gevent":
        interpreter, environment = os.environ["BENCH_GEVENT_PYTHON"], {**environment, "NAIVE_GEVENT": "1"}
    command = [interpreter, "-m", "celery", "-A", f"{module}:celery", "worker", "-P", pool, "-c", str(concurrency)]
    command += ["--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "INFO"]
    return servers.start("worker", command, environment, lambda it: "ready." in it.last_lines(50))


def tree(processes: list[Process]) -> list[psutil.Process]:
    """These and all their descendants."""
    found: list[psutil.Process] = []
    for process in processes:
        top = psutil.Process(process.pid)
        found += [top, *top.children(recursive=True)]
    return found


def memory(processes: list[Process]) -> list[float]:
    """Resident megabytes of each process in the tree."""
    return [process.memory_info().rss / 2**20 for process in tree(processes) if process.is_running()]


def cpu(processes: list[Process]) -> float:
    """CPU seconds used so far in the tree."""
    return sum(times.user + times.system for times in (process.cpu_times() for process in tree(processes)))
