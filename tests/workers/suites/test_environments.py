"""Environments as a run has them: their secrets are open there, and only under their own name and place."""

import asyncio
import os
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from infra import db
from infra.dev.system import System
from infra.errors import BadInput, NotFound, SecretUnreadable
from infra.ids import parse
from models import CaseOrigin, CaseState, EnvironmentSecret
from tests.client import Client
from tests.workers.jobs.conftest import forget_this_process
from workers.suites import cases, data_rows, environments
from workers.suites.base import Surroundings

Json = dict[str, Any]
GET: Json = {"method": "GET", "url": "/{{row.id}}"}


@pytest.fixture(scope="module", autouse=True)
def here(system: System) -> Iterator[None]:
    """This process as one of the system's."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in system.environment.items():
            patch.setitem(os.environ, name, value)
        forget_this_process()
        yield
        db.engine().dispose()
    forget_this_process()


@pytest.fixture(scope="module")
def project_id(client: Client) -> UUID:
    job = client.run()
    found = parse("proj", job["project_id"])
    assert found is not None
    return found


def test_a_run_has_what_the_environment_has_and_its_secrets_open(client: Client, project_id: UUID) -> None:
    name = uuid4().hex
    auth = {"user": {"type": "bearer", "token": "{{secret.token}}"}}
    body = {"name": name, "base_url": "https://example.com", "variables": {"a": 1}, "headers": {"X": "y"}, "auth": auth}
    made = client.http.post("/v1/environments", json={**body, "default_auth": "user"}).json()
    client.http.put(f"/v1/environments/{made['id']}/secrets/token", json={"value": "s3cret ü"})
    with db.transaction() as session:
        by_name = environments.find_environment(session, project_id, name)
        assert environments.find_environment(session, project_id, made["id"]) is by_name
        found = environments.surroundings(session, by_name)
        assert environments.surroundings(session, None) == Surroundings()
    assert found == Surroundings(
        environment_id=parse("env", made["id"]),
        name=name,
        base_url="https://example.com",
        variables={"a": 1},
        headers={"X": "y"},
        auth=auth,
        default_auth="user",
        secrets={"token": "s3cret ü"},
    )


def test_a_sealed_secret_is_of_no_use_elsewhere(project_id: UUID) -> None:
    body: Json = {
        "description": None,
        "base_url": None,
        "variables": {},
        "headers": {},
        "auth": {},
        "default_auth": None,
    }
    with db.transaction() as session:
        mine, other = (
            environments.create_environment(
                session, project_id, {**body, "name": uuid4().hex, "knowledge_base_id": None}, created_by=None
            )
            for _ in range(2)
        )
        kept = environments.put_secret(session, mine, "token", "a secret")
        stolen = EnvironmentSecret(
            environment_id=other.id, name="token", project_id=project_id, sealed=kept.sealed, updated_at=kept.updated_at
        )
        session.add(stolen)
        session.flush()
        with pytest.raises(SecretUnreadable):
            environments.surroundings(session, other)
        session.delete(stolen)


def test_what_is_not_there_is_named(project_id: UUID) -> None:
    with db.transaction() as session:
        with pytest.raises(NotFound, match="There is no environment 'nowhere'"):
            environments.find_environment(session, project_id, "nowhere")
        with pytest.raises(NotFound, match="There is no suite 'suite_0"):
            cases.find_suite(session, project_id, "suite_" + "0" * 32)


def test_a_case_is_made_by_others_with_where_it_came_from(project_id: UUID) -> None:
    body = cases.read_case({"name": "generated", "steps": [GET], "state": "approved"})
    source = {"mode": "boundary", "seed": 7}
    with db.transaction() as session:
        made = cases.create_case(
            session,
            project_id,
            body,
            created_by=None,
            state=CaseState.DRAFT,
            origin=CaseOrigin.OPENAPI,
            source=source,
        )
        found = cases.get_case(session, project_id, made.id)
        assert (found.state, found.origin, found.source, found.created_by) == ("draft", "openapi", source, None)
        assert cases.content_of(session, found)["steps"] == [{"id": "step_1", "kind": "http", **GET}]
        session.execute(text("DELETE FROM test_case_versions WHERE case_id = :id"), {"id": made.id})
        session.delete(found)
    with pytest.raises(BadInput, match="errors") as refusal:
        cases.read_case({"name": "generated"})
    assert refusal.value.errors == [{"pointer": "/steps", "detail": "Missing data for required field."}]


def test_the_rows_of_a_case_are_its_own_or_those_of_its_file(client: Client, project_id: UUID) -> None:
    file = client.http.post("/v1/files", content=b'{"id": 1}\n{"id": 2}\n', params={"filename": "rows.jsonl"}).json()

    def rows(**content: object) -> object:
        return asyncio.run(data_rows.rows_of(project_id, {"data": [], "data_file_id": None, **content}))

    assert rows() == [] and rows(data=[{"a": 1}]) == [{"a": 1}]
    assert rows(data_file_id=file["id"]) == [{"id": 1}, {"id": 2}]
    client.http.delete(f"/v1/files/{file['id']}")
    for gone in (file["id"], "file_1"):
        with pytest.raises(NotFound, match="data rows is gone"):
            rows(data_file_id=gone)
