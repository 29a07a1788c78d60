"""Entries over HTTP: the draft is edited, the active version is read."""

from typing import Any
from uuid import uuid4

import pytest

from tests.client import Client

Json = dict[str, Any]
ORDER: Json = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "next": {"$ref": "#/components/schemas/Order"}},
}
OPERATION: Json = {
    "summary": "Get an order",
    "tags": ["orders"],
    "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
    "responses": {
        "200": {
            "description": "The order.",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}},
        }
    },
}
API: Json = {"method": "GET", "path": "/orders/{id}", "operation": OPERATION, "schemas": {"Order": ORDER}}
TABLE: Json = {
    "name": "orders",
    "schema": "shop",
    "columns": [{"name": "id", "type": "bigint", "nullable": False}, {"name": "customer_id", "type": "bigint"}],
    "primary_key": ["id"],
    "foreign_keys": [{"columns": ["customer_id"], "table": "shop.customers", "references": ["id"]}],
    "comment": "What customers bought.",
}
DOCUMENT: Json = {"title": "Refunds", "text": "# Refunds\n\nMoney goes back within five days.", "tags": ["money"]}


class Base:
    """A knowledge base and its address."""

    def __init__(self, client: Client) -> None:
        self.http = client.http
        project = self.http.get("/v1/projects").json()["data"][0]["id"]
        bases = f"/v1/projects/{project}/knowledge_bases"
        self.at = f"{bases}/{self.http.post(bases, json={'name': 'test'}).json()['id']}"

    def post(self, rule: str, body: Json | None = None, status: int = 201) -> Json:
        answer = self.http.post(self.at + rule, json=body or {})
        assert answer.status_code == status, answer.text
        found: Json = answer.json()
        return found

    def get(self, rule: str = "", status: int = 200, **query: Any) -> Json:
        answer = self.http.get(self.at + rule, params=query)
        assert answer.status_code == status, answer.text
        found: Json = answer.json()
        return found

    def patch(self, rule: str, body: Json, status: int = 200) -> Json:
        answer = self.http.patch(self.at + rule, json=body)
        assert answer.status_code == status, answer.text
        found: Json = answer.json()
        return found

    def titles(self, rule: str, **query: Any) -> list[str]:
        return sorted(one["title"] for one in self.get(rule, **query)["data"])


@pytest.fixture
def base(client: Client) -> Base:
    return Base(client)


@pytest.mark.parametrize(
    ("collection", "body", "prefix", "key"),
    [
        ("apis", API, "api_", "GET /orders/{}"),
        ("tables", TABLE, "table_", "shop.orders"),
        ("documents", DOCUMENT, "doc_", "Refunds"),
    ],
)
def test_an_entry_is_made_read_listed_and_removed(
    base: Base, collection: str, body: Json, prefix: str, key: str
) -> None:
    one = base.post(f"/{collection}", body)
    assert one["id"].startswith(prefix) and (one["key"], one["change"]) == (key, "added")
    for place in (f"/{collection}", f"/draft/{collection}"):
        assert base.get(f"{place}/{one['id']}") == one
        (listed,) = base.get(place)["data"]
        assert listed == {name: value for name, value in one.items() if name not in ("text", "content", "origin")}
    assert base.http.delete(f"{base.at}/{collection}/{one['id']}").json() == one
    assert base.get(f"/{collection}")["data"] == []
    assert base.http.delete(f"{base.at}/{collection}/{one['id']}").status_code == 404
    assert base.post(f"/{collection}", body)["id"] == one["id"], "what comes back is what it was"


def test_the_draft_is_edited_below_draft_as_well(base: Base) -> None:
    one = base.post("/draft/documents", DOCUMENT)
    assert base.patch(f"/draft/documents/{one['id']}", {"tags": ["a"]})["tags"] == ["a"]
    assert base.http.delete(f"{base.at}/draft/documents/{one['id']}").status_code == 200


def test_an_operation_says_what_an_upload_would_say_and_compiles_alone(base: Base) -> None:
    one = base.post("/apis", API)
    assert one["title"] == "GET /orders/{id}: Get an order" and "## Parameters" in one["text"]
    assert one["tags"] == ["orders"] and one["metadata"]["method"] == "GET"
    assert one["content"]["responses"]["200"]["content"]["application/json"]["schema"] == {"$ref": "#/$defs/Order"}
    assert one["content"]["$defs"]["Order"]["properties"]["next"] == {"$ref": "#/$defs/Order"}


