"""Hooks over HTTP: made, shown, changed, paused, given another secret, deleted, and refused."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg2
import pytest

from infra.dev.system import System
from infra.ids import parse
from tests.client import Client
from tests.conftest import another_project
from tests.fakes.senders import HOOKS, SIGN, body_of

Json = dict[str, Any]
GOOD: Json = {
    "name": "Pull requests",
    "scheme": "github",
    "event_types": ["pull_request", "check_*"],
    "kind": "completion",
    "input": {
        "model": "sandbox/instant",
        "messages": [{"role": "user", "content": "Review {{ /pull_request/title }}"}],
    },
}
PLAIN: Json = {**GOOD, **HOOKS["plain"], "event_types": ["*"]}
NOBODY = "hook_" + "0" * 32
NO_MESSAGE = "inmsg_" + "0" * 32


def make(client: Client, **changed: Any) -> Json:
    answer = client.http.post("/v1/hooks", json={**GOOD, **changed})
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    assert answer.headers["Location"] == f"/v1/hooks/{found['id']}"
    return found


@pytest.fixture
def hook(client: Client) -> Iterator[Json]:
    made = make(client)
    yield {name: value for name, value in made.items() if name != "secret"}
    client.http.delete(f"/v1/hooks/{made['id']}")


def test_a_hook_shows_its_secret_once_and_where_to_send(client: Client, system: System) -> None:
    made = make(client, concurrency_key="reviews", max_cost=0.5, store="none", callback_url=f"{system.url}/done")
    assert made["object"] == "hook" and made["url"] == f"{system.url}/v1/hooks/{made['id']}"
    assert len(made.pop("secret")) == 43
    assert {**made, **GOOD} == made and made["paused"] is False and made["scheme_options"] is None
    assert (made["max_cost"], made["store"], made["priority"], made["max_attempts"]) == ("0.5", "none", 5, None)
    assert made["callback_url"] == f"{system.url}/done" and made["last_received_at"] is made["old_secret_until"] is None
    assert client.http.get(f"/v1/hooks/{made['id']}").json() == made
    assert client.http.get("/v1/hooks", params={"limit": 1}).json()["data"] == [made]
    assert client.http.delete(f"/v1/hooks/{made['id']}").json() == made
    assert client.http.get(f"/v1/hooks/{made['id']}").status_code == 404


def test_a_secret_is_sealed_and_its_own_where_the_sender_gives_one(client: Client, system: System) -> None:
    secret = f"of my own choice {uuid4().hex}"
    hook = make(client, secret=secret)
    assert hook["secret"] == secret
    with psycopg2.connect(system.database_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM hooks WHERE id = %s", [str(parse("hook", hook["id"]))])
        (sealed,) = cursor.fetchone() or ()
    assert secret.encode() not in bytes(sealed) and len(sealed) > len(secret)
    assert secret not in client.http.get(f"/v1/hooks/{hook['id']}").text
    for name in HOOKS:
        made = make(client, **HOOKS[name], name=name)
        assert made["secret"].startswith("whsec_") == (name in ("standard_webhooks", "stripe"))
    body, address = body_of({}), f"/v1/hooks/{hook['id']}"
    answer = client.http.post(address, content=body, headers=SIGN["github"](secret, body, kind="ping"))
    assert answer.status_code == 200, answer.text


def test_plain_hmac_says_how_it_signs_and_what_is_left_out_has_a_default(client: Client) -> None:
    made = make(client, **HOOKS["plain"])
    defaults = {"algorithm": "sha256", "encoding": "hex", "prefix": "", "id_from": "id"}
    assert made["scheme_options"] == {"header": "X-Signature", **defaults}
    slack = make(client, **HOOKS["slack"])
    assert {**slack["scheme_options"], **HOOKS["slack"]["scheme_options"]} == slack["scheme_options"]
    options = {"header": "X-Other", "encoding": "base64"}
    changed = client.http.patch(f"/v1/hooks/{made['id']}", json={"scheme_options": options}).json()
    assert changed["scheme_options"] == {**made["scheme_options"], **options}


def test_hooks_are_listed_newest_first_and_page_by_page(client: Client) -> None:
    made = [make(client, name=str(number))["id"] for number in range(3)]
    first = client.http.get("/v1/hooks", params={"limit": 2}).json()
    assert [one["id"] for one in first["data"]] == made[:0:-1] and first["has_more"]
    rest = client.http.get("/v1/hooks", params={"limit": 1, "after": first["last_id"]}).json()
    assert [one["id"] for one in rest["data"]] == made[:1]


def test_a_change_keeps_what_it_does_not_name(hook: Json, client: Client) -> None:
    address = f"/v1/hooks/{hook['id']}"
    named = client.http.patch(address, json={"name": "Other", "concurrency_key": "reviews", "priority": 1}).json()
    assert named == {**hook, "name": "Other", "concurrency_key": "reviews", "priority": 1}
    assert client.http.patch(address, json={"concurrency_limit": 3}).json() == {**named, "concurrency_limit": 3}
    both = {"concurrency_limit": None, "concurrency_key": None}
    assert client.http.patch(address, json=both).json() == {**named, **both}
    assert client.http.patch(address, json={}).json() == {**named, **both}
    fixed = {"input": {"model": "sandbox/instant", "messages": [{"role": "user", "content": "\\{{ hello"}]}}
    assert client.http.patch(address, json=fixed).json() == {**named, **both, **fixed}


def test_pausing_and_resuming_twice_is_the_same(hook: Json, client: Client) -> None:
    for verb, paused in (("pause", True), ("pause", True), ("resume", False), ("resume", False)):
        answer = client.http.post(f"/v1/hooks/{hook['id']}/{verb}")
        assert answer.status_code == 200 and answer.json() == {**hook, "paused": paused}


def test_a_project_has_at_most_a_thousand_hooks(system: System) -> None:
    with Client(system.url, another_project(system)) as tenant:
        hook = make(tenant)
        copies = """
            INSERT INTO hooks (id, created_at, project_id, name, scheme, scheme_options, secret, event_types, kind,
              payload, options)
            SELECT gen_random_uuid(), now(), project_id, name, scheme, scheme_options, secret, event_types, kind,
              payload, options FROM hooks, generate_series(2, 1000) WHERE id = %s
        """
        with psycopg2.connect(system.database_url) as connection, connection.cursor() as cursor:
            cursor.execute(copies, [str(parse("hook", hook["id"]))])
        answer = tenant.http.post("/v1/hooks", json=GOOD)
    assert answer.status_code == 409 and "1000" in answer.json()["detail"]


NONSENSE: list[tuple[Json, str, str | None]] = [
    ({"name": ""}, "invalid_input", "/name"),
    ({"name": "a\0b"}, "nul_character", "/name"),
    ({"kind": "nonsense"}, "unknown_kind", "/kind"),
    ({"event_types": []}, "invalid_input", "/event_types"),
    ({"event_types": [""]}, "invalid_input", "/event_types/0"),
    ({"event_types": ["ok", "a*b"]}, "invalid_input", "/event_types/1"),
    ({"event_types": ["**"]}, "invalid_input", "/event_types/0"),
    ({"event_types": ["a b"]}, "invalid_input", "/event_types/0"),
    ({"event_types": "push"}, "invalid_input", "/event_types"),
    ({"input": {"messages": [{"role": "user", "content": "{{ /open"}]}}, "invalid_input", "/input/messages/0/content"),
    ({"input": {"messages": "{{ title }}"}}, "invalid_input", "/input/messages"),
    ({"input": {"{{ /a }}": 1}}, "invalid_input", "/input"),
    ({"input": {"messages": "{{ /messages }}", "temperature": "hot"}}, "invalid_input", "/input/temperature"),
    ({"input": {"messages": "{{ /messages }}", "colour": "red"}}, "invalid_input", "/input/colour"),
    ({"input": {"model": "sandbox/instant"}}, "invalid_input", "/input/messages"),
    ({"input": {"messages": [{"role": "user", "content": "x"}], "model": "nobody/x"}}, "model_not_found", None),
    ({"priority": 10}, "invalid_input", "/priority"),
    ({"concurrency_limit": 2}, "invalid_input", "/concurrency_limit"),
    ({"max_cost": -1}, "invalid_input", "/max_cost"),
    ({"callback_url": "file:///etc/passwd"}, "target_refused", "/callback_url"),
    ({"callback_url": "http://169.254.169.254/"}, "target_refused", "/callback_url"),
    ({"scheme_options": {"header": "X-Signature"}}, "invalid_input", "/scheme_options"),
    ({"colour": "red"}, "unknown_field", "/colour"),
]


def refused(answer: Any, code: str, pointer: str | None) -> None:
    body = answer.json()
    assert (answer.status_code, body["code"]) == (422, code), body
    said = {error["pointer"]: error["detail"] for error in body.get("errors", [])}
    assert pointer is None or said[pointer].endswith("."), body


@pytest.mark.parametrize(("changed", "code", "pointer"), NONSENSE)
def test_nonsense_is_refused_with_a_pointer_when_made_and_when_changed(
    client: Client, hook: Json, changed: Json, code: str, pointer: str | None
) -> None:
    address = f"/v1/hooks/{hook['id']}"
    refused(client.http.post("/v1/hooks", json={**GOOD, **changed}), code, pointer)
    refused(client.http.patch(address, json=changed), code, pointer)
    assert client.http.get(address).json() == hook


@pytest.mark.parametrize(
    ("options", "pointer"),
    [
        (None, "/scheme_options"),
        ({}, "/scheme_options/header"),
        ({"header": ""}, "/scheme_options/header"),
        ({"header": "X Y"}, "/scheme_options/header"),
        ({"header": "X-Signature\n"}, "/scheme_options/header"),
        ({"header": "X", "algorithm": "md5"}, "/scheme_options/algorithm"),
        ({"header": "X", "encoding": "rot13"}, "/scheme_options/encoding"),
        ({"header": "X", "signed_content": "{timestamp}"}, "/scheme_options/signed_content"),
        ({"header": "X", "signed_content": "{timestamp}{body}"}, "/scheme_options/timestamp_header"),
        ({"header": "X", "signed_content": "{id}{body}"}, "/scheme_options/id_header"),
        ({"header": "X", "id_header": "I"}, "/scheme_options/signed_content"),
        ({"header": "X", "id_header": "I", "timestamp_header": "T"}, "/scheme_options/signed_content"),
        ({"header": "X", "id_from": "nowhere"}, "/scheme_options/id_from"),
        ({"header": "X", "timestamp_header": "T", "signed_content": "{body}"}, "/scheme_options/signed_content"),
    ],
)
def test_options_that_verify_nothing_are_refused(client: Client, options: Json | None, pointer: str) -> None:
    body = {**PLAIN, "scheme_options": options}
    refused(client.http.post("/v1/hooks", json=body), "invalid_input", pointer)


@pytest.mark.parametrize(
    ("scheme", "secret"),
    [
        ("github", "short"),
        ("github", "x" * 15),
        ("github", "two\nlines and long enough"),
        ("github", " with spaces around it "),
        ("plain", "x" * 15),
        ("plain", "x" * 1025),
        ("stripe", "sk_test_not_the_signing_secret"),
        ("stripe", "whsec_short"),
        ("standard_webhooks", "whsec_"),
        ("standard_webhooks", "whsec_dG9vIHNob3J0"),
        ("standard_webhooks", "whsec_not base64 at all, but long enough for it"),
        ("standard_webhooks", "whsec_" + "QUFB" * 22),
    ],
)
def test_a_weak_or_foreign_secret_is_refused_when_made_and_when_rotated(
    client: Client, scheme: str, secret: str
) -> None:
    body = {**GOOD, **HOOKS[scheme]}
    refused(client.http.post("/v1/hooks", json={**body, "secret": secret}), "invalid_input", "/secret")
    made = client.http.post("/v1/hooks", json=body).json()
    rotate = f"/v1/hooks/{made['id']}/rotate_secret"
    refused(client.http.post(rotate, json={"secret": secret}), "invalid_input", "/secret")
    refused(client.http.post(rotate, json={"secret": made["secret"]}), "invalid_input", "/secret")
    refused(client.http.post(rotate, json={"overlap_s": 10**6}), "invalid_input", "/overlap_s")


def test_what_a_hook_needs_is_asked_for_and_its_scheme_never_changes(client: Client, hook: Json) -> None:
    answer = client.http.post("/v1/hooks", json={})
    assert {error["pointer"] for error in answer.json()["errors"]} == {"/name", "/scheme", "/kind", "/input"}
    refused(client.http.post("/v1/hooks", json={**GOOD, "scheme": "none"}), "invalid_input", "/scheme")
    refused(client.http.patch(f"/v1/hooks/{hook['id']}", json={"scheme": "stripe"}), "unknown_field", "/scheme")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/pause"),
        ("POST", "/resume"),
        ("POST", "/rotate_secret"),
        ("GET", "/messages"),
    ],
)
def test_a_hook_of_another_project_or_of_nobody_does_not_exist(
    hook: Json, client: Client, stranger: Client, method: str, path: str
) -> None:
    body: Json = {"json": {}} if method == "PATCH" else {}
    for who, name, code in (
        (stranger, hook["id"], "not_found"),
        (client, NOBODY, "not_found"),
        (client, "hook_1", "malformed_id"),
    ):
        answer = who.http.request(method, f"/v1/hooks/{name}{path}", **body)
        assert (answer.status_code, answer.json()["code"]) == (404, code)
    assert stranger.http.get("/v1/hooks").json()["data"] == []
    project = {**GOOD, "project_id": hook["project_id"]}
    assert stranger.http.post("/v1/hooks", json=project).status_code == 404
    assert client.http.get(f"/v1/hooks/{hook['id']}").json() == hook


def test_a_message_of_another_project_or_of_nobody_does_not_exist(client: Client, stranger: Client) -> None:
    made = make(client, **HOOKS["plain"], event_types=["*"])
    body = body_of({})
    headers = SIGN["plain"](made["secret"], body)
    message = client.http.post(f"/v1/hooks/{made['id']}", content=body, headers=headers).json()
    for who, name, code in (
        (stranger, message["id"], "not_found"),
        (client, NO_MESSAGE, "not_found"),
        (client, "inmsg_1", "malformed_id"),
    ):
        for method, path in (("GET", ""), ("POST", "/retry")):
            answer = who.http.request(method, f"/v1/inbox_messages/{name}{path}")
            assert (answer.status_code, answer.json()["code"]) == (404, code)


def test_a_key_that_may_only_read_hooks_only_sees_them(hook: Json, client: Client, system: System) -> None:
    made = client.http.post("/v1/api_keys", json={"name": "reader", "scopes": ["hooks:read"]}).json()
    with Client(system.url, made["key"]) as reader:
        assert reader.http.get(f"/v1/hooks/{hook['id']}").json() == hook
        assert reader.http.get(f"/v1/hooks/{hook['id']}/messages").json()["data"] == []
        assert reader.http.post(f"/v1/hooks/{hook['id']}/rotate_secret").status_code == 403
        assert reader.http.post(f"/v1/inbox_messages/{NO_MESSAGE}/retry").status_code == 403
        assert reader.http.delete(f"/v1/hooks/{hook['id']}").status_code == 403
