"""Environments over HTTP: what they keep, and secrets, which go in and never come out."""

from typing import Any
from uuid import uuid4

import httpx
import psycopg2
import pytest

from infra.dev.system import System
from tests.client import Client
from tests.workers.jobs.test_privacy import files_with, tables_with

Json = dict[str, Any]
FULL: Json = {
    "description": "Where we try things.",
    "base_url": "https://staging.example.com/v1",
    "variables": {"user": {"id": 7}},
    "headers": {"Accept-Language": "de", "Authorization": "Bearer {{secret.token}}"},
    "auth": {
        "user": {"type": "bearer", "token": "{{secret.token}}"},
        "basic": {"type": "basic", "username": "ada", "password": "{{secret.password}}"},
        "key": {"type": "api_key", "name": "X-Api-Key", "value": "{{secret.key}}", "in": "query"},
        "machine": {
            "type": "oauth2",
            "token_url": "https://auth.example.com/token",
            "client_id": "switchyard",
            "client_secret": "{{secret.client}}",
            "scopes": ["read"],
        },
    },
    "default_auth": "user",
}


def make(client: Client, **wanted: Any) -> Json:
    answer = client.http.post("/v1/environments", json={"name": uuid4().hex, **wanted})
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    assert answer.headers["Location"] == f"/v1/environments/{found['id']}"
    return found


