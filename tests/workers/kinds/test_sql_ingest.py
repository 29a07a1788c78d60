"""The kind sql.ingest through HTTP: uploads, files and text; what changed, what could not be read, and who may."""

from collections.abc import Iterator
from typing import Any

import pytest

from infra.dev.system import System
from tests.client import Client
from tests.conftest import another_project
from tests.workers.sql import scripts

Json = dict[str, Any]
FIRST = """CREATE TABLE users (id int PRIMARY KEY, name varchar(100));
CREATE TABLE posts (id int PRIMARY KEY, user_id int REFERENCES users, title varchar(10));
CREATE TABLE tags (id int PRIMARY KEY);"""
SECOND = """CREATE TABLE users (id bigint PRIMARY KEY, name varchar(100) NOT NULL, joined date);
CREATE TABLE posts (id int PRIMARY KEY, user_id int REFERENCES users, title varchar(10));
CREATE TABLE likes (post_id int REFERENCES posts ON DELETE CASCADE);
CREATE TABLE broken (id int, !!);"""


@pytest.fixture(scope="module")
def tenant(system: System) -> Iterator[Client]:
    with Client(system.url, another_project(system)) as connected:
        yield connected


@pytest.fixture(scope="module")
def project(tenant: Client) -> str:
    """The address of a project."""
    return f"/v1/projects/{tenant.http.get('/v1/projects').json()['data'][0]['id']}"


@pytest.fixture
def at(tenant: Client, project: str) -> str:
    """The address of a new knowledge base."""
    base = tenant.http.post(f"{project}/knowledge_bases", json={"name": "sql"}).json()
    return f"{project}/knowledge_bases/{base['id']}"


def done(tenant: Client, answer: Any) -> Json:
    """The job, final."""
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/v1/jobs/{answer.json()['id']}"
    return tenant.wait(answer.json()["id"])


def read(tenant: Client, at: str, ddl: str, **more: Any) -> Json:
    job = done(tenant, tenant.http.post(f"{at}/sql", json={"ddl": ddl, **more}))
    assert job["status"] == "succeeded", job["error"]
    result: Json = job["result"]
    return result


def counts(added: int = 0, changed: int = 0, removed: int = 0, unchanged: int = 0) -> Json:
    return {"added": added, "changed": changed, "removed": removed, "unchanged": unchanged}


def test_a_second_script_says_what_it_adds_changes_and_removes_field_by_field(tenant: Client, at: str) -> None:
    first = read(tenant, at, FIRST, source="blog")
    assert first["tables"] == counts(added=3) and first["keys"]["added"] == ["users", "posts", "tags"]
    assert read(tenant, at, FIRST, source="blog")["tables"] == counts(unchanged=3)
    second = read(tenant, at, SECOND, source="blog")
    assert second["tables"] == counts(added=2, changed=2, removed=1)
    assert second["keys"]["removed"] == ["tags"] and second["warnings"][0]["line"] == 4
    changes = {one["key"]: {change["field"] for change in one["changes"]} for one in second["changes"]}
    assert changes["users"] == {"columns/id/type", "columns/name/nullable", "columns/joined"}
    assert changes["posts"] == {"referenced_by/likes"}
    merged = read(tenant, at, "CREATE TABLE more (x int);", source="blog", mode="merge")
    assert merged["tables"] == counts(added=1)
    assert read(tenant, at, "CREATE TABLE users (x int);", source="other")["tables"] == counts(added=1)


def test_the_draft_has_the_records_and_an_event_tells_of_it(tenant: Client, at: str) -> None:
    result = read(tenant, at, scripts.POSTGRES)
    listed = tenant.http.get(f"{at}/draft/tables").json()["data"]
    orders = next(one for one in listed if one["key"] == "shop.orders")
    whole = tenant.http.get(f"{at}/draft/tables/{orders['id']}").json()
    assert "refers to `id` of `public.customers`" in whole["text"]
    assert orders["metadata"] == {"schema": "shop", "dialect": "postgres", "kind": "table"}
    found = tenant.http.get("/v1/events", params={"types": "kb.ingested", "limit": 100}).json()["data"]
    mine = [one["data"] for one in found if one["data"]["knowledge_base_id"] == result["knowledge_base_id"]]
    assert mine[0]["kind"] == "sql.ingest" and mine[0]["added"] == 4


