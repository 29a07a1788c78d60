"""Projects and their policy: what their own keys may change, and what only the operator may."""

import json
from typing import Any

import pytest

from infra.dev.system import System
from tests.client import Client
from tests.conftest import another_project
from tests.shell import switchyard

Json = dict[str, Any]
DEFAULT = {"weight": 1, "max_running": None, "max_queued": 100_000, "retention_days": 30, "store": "full"}


@pytest.fixture(scope="module")
def owner(system: System):
    """A client of a project of its own, whose policy nobody else needs."""
    with Client(system.url, another_project(system)) as connected:
        yield connected


@pytest.fixture(scope="module")
def address(owner: Client) -> str:
    return f"/v1/projects/{owner.http.get('/v1/projects').json()['data'][0]['id']}"


def policy(project: Json) -> Json:
    return {name: project[name] for name in DEFAULT}


def test_a_project_shows_the_policy_that_applies_to_it(owner: Client, address: str) -> None:
    project = owner.http.get(address).json()
    assert policy(project) == DEFAULT
    assert policy(owner.http.get("/v1/projects").json()["data"][0]) == DEFAULT


def test_its_own_key_changes_name_retention_and_what_is_stored(owner: Client, address: str) -> None:
    answer = owner.http.patch(address, json={"name": "renamed", "retention_days": 7, "store": "hashes"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["name"] == "renamed" and policy(answer.json()) == {
        **DEFAULT,
        "retention_days": 7,
        "store": "hashes",
    }
    assert owner.submit(run_at="2999-01-01T00:00:00Z")["store"] == "hashes"
    again = owner.http.patch(address, json={"retention_days": None, "store": "full"}).json()
    assert again["name"] == "renamed" and policy(again) == DEFAULT


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"retention_days": 0}, "/retention_days"),
        ({"retention_days": 3651}, "/retention_days"),
        ({"retention_days": "7"}, "/retention_days"),
        ({"store": "some"}, "/store"),
        ({"store": None}, "/store"),
        ({"name": ""}, "/name"),
        ({"weight": 5}, "/weight"),
        ({"max_running": 5}, "/max_running"),
        ({"max_queued": 5}, "/max_queued"),
    ],
)
def test_what_cannot_be_meant_and_what_is_the_operators_is_refused(
    owner: Client, address: str, body: Json, pointer: str
) -> None:
    answer = owner.http.patch(address, json=body)
    assert answer.status_code == 422 and [one["pointer"] for one in answer.json()["errors"]] == [pointer]


def test_nobody_changes_another_project(client: Client, address: str) -> None:
    answer = client.http.patch(address, json={"name": "mine"})
    assert answer.status_code == 404 and answer.json()["code"] == "not_found"


def test_a_key_without_the_scope_changes_nothing(owner: Client, address: str, system: System) -> None:
    key = owner.http.post("/v1/api_keys", json={"name": "reader", "scopes": ["projects:read"]}).json()["key"]
    with Client(system.url, key) as reader:
        assert reader.http.get(address).status_code == 200
        assert reader.http.patch(address, json={"name": "no"}).status_code == 403


def test_the_operator_makes_a_project_and_its_first_key(system: System) -> None:
    done = switchyard(system.environment, "create-project", "shop", "--owner", "somebody@example.com")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    with Client(system.url, made["api_key"]) as first:
        [project] = first.http.get("/v1/projects").json()["data"]
    assert (project["id"], project["name"], policy(project)) == (made["project_id"], "shop", DEFAULT)


def test_the_operator_makes_another_key_that_may_do_what_is_named(client: Client, system: System) -> None:
    project = client.http.get("/v1/projects").json()["data"][0]["id"]
    some = switchyard(system.environment, "create-key", project, "--scope", "jobs:read", "--scope", "hooks:read")
    all_of_them = switchyard(system.environment, "create-key", project, "--name", "second")
    none = switchyard(system.environment, "create-key", "proj_" + "0" * 32)
    assert (some.returncode, all_of_them.returncode, none.returncode) == (0, 0, 1)
    with Client(system.url, json.loads(some.stdout)["api_key"]) as narrow:
        assert narrow.http.get("/v1/hooks").status_code == 200
        assert narrow.http.get("/v1/webhook_endpoints").status_code == 403
    with Client(system.url, json.loads(all_of_them.stdout)["api_key"]) as wide:
        keys = wide.http.get("/v1/api_keys", params={"limit": 2}).json()["data"]
    assert [key["name"] for key in keys] == ["second", "key"] and keys[1]["scopes"] == ["hooks:read", "jobs:read"]
    assert "There is no such project." in none.stderr


def test_the_operator_sets_share_and_limits_and_takes_them_back(owner: Client, address: str, system: System) -> None:
    project = address.rpartition("/")[2]
    done = switchyard(
        system.environment, "project", "set", project, "--weight", "5", "--max-running", "7", "--max-queued", "9"
    )
    assert done.returncode == 0, done.stderr
    wanted = {**DEFAULT, "weight": 5, "max_running": 7, "max_queued": 9}
    assert policy(json.loads(done.stdout)) == wanted == policy(owner.http.get(address).json())
    switchyard(
        system.environment, "project", "set", project, "--weight", "1", "--max-running", "0", "--max-queued", "0"
    )
    assert policy(owner.http.get(address).json()) == DEFAULT


def test_the_operator_is_told_what_is_wrong_with_a_project_id(system: System) -> None:
    malformed, missing = (
        switchyard(system.environment, "project", "set", "demo"),
        switchyard(system.environment, "project", "set", "proj_" + "0" * 32),
    )
    assert malformed.returncode == 2 and "must be proj_ and 32 lowercase hex digits" in malformed.stderr
    assert missing.returncode == 1 and "There is no such project." in missing.stderr
