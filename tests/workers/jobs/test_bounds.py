"""Overload is refused at the door: bounds for each project and for all, and room again when some have gone."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from infra import db
from infra.dev.environment import Options
from infra.dev.ports import free_port
from infra.dev.system import System
from infra.errors import QueueFull
from tests.client import HELLO, Client
from tests.conftest import NewFolder, another_project
from tests.workers.jobs.conftest import Core
from workers.jobs import bounds

BODY = {"kind": "completion", "input": {"model": "sandbox/instant", "messages": HELLO}}


@pytest.fixture(scope="module")
def idle(new_folder: NewFolder) -> Iterator[System]:
    """An API with small bounds and no worker."""
    options = Options(data=new_folder("idle"), port=free_port(), flower_port=free_port())
    small = {"PROJECT_MAX_QUEUED": "20", "MAX_QUEUED": "50", "WEB_CONCURRENCY": "1"}
    with System(options, only=("api",), environment=small) as running:
        yield running


@pytest.fixture
def fill(idle: System) -> Iterator[Any]:
    """Makes a project and submits until it is refused; all is cancelled afterwards."""
    clients: list[Client] = []

    def filled(at_most: int = 100) -> tuple[Client, list[str], Any]:
        client = Client(idle.url, another_project(idle))
        clients.append(client)
        accepted: list[str] = []
        while (answer := client.http.post("/v1/jobs", json=BODY)).status_code == 202 and len(accepted) < at_most:
            accepted.append(answer.json()["id"])
        return client, accepted, answer

    yield filled
    for client in clients:
        while jobs := client.http.get("/v1/jobs", params={"status": "queued", "limit": 100}).json()["data"]:
            for job in jobs:
                client.http.post(f"/v1/jobs/{job['id']}/cancel")
        client.http.close()


def submit_until_accepted(client: Client) -> None:
    for _ in range(1000):
        if client.http.post("/v1/jobs", json=BODY).status_code == 202:
            return
    raise AssertionError("still refused after a thousand tries")


def test_a_full_project_is_refused_with_the_time_to_wait_and_others_are_not(fill: Any, idle: System) -> None:
    client, accepted, refused = fill()
    assert len(accepted) == 20
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (429, "queue_full")
    assert refused.headers["Content-Type"] == "application/problem+json" and int(refused.headers["Retry-After"]) >= 1
    assert "20 jobs" in problem["detail"]
    with Client(idle.url, idle.api_key) as other:
        assert other.http.post(f"/v1/jobs/{other.submit()['id']}/cancel").status_code == 200
    later = {**BODY, "run_at": "2999-01-01T00:00:00Z"}
    assert client.http.post("/v1/jobs", json=later).status_code == 429


def test_a_cancelled_job_makes_room_for_another(fill: Any) -> None:
    client, accepted, _ = fill()
    assert client.http.post(f"/v1/jobs/{accepted[0]}/cancel").status_code == 200
    submit_until_accepted(client)
    assert client.http.post("/v1/jobs", json=BODY).status_code == 429


def test_the_bound_of_all_refuses_everybody(fill: Any) -> None:
    assert [len(fill()[1]) for _ in range(4)] == [20, 20, 10, 0]


def test_a_project_with_a_bound_of_its_own_keeps_to_that(core: Core) -> None:
    small, plain = core.project(max_queued=3), core.project()
    core.submit(small, 3)
    with pytest.raises(QueueFull, match="3 jobs"):
        core.submit(small)
    core.submit(plain)


def test_many_are_counted_at_once_or_not_at_all(core: Core) -> None:
    project = core.project(max_queued=5)
    with db.transaction() as session:
        bounds.require_room(session, project, 4)
        with pytest.raises(QueueFull):
            bounds.require_room(session, project, 2)
        bounds.require_room(session, project, 1)


def test_counting_reads_no_further_than_the_bound(core: Core) -> None:
    statement = "EXPLAIN (ANALYZE, FORMAT JSON) " + bounds.OF_PROJECT.text
    project: UUID = core.project()
    core.submit(project, 30)
    plan = core.sql(statement, project_id=project, bound=10)[0][0][0]["Plan"]
    read = [node["Actual Rows"] for node in nodes(plan) if "Scan" in node["Node Type"]]
    assert read and max(read) <= 10


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)
