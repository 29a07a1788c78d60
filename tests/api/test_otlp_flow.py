"""More spans than are allowed, and a database that is away: exporters come again, and nothing is lost."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import psycopg2
import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from infra.dev.environment import ROOT
from infra.dev.ports import free_port
from infra.dev.system import System
from tests.chaos.proxy import Network, Proxy
from tests.client import Client
from tests.conftest import another_project
from tests.workers.traces.sending import PATH, new_trace, otlp, span

PER_MINUTE = 6_000
# Five seconds' worth may come at once.
BURST = PER_MINUTE // 12


@dataclass
class Door:
    """Another API process of the system, with a small limit, and a bad network between it and the database."""

    url: str
    network: Proxy
    system: System

    def client(self) -> Client:
        """A client of a new project."""
        return Client(self.url, another_project(self.system))

    def count(self, trace: str) -> int:
        """How many spans of that trace are stored."""
        with psycopg2.connect(self.system.database_url) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM observations WHERE trace_id = %s", [trace])
            ((found,),) = cursor.fetchall()
        connection.close()
        return int(found)


@pytest.fixture(scope="module")
def door(system: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    sockets = Path(parse_qs(urlsplit(system.database_url).query)["host"][0])
    with Network() as network:
        proxy, port = network.proxy(str(sockets / ".s.PGSQL.5432")), free_port()
        environment = {**os.environ, **system.environment, "SPANS_PER_MINUTE": str(PER_MINUTE), "PORT": str(port)} | {
            "DATABASE_URL": f"postgresql://switchyard@127.0.0.1:{proxy.port}/switchyard",
            "SWITCHYARD_DATA": str(tmp_path_factory.mktemp("door")),
            "WEB_CONCURRENCY": "1",
        }
        environment.pop("PROMETHEUS_MULTIPROC_DIR", None)
        command = [sys.executable, "-m", "gunicorn", "-c", "infra/gunicorn_conf.py", "wsgi:app"]
        process = subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.DEVNULL)
        url = f"http://127.0.0.1:{port}"
        try:
            until_ready(url)
            yield Door(url, proxy, system)
        finally:
            process.terminate()
            process.wait(30)


def until_ready(url: str, seconds: float = 60.0) -> None:
    limit = time.monotonic() + seconds
    while True:
        try:
            if httpx.get(f"{url}/health", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            assert time.monotonic() < limit
            time.sleep(0.1)


def post(client: Client, trace: str, count: int) -> httpx.Response:
    return client.http.post(PATH, json=otlp([span(str(number), trace=trace) for number in range(count)]))


def exported(client: Client, count: int) -> tuple[str, SpanExportResult]:
    """Sends a trace of so many spans in one batch by the stock exporter; its id, and what the exporter said."""
    made: list[ReadableSpan] = []

    class Keep(SpanExporter):
        def export(self, spans):
            made.extend(spans)
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(Keep()))
    tracer = provider.get_tracer("flood")
    with tracer.start_as_current_span("root") as root:
        for number in range(count - 1):
            tracer.start_span(str(number)).end()
    exporter = OTLPSpanExporter(
        f"{client.http.base_url}{PATH}".replace("//otlp", "/otlp"), headers=dict(client.http.headers)
    )
    result = exporter.export(made)
    exporter.shutdown()
    return f"{root.get_span_context().trace_id:032x}", result


def flooded(client: Client, trace: str) -> tuple[httpx.Response, int]:
    """The first refusal, once there are seconds to wait, and how many spans were taken before it."""
    taken = 0
    for _ in range(20):
        answer = post(client, trace, BURST * 4 // 5)
        if answer.status_code != 200 and int(answer.headers["Retry-After"]) >= 2:
            return answer, taken
        taken += BURST * 4 // 5 if answer.status_code == 200 else 0
    raise AssertionError("nothing was refused")


def test_a_flood_is_asked_to_wait_and_the_exporters_retry_loses_nothing(door: Door) -> None:
    with door.client() as client, door.client() as other:
        trace = new_trace()
        refused, taken = flooded(client, trace)
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert refused.headers["content-type"] == "application/problem+json"
        assert int(refused.headers["Retry-After"]) <= 5
        assert post(other, new_trace(), 10).status_code == 200
        retried, result = exported(client, 40)
        assert (result, door.count(retried), door.count(trace)) == (SpanExportResult.SUCCESS, 40, taken)


def test_a_batch_larger_than_the_limit_is_taken_whole_when_its_turn_comes(door: Door) -> None:
    with door.client() as client:
        trace = new_trace()
        assert post(client, trace, 4 * BURST).status_code == 200
        assert post(client, trace, 1).status_code == 429
        assert door.count(trace) == 4 * BURST


def test_a_database_that_is_away_is_503_and_the_exporters_retry_loses_nothing(door: Door) -> None:
    with door.client() as client:
        assert post(client, new_trace(), 1).status_code == 200
        there = door.network.target
        door.network.target = "/nowhere"
        door.network.cut()
        trace = new_trace()
        refused = post(client, trace, 1)
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        assert int(refused.headers["Retry-After"]) >= 1
        with ThreadPoolExecutor(1) as thread:
            sending = thread.submit(exported, client, 30)
            assert post(client, trace, 1).status_code == 503
            door.network.target = there
            retried, result = sending.result(15)
        assert (result, door.count(retried), door.count(trace)) == (SpanExportResult.SUCCESS, 30, 0)
