"""Events from outside become jobs, once: believed by their signature alone, whatever else goes wrong."""

import json
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings, strategies

from infra.dev.system import System
from tests.client import Client
from tests.fakes.senders import SIGN, TIMED, body_of
from tests.workers.hooks.conftest import EVENT, MakeSender, Sender, problem

Json = dict[str, Any]


@pytest.mark.parametrize("scheme", SIGN)
def test_a_signed_event_starts_a_job_with_its_values_and_the_same_event_again_starts_none(
    sender: MakeSender, tenant: Client, scheme: str
) -> None:
    one = sender(scheme)
    event = {"id": uuid4().hex, **EVENT}
    answer = one.send(event, event_id="the-same", kind="pull_request")
    received = answer.json()
    assert answer.status_code == 202 and received.keys() == {"object", "id", "status", "job_id"}, received
    assert (received["object"], received["status"]) == ("inbox_message", "submitted")
    job = tenant.wait(received["job_id"])
    message = one.message(answer)
    kind = {"shop": "orders/create"}.get(scheme, "pull_request")
    expected = f'Review Ärger {{{{ /x }}}} of ["bug"] ({kind}, {message["external_id"]})'
    assert job["status"] == "succeeded" and job["input"]["messages"][0]["content"] == expected
    assert job["metadata"] == {"hook_id": one.hook["id"], "external_id": message["external_id"]}
    assert job["request_id"] == answer.headers["X-Request-Id"]
    by_bytes = f"sha256:{sha256(body_of(event)).hexdigest()}"
    others = {"standard_webhooks": "the-same", "github": "the-same", "named": "the-same", "shop": by_bytes}
    assert message["external_id"] == others.get(scheme, event["id"])
    assert (message["event_type"], message["body"], message["job_id"]) == (kind, event, job["id"])
    again = one.send(event, event_id="the-same", kind="pull_request")
    assert again.status_code == 200 and again.json() == received
    assert len(one.messages()) == len(one.jobs()) == 1
    assert tenant.http.get(one.address).json()["last_received_at"] == message["created_at"]


@pytest.mark.parametrize("scheme", SIGN)
def test_what_is_not_signed_as_it_should_be_is_refused_and_leaves_nothing(sender: MakeSender, scheme: str) -> None:
    one, other = sender(scheme), sender(scheme)
    assert problem(one.send(secret=other.secret)) == (401, "invalid_signature")
    assert problem(one.http.post(one.address, json=EVENT)) == (401, "invalid_signature")
    body = body_of(EVENT)
    tampered = one.http.post(one.address, content=body + b" ", headers=SIGN[scheme](one.secret, body))
    assert problem(tampered) == (401, "invalid_signature")
    if scheme in TIMED:
        assert problem(one.send(age=400)) == (401, "signature_expired")
        assert problem(one.send(age=-400)) == (401, "signature_expired")
    assert one.messages() == one.jobs() == []


@pytest.mark.parametrize("scheme", SIGN)
def test_after_a_rotation_both_secrets_are_believed_until_the_old_one_is_not(sender: MakeSender, scheme: str) -> None:
    one = sender(scheme)
    rotated = one.client.http.post(f"{one.address}/rotate_secret").json()
    assert rotated["secret"] != one.secret and rotated["old_secret_until"] is not None
    assert one.send({"id": "1"}, secret=rotated["secret"]).status_code == 202
    assert one.send({"id": "2"}).status_code == 202
    again = one.client.http.post(f"{one.address}/rotate_secret", json={"overlap_s": 0}).json()
    assert again["old_secret_until"] is None
    for old in (one.secret, rotated["secret"]):
        assert problem(one.send({"id": "3"}, secret=old)) == (401, "invalid_signature")
    given = one.client.http.post(f"{one.address}/rotate_secret", json={"secret": one.secret}).json()
    assert given["secret"] == one.secret and one.send({"id": "4"}).status_code == 202


def test_many_copies_of_one_event_at_the_same_time_start_one_job(sender: MakeSender) -> None:
    one = sender("github")
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: one.send(event_id="one and only"), range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [202]
    assert len({answer.content for answer in answers}) == 1
    assert len(one.messages()) == len(one.jobs()) == 1


def test_events_are_told_apart_by_their_id_or_else_by_their_bytes(sender: MakeSender) -> None:
    plain = sender("plain")
    for event, status in (
        ({"id": 7, "title": "a", "labels": 0}, 202),
        ({"id": 7, "title": "b", "labels": 0}, 200),
        ({"id": "7", "title": "c", "labels": 0}, 200),
        ({"id": 8, "title": "a", "labels": 0}, 202),
        ({"id": None, "title": "a", "labels": 0}, 202),
        ({"id": None, "title": "a", "labels": 0}, 200),
        ({"id": {"not": "an id"}, "title": "a", "labels": 0}, 202),
        ({"id": "x" * 300, "title": "a", "labels": 0}, 202),
        ({"id": "x" * 300, "title": "b", "labels": 0}, 200),
        ({"id": "x" * 301, "title": "a", "labels": 0}, 202),
    ):
        assert plain.send(event).status_code == status, event
    found = {message["external_id"].partition(":")[0] for message in plain.messages()}
    assert found == {"7", "8", "sha256"}
    named = sender("named")
    assert [named.send(event_id=one).status_code for one in ("a", "a", "b")] == [202, 200, 202]
    shop = sender("shop")
    assert [shop.send({**EVENT, "id": 7, "n": n}).status_code for n in (1, 1, 2)] == [202, 200, 202]
    other = sender("plain")
    assert other.send({"id": 7, "title": "a", "labels": 0}).status_code == 202