def where(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    return {one["pointer"]: one["detail"] for one in answer.json()["errors"]}


def refused(client: Client, **wanted: Any) -> dict[str, str]:
    return where(client.http.post("/v1/environments", json={"name": uuid4().hex, **wanted}))


def put(client: Client, environment: Json, name: str, value: str) -> httpx.Response:
    return client.http.put(f"/v1/environments/{environment['id']}/secrets/{name}", json={"value": value})


def names(client: Client, environment: Json) -> list[str]:
    found = client.http.get(f"/v1/environments/{environment['id']}/secrets").json()
    assert all(one.keys() == {"object", "name", "updated_at"} for one in found["data"])
    return [one["name"] for one in found["data"]]


def test_an_environment_comes_back_as_it_was_sent(client: Client) -> None:
    environment = make(client, **FULL)
    assert environment["object"] == "environment" and environment["knowledge_base_id"] is None
    assert {**environment, **FULL} == environment
    assert client.http.get(f"/v1/environments/{environment['id']}").json() == environment
    path = f"/v1/projects/{environment['project_id']}/environments"
    assert client.http.get(path, params={"limit": 1}).json()["data"] == [environment]


def test_an_environment_is_changed_field_by_field(client: Client) -> None:
    environment = make(client, **FULL)
    path = f"/v1/environments/{environment['id']}"
    changed = client.http.patch(path, json={"variables": {}, "base_url": "https://{{host}}/v1"}).json()
    assert changed["variables"] == {} and changed["auth"] == FULL["auth"]
    assert changed["base_url"] == "https://{{host}}/v1"
    assert "/default_auth" in where(client.http.patch(path, json={"auth": {}}))
    assert client.http.patch(path, json={"auth": {}, "default_auth": None}).json()["auth"] == {}


def test_variables_may_be_nested_but_not_without_end(client: Client) -> None:
    for depth, is_taken in ((40, True), (70, False), (900, False)):
        deep = "[" * depth + "]" * depth
        body = f'{{"name": "{uuid4().hex}", "variables": {{"deep": {deep}}}}}'
        answer = client.http.post("/v1/environments", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 201 if is_taken else "nested" in where(answer)["/variables"]


def test_a_name_stands_for_one_environment_until_that_is_deleted(client: Client) -> None:
    environment, other = make(client), make(client)
    again = {"name": environment["name"]}
    assert client.http.post("/v1/environments", json=again).status_code == 409
    assert client.http.patch(f"/v1/environments/{other['id']}", json=again).status_code == 409
    assert client.http.delete(f"/v1/environments/{environment['id']}").status_code == 200
    assert client.http.get(f"/v1/environments/{environment['id']}").status_code == 404
    make(client, **again)


def test_secrets_are_listed_by_name_alone(client: Client) -> None:
    environment = make(client)
    first = put(client, environment, "token", "a secret").json()
    put(client, environment, "Key-2", "another")
    assert first == {"object": "environment_secret", "name": "token", "updated_at": first["updated_at"]}
    assert names(client, environment) == ["Key-2", "token"]
    assert put(client, environment, "token", "a newer one").json()["updated_at"] > first["updated_at"]
    path = f"/v1/environments/{environment['id']}/secrets"
    assert client.http.delete(f"{path}/token").json()["name"] == "token"
    assert client.http.delete(f"{path}/token").status_code == 404
    assert names(client, environment) == ["Key-2"]


def test_a_secret_that_no_template_could_name_or_nobody_could_take_out_is_refused(client: Client) -> None:
    environment = make(client)
    for name in ("a b", "7a", "ü", "a" * 101):
        assert "/secret_name" in where(put(client, environment, name, "a secret"))
    assert "/value" in where(put(client, environment, "pin", "123"))
    assert "/value" in where(put(client, environment, "long", "x" * 70_000))
    answer = put(client, environment, "nul", "secret\0")
    assert answer.json()["code"] == "nul_character" and "secret" not in answer.json()["detail"]
    assert names(client, environment) == []


def test_an_environment_has_a_limited_number_of_secrets(client: Client, system: System) -> None:
    environment = make(client)
    fill = """INSERT INTO test_environment_secrets (environment_id, name, project_id, sealed, updated_at)
        SELECT id, 's' || n, project_id, '', now() FROM test_environments, generate_series(1, 200) n WHERE id = %s"""
    with psycopg2.connect(system.database_url) as connection, connection.cursor() as cursor:
        cursor.execute(fill, [environment["id"].removeprefix("env_")])
    assert put(client, environment, "one_more", "a secret").status_code == 409
    assert put(client, environment, "s7", "a secret").status_code == 200


def test_a_secret_is_nowhere_to_be_read(client: Client, system: System) -> None:
    canary = f"canary-{uuid4().hex}"
    environment = make(client)
    assert canary not in put(client, environment, "token", canary).text
    path = f"/v1/environments/{environment['id']}"
    headers = {"Idempotency-Key": uuid4().hex}
    answer = client.http.put(f"{path}/secrets/token", json={"value": canary}, headers=headers)
    assert answer.status_code == 200
    assert client.http.put(f"{path}/secrets/a b", json={"value": canary}, headers=headers).status_code == 422
    inline = {"type": "bearer", "token": canary}
    for body in ({"auth": {"user": inline}}, {"headers": {"Authorization": canary}}):
        answer = client.http.patch(path, json=body)
        assert answer.status_code == 422 and canary not in answer.text
    answer = client.http.post(
        "/v1/test_cases",
        json={"name": "one", "steps": [{"method": "GET", "url": "/", "auth": inline}]},
        headers=headers,
    )
    assert answer.status_code == 422 and canary not in answer.text
    for shown in ("", "/secrets"):
        assert canary not in client.http.get(f"{path}{shown}").text
    assert tables_with(system.database_url, canary) == []
    assert files_with(system.options.data, canary) == []


def test_with_an_environment_its_secrets_go(client: Client, system: System) -> None:
    environment = make(client)
    put(client, environment, "token", "a secret")
    client.http.delete(f"/v1/environments/{environment['id']}")
    with psycopg2.connect(system.database_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM test_environment_secrets WHERE environment_id = %s",
            [environment["id"].removeprefix("env_")],
        )
        assert cursor.fetchone() == (0,)
    assert put(client, environment, "token", "a secret").status_code == 404


def test_an_environment_stays_while_a_suite_runs_in_it(client: Client) -> None:
    environment = make(client)
    suite = client.http.post("/v1/suites", json={"name": uuid4().hex, "environment_id": environment["id"]}).json()
    answer = client.http.delete(f"/v1/environments/{environment['id']}")
    assert answer.status_code == 409 and suite["name"] in answer.json()["detail"]
    client.http.patch(f"/v1/suites/{suite['id']}", json={"environment_id": None})
    assert client.http.delete(f"/v1/environments/{environment['id']}").status_code == 200


def test_an_environment_of_another_project_is_not_there(client: Client, stranger: Client) -> None:
    environment = make(client)
    put(client, environment, "token", "a secret")
    path = f"/v1/environments/{environment['id']}"
    for answer in (
        stranger.http.get(path),
        stranger.http.get(f"{path}/secrets"),
        stranger.http.patch(path, json={}),
        stranger.http.delete(path),
        stranger.http.delete(f"{path}/secrets/token"),
        put(stranger, environment, "token", "another"),
    ):
        assert answer.status_code == 404
    assert names(client, environment) == ["token"]


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        ({"base_url": "http://10.0.0.1/"}, "/base_url", "a private address"),
        ({"base_url": "ftp://example.com"}, "/base_url", "Must begin with"),
        ({"base_url": "/v1"}, "/base_url", "must begin with http"),
        ({"base_url": "https://a:b@example.com"}, "/base_url", "user name or password"),
        ({"base_url": "https://{{host"}, "/base_url", ""),
        ({"headers": {"Host": "x"}}, "/headers/Host", "set by Switchyard itself"),
        ({"headers": {"X": "ü"}}, "/headers/X", "printable ASCII"),
        ({"headers": {"X": "{{ 1 + 1 }}"}}, "/headers/X", "names no value"),
        ({"headers": {"Authorization": "Bearer abc"}}, "/headers/Authorization", "plain text"),
        ({"auth": {"user": {"type": "bearer", "token": "abc"}}}, "/auth/user/token", "/secrets/"),
        ({"auth": {"user": {"type": "bearer"}}}, "/auth/user/token", "Missing"),
        ({"auth": {"user": {"type": "bearer", "token": "{{secret.a}}", "x": 1}}}, "/auth/user/x", "no such field"),
        ({"auth": {"a b": {"type": "bearer", "token": "{{secret.a}}"}}}, "/auth/a b", "Must be a name"),
        ({"auth": {"user": "x"}}, "/auth/user", "Must be an object"),
        ({"default_auth": "user"}, "/default_auth", "is not the name of an `auth`"),
        ({"variables": {"a b": 1}}, "/variables/a b", "Must be a name"),
        ({"knowledge_base_id": "kb_" + "0" * 32}, "/knowledge_base_id", "no such knowledge base"),
        ({"secrets": {"a": "b"}}, "/secrets", "Unknown field"),
    ],
)
def test_an_environment_that_cannot_work_is_refused_where_it_is_wrong(
    body: Json, pointer: str, detail: str, client: Client
) -> None:
    assert detail in refused(client, **body)[pointer]