def test_another_operation_keeps_the_schemas_it_still_needs(base: Base) -> None:
    one = base.post("/apis", {**API, "metadata": {"team": "shop"}})
    changed = base.patch(f"/apis/{one['id']}", {"operation": {**OPERATION, "summary": "Fetch an order"}})
    assert changed["title"] == "GET /orders/{id}: Fetch an order" and "Fetch" in changed["text"]
    assert changed["content"]["$defs"] == one["content"]["$defs"]
    assert changed["metadata"] == one["metadata"] and changed["metadata"]["team"] == "shop"
    assert changed["revision_id"] != one["revision_id"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"method": "FETCH"}, "/method"),
        ({"path": "orders"}, "/path"),
        ({"operation": 7}, "/operation"),
        ({"operation": {"responses": 7}}, "/operation/responses"),
        ({"schemas": {"Order": 7}}, "/schemas/Order"),
        ({"schemas": {}}, "/operation/responses/200/content/application~1json/schema/$ref"),
        ({"tags": "orders"}, "/tags"),
        ({"metadata": {"a": []}}, "/metadata/a"),
        ({"nonsense": 1}, "/nonsense"),
    ],
)
def test_an_operation_that_is_none_is_refused_where_it_is_wrong(base: Base, change: Json, pointer: str) -> None:
    answer = base.http.post(f"{base.at}/apis", json={**API, **change})
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == pointer, answer.text
    assert base.get("/apis")["data"] == []


