"""A receiver, and a project of its own whose webhooks go there; and a database that nobody but the test sends from."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any, TypeVar
from uuid import UUID

import psycopg2
import psycopg2.extras
import pytest
from sqlalchemy import text

from infra import db, ids, schema
from infra.dev.environment import Options
from infra.dev.ports import free_port
from infra.dev.system import System
from tests.client import Client
from tests.conftest import another_project
from tests.fakes.receiver import Receiver
from tests.workers.jobs.conftest import forget_this_process
from workers.webhooks import secrets
from workers.webhooks.sending import Sender

Json = dict[str, Any]
T = TypeVar("T")
ENDPOINTS = "/v1/webhook_endpoints"
CONNECTIONS = ("DATABASE_URL", "REDIS_URL", "BROKER_URL", "ENCRYPTION_KEYS", "ALLOW_PRIVATE_TARGETS")


def soon(look: Callable[[], T], seconds: float = 20.0) -> T:
    """What `look` finds as soon as that is anything."""
    until = monotonic() + seconds
    while not (found := look()):
        assert monotonic() < until, "it did not happen in time"
        sleep(0.02)
    return found


class Webhooks:
    """A project's webhooks, through the doors."""

    def __init__(self, client: Client, system: System, receiver: Receiver) -> None:
        self.client, self.system, self.receiver = client, system, receiver

    def endpoint(self, path: str = "/hook", **wishes: Any) -> Json:
        """A new endpoint at that path of the receiver, which wants to know of jobs' ends."""
        body = {"url": self.receiver.url(path), "event_types": ["job.succeeded"], **wishes}
        answer = self.client.http.post(ENDPOINTS, json=body)
        assert answer.status_code == 201, answer.text
        found: Json = answer.json()
        return found

    def shown(self, endpoint: Json) -> Json:
        """The endpoint as it is now."""
        found: Json = self.client.http.get(f"{ENDPOINTS}/{endpoint['id']}").json()
        return found

    def deliveries(self, endpoint: Json) -> list[Json]:
        """Its deliveries, oldest first, with their attempts."""
        listed = self.client.http.get(f"{ENDPOINTS}/{endpoint['id']}/deliveries", params={"order": "asc", "limit": 100})
        return [self.client.http.get(f"/v1/webhook_deliveries/{one['id']}").json() for one in listed.json()["data"]]

    def tried(self, endpoint: Json, times: int = 1) -> Json:
        """Its only delivery, as soon as that many attempts are in its log."""
        return soon(lambda: [one for one in self.deliveries(endpoint) if len(one["attempts"]) >= times])[0]

    def ended(self, endpoint: Json) -> Json:
        """Its only delivery, as soon as it is delivered or failed."""
        return soon(lambda: [one for one in self.deliveries(endpoint) if one["finished_at"]])[0]

    def hurry(self, delivery: Json) -> None:
        """Has its next attempt made now."""
        self.sql("UPDATE webhook_deliveries SET next_attempt_at = now() WHERE id = %s", uuid(delivery["id"]))

    def sql(self, statement: str, *parameters: Any) -> None:
        """Has the database do something that takes days otherwise."""
        with psycopg2.connect(self.system.database_url) as connection, connection.cursor() as cursor:
            cursor.execute(statement, [str(one) if isinstance(one, UUID) else one for one in parameters])


@contextmanager
def sending(grace: float = 1.0) -> Iterator[Sender]:
    """A sender in this process, which ends with the block."""
    sender = Sender()
    sender.start()
    try:
        yield sender
    finally:
        sender.stop(grace)


def uuid(shown: str) -> UUID:
    """The id inside `we_…`."""
    return UUID(shown.partition("_")[2])


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    """The receiver; each test has paths of its own."""
    with Receiver() as running:
        yield running


@pytest.fixture
def webhooks(system: System, receiver: Receiver) -> Iterator[Webhooks]:
    """The webhooks of a fresh project."""
    receiver.requests.clear()
    with Client(system.url, another_project(system)) as client:
        yield Webhooks(client, system, receiver)


@pytest.fixture(scope="package")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """PostgreSQL and Redis, and this process connected to them."""
    options = Options(data=tmp_path_factory.mktemp("webhooks"), port=free_port(), flower_port=free_port())
    with System(options, only=()) as running, pytest.MonkeyPatch.context() as patch:
        for name in CONNECTIONS:
            patch.setitem(os.environ, name, running.environment[name])
        forget_this_process()
        schema.upgrade()
        yield running
        db.engine().dispose()
    forget_this_process()


class Desk:
    """Rows of webhooks, written and read by the test alone."""

    def __init__(self) -> None:
        self.project = self.new_project()

    def new_project(self) -> UUID:
        """One more project."""
        project_id = ids.new_id()
        self.sql("INSERT INTO projects (id, name, created_at) VALUES (:id, 'desk', now())", id=project_id)
        return project_id

    def endpoint(self, url: str | None, *, rate: int = 1000, **columns: Any) -> UUID:
        """A new endpoint; without a url, the project's callback endpoint."""
        endpoint_id = ids.new_id()
        values = {
            "id": endpoint_id,
            "project_id": self.project,
            "url": url,
            "secret": secrets.seal_secret(endpoint_id, secrets.new_secret()),
            "rate_per_second": rate,
            "payload": "thin",
            "event_types": ["*"],
            "tokens": 0.0,
            "event_sequence": 0,
            **columns,
        }
        names = ", ".join(values)
        places = ", ".join(f":{name}" for name in values)
        self.sql(f"INSERT INTO webhook_endpoints (created_at, {names}) VALUES (now(), {places})", **values)
        return endpoint_id

    def deliveries(self, endpoint_id: UUID, count: int = 1, *, url: str | None = None, ago: float = 0.0) -> None:
        """So many events and their deliveries, due since so many seconds."""
        self.sql(
            """
            WITH events AS (
              INSERT INTO job_events (job_id, sequence, id, project_id, type, data, created_at)
              SELECT gen_random_uuid(), 1, gen_random_uuid(), :project, 'job.queued', '{}', now()
              FROM generate_series(1, :count) RETURNING *
            )
            INSERT INTO webhook_deliveries (id, project_id, endpoint_id, url, subject_id, event_sequence, event_id,
              event_type, next_attempt_at, created_at)
            SELECT gen_random_uuid(), project_id, :endpoint, :url, job_id, 1, id, type,
              now() - make_interval(secs => :ago), created_at
            FROM events
            """,
            project=self.project,
            count=count,
            endpoint=endpoint_id,
            url=url,
            ago=ago,
        )

    def counts(self, endpoint_id: UUID) -> dict[str, int]:
        """Its deliveries by status."""
        rows = self.sql(
            "SELECT status, count(*) FROM webhook_deliveries WHERE endpoint_id = :id GROUP BY status", id=endpoint_id
        )
        return dict(rows)

    def sql(self, statement: str, **parameters: Any) -> list[Any]:
        """What the database says."""
        with db.transaction() as session:
            result: Any = session.execute(text(statement), parameters)
            return result.all() if result.returns_rows else []


@pytest.fixture
def desk(servers: System, receiver: Receiver) -> Desk:
    """No endpoints and no deliveries yet."""
    receiver.requests.clear()
    made = Desk()
    made.sql("TRUNCATE webhook_endpoints, webhook_deliveries, job_events")
    return made