@pytest.mark.parametrize("scheme", ["named", "shop", "slack", "plain"])
def test_a_request_that_somebody_got_hold_of_starts_no_second_job_under_another_id(
    sender: MakeSender, scheme: str
) -> None:
    one = sender(scheme)
    body = body_of(EVENT)
    signed = SIGN[scheme](one.secret, body)
    assert one.http.post(one.address, content=body, headers=signed).status_code == 202
    again = {**signed, "X-Event-Id": "another", "X-Shopify-Event-Id": "another", "webhook-id": "another"}
    assert one.http.post(one.address, content=body, headers=again).status_code in (200, 401)
    assert len(one.jobs()) == 1


def test_types_that_the_hook_does_not_want_are_acknowledged_and_forgotten(sender: MakeSender) -> None:
    one = sender("stripe", event_types=["invoice.paid", "customer.*"])
    for kind, status in (
        ("invoice.paid", 202),
        ("invoice.paid.late", 200),
        ("customer.created", 202),
        ("customer", 200),
        (None, 200),
    ):
        answer = one.send({**EVENT, "id": f"evt_{kind}", "type": kind})
        assert answer.status_code == status
        if status == 200:
            assert answer.json() == {"object": "inbox_message", "id": None, "status": "ignored", "job_id": None}
    assert len(one.messages()) == 2
    github = sender("github")
    assert github.send(kind="ping").json()["status"] == "ignored" and github.messages() == []


def test_github_may_send_a_form(sender: MakeSender) -> None:
    one = sender("github")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = one.send(urlencode({"payload": json.dumps(EVENT)}).encode(), headers=form)
    assert answer.status_code == 202 and one.message(answer)["body"] == EVENT
    for body in (b"", b"payload", b"other=1", b"payload=%7B%7D&payload=%7B%7D", b"payload=%FF", b"\xff", b"a=1&" * 50):
        assert one.send(body, headers=form).status_code in (400, 415)
    assert problem(sender("plain").send(b"payload=%7B%7D", headers=form)) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"<xml/>", "application/xml", (415, "unsupported_media_type")),
        (b"{}", "text/plain", (415, "unsupported_media_type")),
        (b"", "application/json", (400, "malformed_json")),
        (b"{", "application/json", (400, "malformed_json")),
        (b'{"a": NaN}', "application/json", (400, "malformed_json")),
        (b'{"a": "\xff"}', "application/json", (400, "malformed_json")),
        (b'{"a": "\\ud800"}', "application/json", (400, "malformed_json")),
        (b"[" * 5000 + b"]" * 5000, "application/json", (400, "malformed_json")),
        (b"[" * 500 + b"]" * 500, "application/json", (422, "invalid_input")),
        (b'"' + b"x" * 1024 * 1024 + b'"', "application/json", (413, "body_too_large")),
    ],
)
def test_a_body_that_cannot_be_used_is_refused_although_it_is_signed(
    sender: MakeSender, body: bytes, content_type: str, expected: tuple[int, str]
) -> None:
    one = sender("plain")
    assert problem(one.send(body, headers={"Content-Type": content_type})) == expected
    assert one.messages() == []


def test_any_json_is_an_event_and_a_nul_in_it_does_no_harm(sender: MakeSender) -> None:
    plain = {"model": "sandbox/instant", "messages": [{"role": "user", "content": "{{ @body }}!"}]}
    one = sender("plain", input=plain)
    for body in (b"[1,2]", b'"text"', b"null", b"7", b'{"id":"a\\u0000b","type":"t\\u0000","x":"\\u0000"}'):
        answer = one.send(body)
        assert (answer.status_code, answer.json()["status"]) == (202, "submitted"), body
    newest = one.messages()[0]
    assert (newest["external_id"], newest["event_type"]) == ("a\ufffdb", "t\ufffd")


ANY_JSON = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers() | strategies.floats() | strategies.text(),
    lambda inner: strategies.lists(inner) | strategies.dictionaries(strategies.text(), inner),
    max_leaves=8,
)


