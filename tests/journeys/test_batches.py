"""A worker dies while it reads a batch, and no line is lost or doubled; an upload is refused before it fills a disk."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.dev.environment import Options
from infra.dev.ports import free_port
from infra.dev.system import System
from tests.client import HELLO, Client
from tests.conftest import EVERYTHING_BUT_FLOWER, SHORT, NewFolder

Json = dict[str, Any]
LINE = json.dumps({"kind": "completion", "input": {"model": "sandbox/instant", "messages": HELLO}}).encode() + b"\n"
MOST_BYTES = 4_000_000


@pytest.fixture(scope="module")
def small(new_folder: NewFolder) -> Iterator[System]:
    """A system of its own, with a small limit for uploads."""
    options = Options(data=new_folder("small"), port=free_port(), flower_port=free_port())
    environment = {**SHORT, "MAX_UPLOAD_BYTES": str(MOST_BYTES)}
    with System(options, only=EVERYTHING_BUT_FLOWER, environment=environment) as running:
        yield running


@pytest.fixture
def user(small: System) -> Iterator[Client]:
    """Its user."""
    with Client(small.url, small.api_key) as connected:
        yield connected


def files(system: System) -> list[Path]:
    """Every upload and every part of one on the disk."""
    return [path for path in (system.options.data / "files").rglob("*") if path.is_file()]


def until(user: Client, batch: Json, status: str) -> Json:
    while (found := user.http.get(f"/v1/batches/{batch['id']}", params={"wait": 60}).json())["status"] != status:
        assert not found["finished_at"], found
    return dict(found)


@pytest.mark.slow
def test_a_worker_killed_while_it_reads_loses_no_line_and_doubles_none(small: System, user: Client) -> None:
    lines = 2_500
    answer = user.http.post("/v1/batches", content=LINE * lines, headers={"Content-Type": "application/jsonl"})
    batch = answer.json()
    for _ in range(2):
        before = user.http.get(f"/v1/batches/{batch['id']}").json()["lines_read"]
        while user.http.get(f"/v1/batches/{batch['id']}", params={"wait": 0.1}).json()["lines_read"] == before:
            pass
        small["io1"].kill()
        assert user.http.get(f"/v1/batches/{batch['id']}").json()["status"] == "reading"
        small.start_again("io1")
    final = until(user, batch, "completed")
    assert final["counts"]["succeeded"] == lines and final["progress"]["current"] == lines
    text = user.http.get(f"/v1/batches/{batch['id']}/results").text
    found = [json.loads(one) for one in text.splitlines()]
    assert [one["line"] for one in found] == list(range(1, lines + 1))
    assert len({one["job_id"] for one in found}) == lines and {one["status"] for one in found} == {"succeeded"}
    events = user.http.get(f"/v1/batches/{batch['id']}/events", params={"limit": 1000}).json()["data"]
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert [event["type"] for event in events].count("batch.completed") == 1
    assert files(small) == []


def test_an_upload_that_turns_out_too_long_is_refused_on_the_way_and_leaves_nothing(
    small: System, user: Client
) -> None:
    before = user.http.get("/v1/batches").json()["first_id"]
    jsonl = {"Content-Type": "application/jsonl"}
    undeclared = user.http.post("/v1/batches", content=iter([b" " * 1_000_000] * 12), headers=jsonl)
    assert undeclared.status_code == 413 and undeclared.json()["code"] == "body_too_large"
    declared = user.http.post("/v1/batches", content=b" " * 12_000_000, headers=jsonl)
    assert declared.status_code == 413
    form = user.http.post("/v1/batches", files={"file": ("lines.jsonl", b" " * (MOST_BYTES + 1))})
    assert form.status_code == 413
    assert user.http.get("/v1/batches").json()["first_id"] == before
    assert files(small) == []