def test_an_operation_nested_beyond_reason_is_refused(base: Base) -> None:
    deep = b'{"a":' * 900 + b"1" + b"}" * 900
    body = b'{"method":"GET","path":"/a","operation":{},"schemas":{"A":' + deep + b"}}"
    answer = base.http.post(f"{base.at}/apis", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422, answer.text


def test_an_operation_never_refers_to_another_host(base: Base) -> None:
    outside = {"parameters": [{"$ref": "http://169.254.169.254/latest"}]}
    answer = base.http.post(f"{base.at}/apis", json={**API, "operation": outside})
    assert answer.status_code == 422, answer.text


def test_a_table_is_described_for_searching(base: Base) -> None:
    one = base.post("/tables", TABLE)
    assert "customer_id" in one["text"] and "What customers bought." in one["text"]
    more = [*TABLE["columns"], {"name": "total", "type": "numeric(10,2)"}]
    changed = base.patch(f"/tables/{one['id']}", {"columns": more})
    assert "total" in changed["text"] and changed["content"]["primary_key"] == ["id"]
    assert changed["content"]["comment"] == "What customers bought."


@pytest.mark.parametrize(
    "change",
    [{"columns": []}, {"columns": [{"name": "id"}]}, {"name": ""}, {"primary_key": "id"}, {"primary_key": ["nowhere"]}],
)
def test_a_table_that_is_none_is_refused(base: Base, change: Json) -> None:
    assert base.http.post(f"{base.at}/tables", json={**TABLE, **change}).status_code == 422


@pytest.mark.parametrize(
    "change",
    [
        {"text": ""},
        {"title": ""},
        {"title": "x" * 10_000},
        {"key": "x" * 10_000},
        {"source": "x" * 101},
        {"text": "x" * 2_000_001},
        {"text": "a\u0000b"},
        {"tags": ["x"] * 51},
        {"metadata": {"a": None}},
        {"metadata": {"a" * 65: "b"}},
        {"method": "GET"},
    ],
)
def test_a_document_that_cannot_be_kept_is_refused(base: Base, change: Json) -> None:
    answer = base.http.post(f"{base.at}/documents", json={**DOCUMENT, **change})
    assert answer.status_code == 422, answer.text
    assert base.get("/documents")["data"] == []


def test_keys_are_unique_within_their_source(base: Base) -> None:
    one = base.post("/documents", DOCUMENT)
    taken = base.http.post(f"{base.at}/documents", json={**DOCUMENT, "text": "other"})
    assert taken.status_code == 409 and one["id"] in taken.json()["detail"]
    base.post("/documents", {**DOCUMENT, "key": "another"})
    base.post("/documents", {**DOCUMENT, "source": "elsewhere"})
    assert len(base.get("/documents")["data"]) == 3


def test_a_change_is_a_new_revision_and_the_same_again_is_none(base: Base) -> None:
    one = base.post("/documents", DOCUMENT)
    where = f"/documents/{one['id']}"
    serial = base.get("/draft")["serial"]
    assert base.patch(where, {}) == one == base.patch(where, {"text": DOCUMENT["text"], "tags": ["money"]})
    assert base.get("/draft")["serial"] == serial
    changed = base.patch(where, {"text": "other", "metadata": {"year": 2026, "final": True}})
    assert changed["revision_id"] != one["revision_id"] and changed["metadata"] == {"year": 2026, "final": True}
    back = base.patch(where, {"text": DOCUMENT["text"], "metadata": {}})
    assert back["revision_id"] == one["revision_id"]
    history = base.get(f"{where}/revisions")["data"]
    assert [(one["title"], one["in_draft"]) for one in history] == [("Refunds", False), ("Refunds", True)]


def test_a_change_of_what_somebody_else_changed_meanwhile_is_refused(base: Base) -> None:
    one = base.post("/documents", DOCUMENT)
    where, read = f"/documents/{one['id']}", one["revision_id"]
    theirs = base.patch(where, {"text": "theirs", "expected_revision": read})
    assert base.patch(where, {"text": "mine", "expected_revision": read}, status=409)["code"] == "conflict"
    gone = base.http.delete(f"{base.at}{where}", params={"expected_revision": read})
    assert gone.status_code == 409 and base.get(where) == theirs
    late = base.http.delete(f"{base.at}{where}", params={"expected_revision": theirs["revision_id"]})
    assert late.status_code == 200


def test_lists_are_filtered_by_source_tag_and_title_and_walked_in_pages(base: Base) -> None:
    for n, (title, tag) in enumerate([("Alpha 100%", "a"), ("beta", "a"), ("Gamma", "b"), ("alphabet", "b")]):
        base.post("/documents", {"title": title, "text": "x", "tags": [tag], "source": f"s{n % 2}"})
    assert base.titles("/documents", q="ALPHA") == ["Alpha 100%", "alphabet"]
    assert base.titles("/documents", q="100%") == ["Alpha 100%"] and base.titles("/documents", q="%") == ["Alpha 100%"]
    assert base.titles("/documents", tag="b", source="s1") == ["alphabet"]
    assert base.titles("/documents", change="added", tag="a") == ["Alpha 100%", "beta"]
    assert base.titles("/documents", change="removed") == base.titles("/documents", change="unchanged") == []
    first = base.get("/documents", limit=3, order="asc")
    rest = base.get("/documents", limit=3, order="asc", after=first["last_id"])
    assert len(first["data"]) == 3 and first["has_more"] and not rest["has_more"]
    assert [one["title"] for one in rest["data"]] == ["alphabet"]


def test_ids_of_another_kind_and_of_nobody_are_not_found(base: Base, stranger: Client) -> None:
    one = base.post("/documents", DOCUMENT)
    for where in (f"/apis/{one['id']}", f"/documents/doc_{uuid4().hex}", "/documents/doc_1", "/pictures/doc_1"):
        assert base.http.get(base.at + where).status_code == 404
    assert stranger.http.get(f"{base.at}/documents/{one['id']}").status_code == 404
    assert stranger.http.patch(f"{base.at}/documents/{one['id']}", json={}).status_code == 404
    assert base.get("/documents", after="doc_1", status=422)["code"] == "invalid_parameter"


def test_before_a_version_is_active_there_is_nothing_active_to_read(base: Base) -> None:
    one = base.post("/documents", DOCUMENT)
    for rule in ("/active/documents", f"/active/documents/{one['id']}"):
        assert base.get(rule, status=409)["code"] == "kb_not_built"


def test_the_draft_says_how_it_differs_field_by_field_in_words_and_figures(base: Base) -> None:
    base.post("/documents", DOCUMENT)
    base.post("/apis", API)
    draft = base.get("/draft")
    assert (draft["state"], draft["active_version"], draft["review"]) == ("changed", None, None)
    assert draft["changes"]["document"] == {"added": 1, "changed": 0, "removed": 0, "unchanged": 0}
    found = base.get("/draft/diff")["data"]
    assert {(one["type"], one["change"], one["before"]) for one in found} == {
        ("document", "added", None),
        ("api", "added", None),
    }
    assert [one["type"] for one in base.get("/draft/diff", type="api", change="added")["data"]] == ["api"]
    assert base.get("/draft/diff", change="removed")["data"] == []
    assert base.get("/draft/diff", against=7, status=404)["code"] == "not_found"


def test_without_an_active_version_a_discarded_draft_is_empty(base: Base) -> None:
    base.post("/documents", DOCUMENT)
    draft = base.post("/discard-draft", status=200)
    assert draft["state"] == "clean" and base.get("/documents")["data"] == []
