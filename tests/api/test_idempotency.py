"""Answers with a secret: given again to the same request, and sealed until then."""

from typing import Any
from uuid import uuid4

import psycopg2
import pytest

from infra.dev.system import System
from tests.client import HELLO, Client
from tests.fakes.senders import HOOKS

Json = dict[str, Any]
INPUT: Json = {"model": "sandbox/instant", "messages": HELLO}
HOOK: Json = {"name": "test", "kind": "completion", "input": INPUT, **HOOKS["github"]}
ENDPOINT: Json = {"url": "http://127.0.0.1:9/hook", "event_types": ["job.succeeded"]}


def sql(system: System, statement: str, *values: Any) -> list[Any]:
    with psycopg2.connect(system.database_url) as connection, connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def kept(system: System, key: str) -> bytes:
    [(body,)] = sql(system, "SELECT body FROM idempotency_keys WHERE key = %s", key)
    return bytes(body)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/api_keys", {"name": "test"}, "key"),
        ("/v1/hooks", HOOK, "secret"),
        ("/v1/webhook_endpoints", ENDPOINT, "secret"),
        ("/v1/webhook_endpoints/callback", {}, "secret"),
    ],
)
def test_an_answer_with_a_secret_is_sealed_and_given_again_as_it_was(
    client: Client, system: System, path: str, body: Json, field: str
) -> None:
    mark = {"Idempotency-Key": uuid4().hex}
    first = client.http.post(path, json=body, headers=mark)
    again = client.http.post(path, json=body, headers=mark)
    assert first.status_code in (200, 201), first.text
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers.get("Location") == first.headers.get("Location")
    assert again.headers["Idempotent-Replayed"] == "true"
    stored = kept(system, mark["Idempotency-Key"])
    assert first.json()[field].encode() not in stored and first.json()["object"].encode() not in stored


@pytest.mark.parametrize(("path", "body"), [("/v1/hooks", HOOK), ("/v1/webhook_endpoints", ENDPOINT)])
def test_a_new_secret_is_sealed_too_and_repeating_the_request_makes_no_other(
    client: Client, system: System, path: str, body: Json
) -> None:
    made = client.http.post(path, json=body).json()
    mark = {"Idempotency-Key": uuid4().hex}
    first, again = (client.http.post(f"{path}/{made['id']}/rotate_secret", json={}, headers=mark) for _ in range(2))
    assert first.status_code == 200 and again.content == first.content
    assert first.json()["secret"] != made["secret"]
    assert first.json()["secret"].encode() not in kept(system, mark["Idempotency-Key"])


def test_other_answers_are_kept_as_they_are(client: Client, system: System) -> None:
    mark = {"Idempotency-Key": uuid4().hex}
    answer = client.http.post("/v1/jobs", json={"kind": "completion", "input": INPUT}, headers=mark)
    assert kept(system, mark["Idempotency-Key"]) == answer.content


def test_an_answer_that_cannot_be_opened_any_more_is_refused_and_says_what_was_made(
    client: Client, system: System
) -> None:
    mark = {"Idempotency-Key": uuid4().hex}
    first = client.http.post("/v1/api_keys", json={"name": "test"}, headers=mark)
    foreign = b"\x01" + bytes(8 + 12 + 16 + 20)
    for body in (b"", foreign):
        statement = "UPDATE idempotency_keys SET body = %s WHERE key = %s"
        sql(system, statement, psycopg2.Binary(body), mark["Idempotency-Key"])
        again = client.http.post("/v1/api_keys", json={"name": "test"}, headers=mark)
        assert (again.status_code, again.json()["code"]) == (409, "not_stored")
        assert first.headers["Location"] in again.json()["detail"] and "new Idempotency-Key" in again.json()["detail"]