@settings(max_examples=30, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(
    body=ANY_JSON.map(json.dumps).map(str.encode) | strategies.binary(max_size=100),
    content=strategies.text(max_size=30) | strategies.sampled_from(["{{ @body }}", "{{ /id }}", "a {{ /type }} b"]),
)
def test_whatever_is_signed_gets_a_promised_answer(fuzzed: Sender, body: bytes, content: str) -> None:
    template = {"model": "sandbox/instant", "messages": [{"role": "user", "content": content}]}
    assert fuzzed.client.http.patch(fuzzed.address, json={"input": template}).status_code in (200, 422)
    answer = fuzzed.send(body)
    assert answer.status_code in (200, 202, 400, 422), (answer.text, body)


@pytest.fixture(scope="module")
def fuzzed(sender: MakeSender) -> Sender:
    return sender("plain")


def test_headers_are_values_too(sender: MakeSender, tenant: Client) -> None:
    content = "{{ @header:X-GitHub-Event }} from {{ @header:x-github-hook-id ?? nowhere }}"
    one = sender("github", input={"model": "sandbox/instant", "messages": [{"role": "user", "content": content}]})
    answer = one.send(headers={"X-GitHub-Hook-ID": "292"})
    job = tenant.http.get(f"/v1/jobs/{answer.json()['job_id']}").json()
    assert job["input"]["messages"][0]["content"] == "push from 292"


def test_an_event_that_cannot_become_a_job_says_why_and_can_be_tried_again(sender: MakeSender, tenant: Client) -> None:
    one = sender("plain")
    answer = one.send({"id": "1", "title": "only"})
    assert answer.status_code == 202 and answer.json()["status"] == "failed" and answer.json()["job_id"] is None
    message = one.message(answer)
    assert message["error"]["code"] == "invalid_input" and "/labels" in message["error"]["message"]
    assert message["error"]["errors"][0]["pointer"] == "/input/messages/0/content" and one.jobs() == []
    assert one.send({"id": "1", "title": "only"}).json() == answer.json()
    retry = f"/v1/inbox_messages/{message['id']}/retry"
    assert tenant.http.post(retry).json()["status"] == "failed"
    one.change(input={"model": "sandbox/instant", "messages": "{{ /title }}"})
    still = tenant.http.post(retry).json()
    assert still["status"] == "failed" and still["error"]["errors"][0]["pointer"] == "/input/messages"
    one.change(input={"model": "sandbox/instant", "messages": [{"role": "user", "content": "{{ /title }}"}]})
    done = tenant.http.post(retry).json()
    assert (done["status"], done["error"], done["body"]) == ("submitted", None, {"id": "1", "title": "only"})
    assert tenant.wait(done["job_id"])["input"]["messages"][0]["content"] == "only"
    assert problem(tenant.http.post(retry)) == (409, "conflict")
    assert len(one.jobs()) == 1


def test_of_a_private_job_the_inbox_keeps_no_event(sender: MakeSender, system: System) -> None:
    for store in ("hashes", "none"):
        one = sender("plain", store=store)
        message = one.message(one.send({**EVENT, "secret": "do not keep"}))
        assert (message["status"], message["body"]) == ("submitted", None)
        failed = one.message(one.send({"id": "not enough"}))
        assert (failed["status"], failed["body"], failed["error"]["code"]) == ("failed", None, "invalid_input")
        retry = one.client.http.post(f"/v1/inbox_messages/{failed['id']}/retry")
        assert problem(retry) == (409, "not_stored")


def test_of_a_private_hook_the_inbox_forgets_what_waited_when_it_is_deleted(sender: MakeSender) -> None:
    for store, kept in (("none", None), ("full", EVENT)):
        one = sender("plain", store=store)
        one.do("pause")
        answer = one.send()
        assert (answer.json()["status"], one.message(answer)["body"]) == ("received", EVENT)
        assert one.client.http.delete(one.address).status_code == 200
        message = one.message(answer)
        assert (message["status"], message["body"]) == ("failed", kept)


def test_the_error_of_a_private_hooks_message_quotes_nothing_of_its_event(sender: MakeSender) -> None:
    content = [{"role": "user", "content": "hello"}]
    for store in ("full", "none"):
        one = sender("plain", store=store, input={"model": "{{ /title }}", "messages": content})
        message = one.message(one.send({"title": "do-not-keep/x"}))
        assert message["status"] == "failed"
        assert ("do-not-keep" in json.dumps(message)) == (store == "full"), message


def test_a_hook_of_nobody_is_not_found_and_other_methods_ask_for_a_key(system: System) -> None:
    with Client(system.url, None) as nobody:
        for name, code in (("hook_" + "0" * 32, "not_found"), ("hook_1", "malformed_id"), ("job_1", "malformed_id")):
            assert problem(nobody.http.post(f"/v1/hooks/{name}", json={})) == (404, code)
        assert problem(nobody.http.get("/v1/hooks/hook_1")) == (401, "unauthenticated")
        large = nobody.http.post("/v1/hooks/hook_" + "0" * 32, content=b"x" * (1024 * 1024 + 1))
        assert problem(large) == (413, "body_too_large")
