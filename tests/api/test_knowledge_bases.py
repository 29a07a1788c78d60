"""Knowledge bases over HTTP: made, listed, changed, deleted, and the project's own one."""

from typing import Any
from uuid import uuid4

import pytest

from infra.dev.system import System
from tests.client import Client

Json = dict[str, Any]


@pytest.fixture(scope="module")
def place(system: System) -> str:
    return f"/v1/projects/{system.project_id}/knowledge_bases"


def made(client: Client, place: str, **body: Any) -> Json:
    answer = client.http.post(place, json={"name": "Orders", **body})
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


def test_a_new_one_is_empty_has_all_settings_and_is_where_the_answer_says(client: Client, place: str) -> None:
    answer = client.http.post(place, json={"name": "Orders"})
    base = answer.json()
    assert client.http.get(answer.headers["Location"]).json() == base
    assert (base["object"], base["active_version"], base["newest_version"]) == ("knowledge_base", None, 0)
    assert base["active"] is None and base["building"] is None and base["is_default"] is False
    assert base["draft"] == {"state": "clean", "serial": 0, "entries": {"api": 0, "table": 0, "document": 0}}
    assert base["settings"]["chunking"]["max_tokens"] == 512 and base["settings"]["gate"]["max_drop"] == 0.02


def test_they_are_listed_newest_first_and_walked_in_pages(client: Client, place: str) -> None:
    names = [made(client, place, name=f"walk {n}")["name"] for n in range(3)]
    first = client.http.get(place, params={"limit": 2}).json()
    assert [one["name"] for one in first["data"]] == names[:0:-1] and first["has_more"]
    rest = client.http.get(place, params={"limit": 1, "after": first["last_id"]}).json()
    assert [one["name"] for one in rest["data"]] == names[:1]


def test_a_setting_is_changed_and_the_others_stay(client: Client, place: str) -> None:
    base = made(client, place, settings={"gate": {"k": 5}, "chunking": {"max_tokens": 256, "overlap_tokens": 32}})
    where = f"{place}/{base['id']}"
    changes = {"name": "New", "settings": {"chunking": {"max_tokens": 128}, "review_required": True}}
    changed = client.http.patch(where, json=changes).json()
    assert changed["name"] == "New" and changed["settings"]["gate"]["k"] == 5
    assert changed["settings"]["chunking"] == {"max_tokens": 128, "overlap_tokens": 32, "parent_tokens": None}
    assert changed["settings"]["review_required"] is True
    assert client.http.get(where).json() == changed


@pytest.mark.parametrize(
    ("settings", "pointer"),
    [
        ({"chunking": {"max_tokens": 1}}, "/settings/chunking/max_tokens"),
        ({"chunking": {"max_tokens": 100, "overlap_tokens": 64}}, "/settings/chunking/overlap_tokens"),
        ({"keep_versions": 0}, "/settings/keep_versions"),
        ({"gate": {"max_drop": 2}}, "/settings/gate/max_drop"),
        ({"chunking": None}, "/settings/chunking"),
        ({"nonsense": 1}, "/settings/nonsense"),
        ({"embedding_model": "nobody/knows"}, "/settings/embedding_model"),
        ({"embedding_model": "anthropic/claude"}, "/settings/embedding_model"),
        ({"embedding_model": "xai/grok"}, "/settings/embedding_model"),
    ],
)
@pytest.mark.parametrize("change", [False, True])
def test_settings_that_cannot_be_used_are_refused_where_they_stand(
    client: Client, place: str, settings: Json, pointer: str, change: bool
) -> None:
    if change:
        base = made(client, place)
        answer = client.http.patch(f"{place}/{base['id']}", json={"settings": settings})
        assert client.http.get(f"{place}/{base['id']}").json()["settings"] == base["settings"]
    else:
        answer = client.http.post(place, json={"name": "refused", "settings": settings})
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == pointer, answer.text


def test_a_change_that_does_not_fit_what_is_there_is_refused(client: Client, place: str) -> None:
    base = made(client, place)
    answer = client.http.patch(f"{place}/{base['id']}", json={"settings": {"chunking": {"max_tokens": 64}}})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/settings/chunking/overlap_tokens"


def test_a_knowledge_base_may_do_without_vectors(client: Client, place: str) -> None:
    assert made(client, place, settings={"embedding_model": None})["settings"]["embedding_model"] is None


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": "x" * 201}, {"name": 7}, {"name": "x", "more": 1}])
def test_a_knowledge_base_needs_a_name_and_nothing_unknown(client: Client, place: str, body: Json) -> None:
    assert client.http.post(place, json=body).status_code == 422


def test_the_projects_own_is_made_when_it_is_asked_for_and_found_at_both_addresses(
    stranger: Client, client: Client, place: str
) -> None:
    project = stranger.http.get("/v1/projects").json()["data"][0]["id"]
    own = f"/v1/projects/{project}/kb"
    base = stranger.http.get(own).json()
    assert base["is_default"] is True and stranger.http.get(own).json() == base
    assert stranger.http.get(f"/v1/projects/{project}/knowledge_bases/{base['id']}").json() == base
    assert stranger.http.patch(own, json={"name": "Ours"}).json()["name"] == "Ours"
    assert client.http.get(own).status_code == 404
    assert client.http.get(f"{place}/{base['id']}").status_code == 404


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_what_is_not_there_is_not_found(client: Client, place: str, method: str) -> None:
    body: dict[str, Any] = {"json": {}} if method == "PATCH" else {}
    for unknown in (f"kb_{uuid4().hex}", "kb_1", "nonsense"):
        assert client.http.request(method, f"{place}/{unknown}", **body).status_code == 404


def test_a_deleted_one_is_gone_at_once_and_deleting_it_again_is_not_found(client: Client, place: str) -> None:
    base = made(client, place)
    where = f"{place}/{base['id']}"
    client.http.post(f"{where}/documents", json={"title": "a", "text": "b"})
    was = client.http.delete(where).json()
    assert was["id"] == base["id"] and was["draft"]["entries"]["document"] == 1
    assert {client.http.get(f"{where}{rule}").status_code for rule in ("", "/documents", "/versions")} == {404}
    assert client.http.delete(where).status_code == 404
    assert base["id"] not in [one["id"] for one in client.http.get(place, params={"limit": 100}).json()["data"]]


def test_a_key_needs_the_scope(client: Client, system: System, place: str) -> None:
    key = client.http.post("/v1/api_keys", json={"name": "reader", "scopes": ["kb:read"]}).json()["key"]
    base = made(client, place)
    with Client(system.url, key) as reader:
        assert reader.http.get(f"{place}/{base['id']}").status_code == 200
        for method, rule in (("POST", "/submit"), ("POST", "/review"), ("POST", "/discard-draft"), ("DELETE", "")):
            body = {"decision": "approve"} if rule == "/review" else {}
            answer = reader.http.request(method, f"{place}/{base['id']}{rule}", json=body if method == "POST" else None)
            assert answer.status_code == 403, answer.text