@pytest.mark.parametrize("how", ["form", "raw", "file"])
def test_a_script_comes_as_a_form_a_body_or_a_stored_file(tenant: Client, project: str, at: str, how: str) -> None:
    script, query = scripts.TSQL.encode("utf-16"), {"dialect": "tsql", "source": how}
    if how == "form":
        sent = tenant.http.post(f"{at}/upload-sql", files={"file": ("shop.sql", script)}, data=query)
    elif how == "raw":
        headers = {"Content-Type": "application/sql"}
        sent = tenant.http.post(f"{at}/upload-sql", content=script, params=query, headers=headers)
    else:
        file = tenant.http.post("/v1/files", content=script, params={"filename": "shop.sql"}).json()
        sent = tenant.http.post(f"{project}/kb/sql", json={"file_id": file["id"], **query})
    job = done(tenant, sent)
    assert job["result"]["keys"]["added"] == ["dbo.order details", "dbo.orders", "dbo.v"], job["error"]
    assert job["result"]["source"] == how and job["result"]["dialect"] == "tsql"


def test_garbage_fails_with_a_reason_and_leaves_the_draft_alone(tenant: Client, at: str) -> None:
    read(tenant, at, FIRST)
    garbage = bytes((one * 7919) % 94 + 33 for one in range(1_000_000))
    job = done(tenant, tenant.http.post(f"{at}/upload-sql", files={"file": ("x.sql", garbage)}))
    assert job["status"] == "failed" and job["error"]["code"] == "invalid_input" and job["attempt"] == 1
    assert "No table could be read" in job["error"]["message"]
    assert len(tenant.http.get(f"{at}/draft/tables").json()["data"]) == 3


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/ddl"),
        ({"ddl": "x", "file_id": "file_" + "0" * 32}, "/ddl"),
        ({"ddl": "x", "dialect": "cobol"}, "/dialect"),
        ({"ddl": "x", "mode": "both"}, "/mode"),
        ({"database_id": "db_" + "0" * 32, "dialect": "postgres"}, "/dialect"),
        ({"ddl": "x", "describe_with": "nobody/nothing"}, "/describe_with"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_once(tenant: Client, at: str, body: Json, pointer: str) -> None:
    answer = tenant.http.post(f"{at}/sql", json=body)
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == pointer, answer.text


def test_a_file_or_base_of_others_is_not_there(tenant: Client, at: str, stranger: Client) -> None:
    foreign = stranger.http.post("/v1/files", content=FIRST.encode()).json()["id"]
    assert tenant.http.post(f"{at}/sql", json={"file_id": foreign}).status_code == 404
    assert stranger.http.post(f"{at}/sql", json={"ddl": FIRST}).status_code == 404
    other = {"kind": "sql.ingest", "input": {"ddl": FIRST, "knowledge_base_id": at.rpartition("/")[2]}}
    assert stranger.http.post("/v1/jobs", json=other).status_code == 404


def test_a_model_adds_to_descriptions_once_and_its_words_stay(tenant: Client, at: str) -> None:
    first = read(tenant, at, FIRST, describe_with="sandbox/instant")
    assert first["descriptions"] == {"written": 3, "failed": 0}
    again = read(tenant, at, FIRST, describe_with="sandbox/instant")
    assert again["descriptions"] == {"written": 0, "failed": 0} and again["tables"] == counts(unchanged=3)
    assert read(tenant, at, FIRST)["tables"] == counts(unchanged=3)
