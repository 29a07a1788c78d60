"""Senders of events to hooks of a project of these tests."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psycopg2
import pytest

from infra.dev.system import System
from infra.ids import parse
from tests.client import Client
from tests.conftest import another_project
from tests.fakes.senders import HOOKS, SIGN, body_of

Json = dict[str, Any]
CONTENT = "Review {{ /title }} of {{ /labels }} ({{ @event_type ?? untyped }}, {{ @id }})"
INPUT: Json = {"model": "sandbox/instant", "messages": [{"role": "user", "content": CONTENT}]}
EVENT: Json = {"type": "pull_request", "title": "Ärger {{ /x }}", "labels": ["bug"]}


class Sender:
    """Sends to one hook, over a connection without any key."""

    def __init__(self, http: httpx.Client, client: Client, scheme: str, **changed: Any) -> None:
        body = {"name": "test", "kind": "completion", "input": INPUT, **HOOKS[scheme], **changed}
        answer = client.http.post("/v1/hooks", json=body)
        assert answer.status_code == 201, answer.text
        self.hook: Json = answer.json()
        self.address = f"/v1/hooks/{self.hook['id']}"
        self.secret: str = self.hook["secret"]
        self.scheme, self.http, self.client = scheme, http, client

    def send(self, event: Any = EVENT, *, headers: Json | None = None, secret: str = "", **how: Any) -> httpx.Response:
        body = event if isinstance(event, bytes) else body_of(event)
        signed = SIGN[self.scheme](secret or self.secret, body, **how)
        return self.http.post(self.address, content=body, headers={**signed, **(headers or {})})

    def messages(self, at_most: int = 20) -> list[Json]:
        answer = self.client.http.get(f"{self.address}/messages", params={"limit": at_most})
        found: list[Json] = answer.json()["data"]
        return found

    def message(self, answer: httpx.Response) -> Json:
        found: Json = self.client.http.get(f"/v1/inbox_messages/{answer.json()['id']}").json()
        return found

    def jobs(self) -> list[Json]:
        params = {"metadata.hook_id": self.hook["id"], "limit": 100}
        found: list[Json] = self.client.http.get("/v1/jobs", params=params).json()["data"]
        return found

    def change(self, **changes: Any) -> None:
        assert self.client.http.patch(self.address, json=changes).status_code == 200

    def do(self, verb: str) -> None:
        assert self.client.http.post(f"{self.address}/{verb}").status_code == 200


MakeSender = Callable[..., Sender]


@pytest.fixture(scope="module")
def tenant(system: System) -> Iterator[Client]:
    with Client(system.url, another_project(system)) as connected:
        yield connected


@pytest.fixture(scope="module")
def sender(system: System, tenant: Client) -> Iterator[MakeSender]:
    """Makes a hook in a project of these tests, and who sends to it."""
    with Client(system.url, None) as nobody:
        yield lambda scheme, **changed: Sender(nobody.http, changed.pop("client", tenant), scheme, **changed)


def sql(system: System, statement: str, *values: Any) -> None:
    with psycopg2.connect(system.database_url) as connection, connection.cursor() as cursor:
        cursor.execute(statement, values)


def raw(public_id: str) -> str:
    return str(parse(public_id.partition("_")[0], public_id))


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]
