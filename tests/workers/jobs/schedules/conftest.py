"""Schedules that are moved in time, directly in the database."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest

from infra.dev.system import System
from infra.ids import parse
from tests.client import HELLO, Client
from tests.workers.jobs.conftest import Core

Json = dict[str, Any]
NEVER_SOON = "0 0 1 1 *"


class Planner:
    """A client that makes schedules, moves them into the past, and looks at what came of it."""

    def __init__(self, client: Client, database_url: str) -> None:
        self.client, self.made = client, list[str]()
        self._database = psycopg2.connect(database_url)
        self._database.autocommit = True

    def make(self, cron: str = NEVER_SOON, **more: Any) -> Json:
        """A schedule, of a hello by default."""
        answer = self.client.http.post("/v1/schedules", json={"name": "test", "cron": cron, **self.hello(), **more})
        assert answer.status_code == 201, answer.text
        found: Json = answer.json()
        self.made.append(found["id"])
        return found

    @staticmethod
    def hello() -> Json:
        """What a job needs at least."""
        return {"kind": "completion", "input": {"model": "sandbox/instant", "messages": HELLO}}

    def get(self, schedule: Json) -> Json:
        """The schedule as it is now."""
        found: Json = self.client.http.get(f"/v1/schedules/{schedule['id']}").json()
        return found

    def jobs(self, schedule: Json) -> list[Json]:
        """Its jobs, oldest first."""
        query = {"schedule_id": schedule["id"], "order": "asc", "limit": 100}
        found: list[Json] = self.client.http.get("/v1/jobs", params=query).json()["data"]
        return found

    def sql(self, statement: str, *values: Any) -> None:
        """Does to the database what no door does."""
        with self._database.cursor() as cursor:
            cursor.execute(statement, values)

    def row(self, statement: str, *values: Any) -> tuple[Any, ...]:
        """The one row that is asked for."""
        with self._database.cursor() as cursor:
            cursor.execute(statement, values)
            found: tuple[Any, ...] | None = cursor.fetchone()
        assert found is not None
        return found

    def move(self, schedule: Json, to: datetime) -> None:
        """Its next time is this one."""
        self.sql("UPDATE schedules SET next_run_at = %s WHERE id = %s", to, key(schedule))

    def close(self) -> None:
        for schedule_id in self.made:
            self.client.http.delete(f"/v1/schedules/{schedule_id}")
        self._database.close()


def key(schedule: Json) -> str:
    """The id as it is stored."""
    return str(parse("sched", schedule["id"]))


def until(true: Callable[[], Any], seconds: float = 30) -> Any:
    """Waits until something is true, and returns it."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, f"not so after {seconds} s"
        time.sleep(0.05)
    return found


def moment(text: str | None) -> datetime:
    assert text is not None
    return datetime.fromisoformat(text)


def ago(**amount: float) -> datetime:
    return datetime.now(UTC) - timedelta(**amount)


def in_future(schedule: Json) -> bool:
    """Whether nothing of it is due any more."""
    return schedule["next_run_at"] is not None and moment(schedule["next_run_at"]) > datetime.now(UTC)


@pytest.fixture
def planner(client: Client, system: System) -> Iterator[Planner]:
    """In the demo project."""
    made = Planner(client, system.database_url)
    yield made
    made.close()


@pytest.fixture
def core(core: Core) -> Core:
    """The job core over a database without schedules either."""
    core.sql("TRUNCATE schedules")
    return core
