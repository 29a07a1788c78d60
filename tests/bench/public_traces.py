"""Traces that real programs left (shared/data/traces): which features come out of them.

What they are is known where a server said it: each trace of http-capture is a request of a fuzzer to httpbin, and the
server's span has the route. Its label is the route with its method, and, coarser, the route alone. Requests that no
route took (404, 405), and those that are about HTTP itself (OPTIONS, TRACE), have none. The agents' traces are one or
two of each program: too few to be features, so there it is only said how many were understood.
"""

import gzip
import json
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from infra.dev.process import python
from infra.dev.system import System
from tests.bench.agreement import account, agreement
from tests.bench.lab import Lab, Seen, lab
from tests.bench.products import Labelled
from tests.bench.report import Table

Json = dict[str, Any]
Details = Callable[[str, Sequence[str]], None]

HERE = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("BENCH_TRACES") or HERE.parent / "shared" / "data" / "traces")
SERVER = 2
ABOUT_HTTP = ("OPTIONS", "TRACE")


def measure(running: System, table: Table, details: Details) -> None:
    """Both sets."""
    if not FOLDER.exists():
        table.notes.append("Public traces: the folder is not here.")
        return
    with lab(running) as requests:
        seen = [_http(requests)]
        for what, with_method in (("method and route", True), ("route", False)):
            _label(requests, with_method)
            found = agreement(requests.labels, seen)
            table.add(
                f"http-capture, {len(requests.labels):,} traces: adjusted Rand index with {what}",
                f"{found.ari:.3f}, V {found.v:.3f}",
                f"{found.features} features of {found.labels}; unassigned {found.unassigned:.3f}",
            )
            details(f"http-capture by {what}: {found}", account(requests.labels, seen[-1].features, requests.names()))
    with lab(running) as agents:
        _agents(agents, table, details)


def _http(ours: Lab) -> Seen:
    """Sent as they were captured: body and headers."""
    folder = FOLDER / "http-capture" / "requests"
    for line in (folder / "index.jsonl").read_text().splitlines():
        said = json.loads(line)
        kept = {name: value for name, value in said["headers"].items() if name.lower().startswith("content-")}
        kept = {name: value for name, value in kept.items() if name.lower() != "content-length"}
        body = (folder / f"{said['n']:05d}.bin").read_bytes()
        answer = ours.tester.client.http.post("/otlp/v1/traces", content=body, headers=kept)
        assert answer.status_code == 200, answer.text
    ours.analyse()
    return Seen(datetime.now(UTC), ours.features())


def _label(ours: Lab, with_method: bool) -> None:
    """By the server's span."""
    ours.labels.clear()
    for span in _captured():
        trace, said = UUID(span["traceId"]), _plain(span)
        method = said["http.request.method"]
        route = said.get("http.route") if span["kind"] == SERVER and method not in ABOUT_HTTP else None
        label = f"{method} {route}" if with_method else route
        if route or trace not in ours.labels:
            ours.labels[trace] = Labelled([], label if route else None, datetime.now(UTC))


def _captured() -> Iterator[Json]:
    with gzip.open(FOLDER / "http-capture" / "capture.otlp-json.jsonl.gz", "rt") as lines:
        for line in lines:
            for resource in json.loads(line)["resourceSpans"]:
                for scope in resource["scopeSpans"]:
                    yield from scope["spans"]


def _plain(span: Json) -> Json:
    return {one["key"]: next(iter(one["value"].values())) for one in span["attributes"]}


def _agents(ours: Lab, table: Table, details: Details) -> None:
    """Of all frameworks, each file a request."""
    sent = 0
    for file in sorted((FOLDER / "otlp-reconstructed").glob("*.pb")):
        answer = ours.tester.client.http.post(
            "/otlp/v1/traces", content=file.read_bytes(), headers={"content-type": "application/x-protobuf"}
        )
        sent += answer.status_code == 200
    for file in sorted((FOLDER / "genai-otlp-from-tests").glob("*.jsonl")):
        for line in file.read_text().splitlines():
            answer = ours.tester.client.http.post(
                "/otlp/v1/traces",
                content=json.dumps(_payload(json.loads(line))),
                headers={"content-type": "application/json"},
            )
            sent += answer.status_code == 200
    result = ours.analyse()
    details("traces of agents", [f"{name}" for name in ours.names().values()])
    table.add(
        "traces of agent frameworks and of tests of others",
        f"{result['traces']} analysed, {result['skipped']} not understood",
        f"{len(result['new'])} features, {result['unassigned']} traces too few of their kind",
    )


def _payload(said: Json) -> Json:
    """As its test has it; some are no OTLP, and are to be refused or survived."""
    found: Json = said.get("otlp") or said["raw"]
    return found


def stages(running: System, project_id: UUID, count: int) -> dict[str, float]:
    """Traces a second of each stage of an analysis, in a process of its own beside the idle system."""
    command = python("-m", "tests.bench.analysis_stages", str(project_id), str(count))
    done = subprocess.run(command, cwd=HERE, env=running.environment, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found
