"""What a client can do wrong, and the sentence, code and pointer it gets for it."""

import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

from infra.dev.system import System
from tests.client import HELLO, Client

Json = dict[str, Any]
GOOD: Json = {"kind": "completion", "input": {"model": "sandbox/instant", "messages": HELLO}}
NOBODY = "job_" + "0" * 32


def problem(answer: Any, status: int, code: str) -> Json:
    body: Json = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (answer.status_code, body["code"], body["status"]) == (status, code, status), answer.text
    assert body["type"] and body["title"] and body["detail"]
    assert body["request_id"] == answer.headers["X-Request-Id"]
    return body


def completion(**changed: Any) -> Json:
    return {**GOOD, "input": {**GOOD["input"], **changed}}


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({**GOOD, "kind": "nonsense"}, "unknown_kind", "/kind"),
        ({**GOOD, "colour": "red"}, "unknown_field", "/colour"),
        ({**GOOD, "priority": 11}, "invalid_input", "/priority"),
        ({**GOOD, "priority": "high"}, "invalid_input", "/priority"),
        ({**GOOD, "priority": True}, "invalid_input", "/priority"),
        ({**GOOD, "run_at": "2001-01-01T00:00:00Z"}, "invalid_input", "/run_at"),
        ({**GOOD, "run_at": "2999-01-01T00:00:00"}, "invalid_input", "/run_at"),
        ({**GOOD, "deadline_s": 0}, "invalid_input", "/deadline_s"),
        ({**GOOD, "metadata": {str(n): "x" for n in range(17)}}, "invalid_input", "/metadata"),
        ({**GOOD, "metadata": {"a": 1}}, "invalid_input", "/metadata/a"),
        ({**GOOD, "input": "hello"}, "invalid_input", "/input"),
        ({"input": GOOD["input"]}, "invalid_input", "/kind"),
        (completion(colour="red"), "invalid_input", "/input/colour"),
        (completion(temperature="hot"), "invalid_input", "/input/temperature"),
        (completion(messages=[]), "invalid_input", "/input/messages"),
        (completion(messages=HELLO * 10_000), "invalid_input", "/input/messages"),
        (completion(messages=[{"role": "wizard", "content": "x"}]), "invalid_input", "/input/messages/0/role"),
        (completion(messages=[{"role": ["user"], "content": "x"}]), "invalid_input", "/input/messages/0/role"),
        (
            completion(messages=[{"role": "user", "content": [{"type": {}, "text": "x"}]}]),
            "invalid_input",
            "/input/messages/0/content/0/type",
        ),
        (completion(messages=[{"role": "user", "content": "a\0b"}]), "nul_character", "/input/messages/0/content"),
        ([], "invalid_input", ""),
        ("text", "invalid_input", ""),
    ],
)
def test_a_wrong_value_is_refused_with_a_pointer_to_it(client: Client, body: Any, code: str, pointer: str) -> None:
    found = problem(client.http.post("/v1/jobs", json=body), 422, code)
    assert pointer in [error["pointer"] for error in found["errors"]], found


@pytest.mark.parametrize(
    ("model", "code"), [("nobody/has-this", "model_not_found"), ("xai/grok", "provider_not_configured")]
)
def test_a_model_that_cannot_be_called_is_refused_at_once(client: Client, model: str, code: str) -> None:
    problem(client.http.post("/v1/jobs", json=completion(model=model)), 422, code)


@pytest.mark.parametrize("body", [b"", b"{", b'{"kind": \x00}', b"\xff\xfe", b'"\\ud800"', b"[" * 5000])
def test_what_is_not_json_is_refused(client: Client, body: bytes) -> None:
    answer = client.http.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    problem(answer, 400, "malformed_json")


@pytest.mark.parametrize("levels", [201, 254, 900])
def test_what_is_nested_without_end_is_refused_with_its_place(client: Client, levels: int) -> None:
    deep = b'{"a":' * levels + b"1" + b"}" * levels
    for path, field in (("/v1/jobs", "input"), ("/v1/schedules", "input"), ("/v1/test_runs", "variables"),
                        ("/v1/test_cases/import", "content"), ("/v1/test_cases/generate", "trace")):  # fmt: skip
        body = b'{"kind": "completion", "%s": %s}' % (field.encode(), deep)
        answer = client.http.post(path, content=body, headers={"Content-Type": "application/json"})
        assert problem(answer, 422, "invalid_input")["errors"][0]["pointer"] == f"/{field}"


def test_a_body_that_is_not_declared_as_json_is_refused(client: Client) -> None:
    answer = client.http.post("/v1/jobs", content=b"{}", headers={"Content-Type": "text/plain"})
    problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_five_mebibytes_is_refused(client: Client, chunked: bool) -> None:
    body = b'{"kind": "' + b"x" * 5 * 2**20 + b'"}'
    content: Any = iter([body]) if chunked else body
    answer = client.http.post("/v1/jobs", content=content, headers={"Content-Type": "application/json"})
    problem(answer, 413, "body_too_large")


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        (f"/v1/jobs/{NOBODY}?wait=abc", "/wait"),
        (f"/v1/jobs/{NOBODY}?wait=61", "/wait"),
        (f"/v1/jobs/{NOBODY}?wait=nan", "/wait"),
        ("/v1/jobs?limit=0", "/limit"),
        ("/v1/jobs?limit=99999999999999999999999", "/limit"),
        ("/v1/jobs?order=sideways", "/order"),
        ("/v1/jobs?status=asleep", "/status"),
        ("/v1/jobs?after=job_1", "/after"),
        ("/v1/jobs?created_after=yesterday", "/created_after"),
        ("/v1/jobs?colour=red", "/colour"),
        ("/v1/projects?colour=red", "/colour"),
    ],
)
def test_a_wrong_parameter_is_refused_by_name(client: Client, path: str, pointer: str) -> None:
    found = problem(client.http.get(path), 422, "invalid_parameter")
    assert found["errors"][0]["pointer"] == pointer


def test_a_nul_in_a_parameter_is_refused(client: Client) -> None:
    problem(client.http.get("/v1/jobs?kind=a%00b"), 422, "nul_character")


@pytest.mark.parametrize("job_id", ["1", "job_1", "JOB_" + "0" * 32, "job_" + "G" * 32, "key_" + "0" * 32, "job_%00"])
def test_a_malformed_id_names_nothing(client: Client, job_id: str) -> None:
    for path in ("", "/events"):
        problem(client.http.get(f"/v1/jobs/{job_id}{path}"), 404, "malformed_id")


def test_an_unknown_id_is_not_found(client: Client) -> None:
    problem(client.http.get(f"/v1/jobs/{NOBODY}"), 404, "not_found")
    problem(client.http.post(f"/v1/jobs/{NOBODY}/cancel"), 404, "not_found")
    problem(client.http.post(f"/v1/jobs/{NOBODY}/retry"), 404, "not_found")


def test_another_projects_objects_do_not_exist(client: Client, stranger: Client) -> None:
    job = client.submit()
    project = job["project_id"]
    key = client.http.get("/v1/api_keys").json()["data"][0]["id"]
    for method, path in (
        ("GET", f"/v1/jobs/{job['id']}"),
        ("GET", f"/v1/jobs/{job['id']}/events"),
        ("POST", f"/v1/jobs/{job['id']}/cancel"),
        ("POST", f"/v1/jobs/{job['id']}/retry"),
        ("GET", f"/v1/jobs?project_id={project}"),
        ("GET", f"/v1/jobs/stats?project_id={project}"),
        ("GET", f"/v1/projects/{project}"),
        ("GET", f"/v1/api_keys/{key}"),
        ("DELETE", f"/v1/api_keys/{key}"),
    ):
        problem(stranger.http.request(method, path), 404, "not_found")
    problem(stranger.http.post("/v1/jobs", json={**GOOD, "project_id": project}), 404, "not_found")
    assert project not in {one["project_id"] for one in stranger.http.get("/v1/jobs").json()["data"]}


@pytest.mark.parametrize("token", [None, "sy_live_nonsense", "sy_live_" + "0" * 60, "é" * 20, "x" * 5000])
def test_without_a_good_key_nothing_is_answered(system: System, token: str | None) -> None:
    with Client(system.url, None) as nobody:
        headers = {} if token is None else {b"Authorization": b"Bearer " + token.encode()}
        answer = nobody.http.get("/v1/jobs", headers=headers)
    problem(answer, 401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("PUT", "/v1/jobs", 405, "method_not_allowed"),
        ("GET", "/v1", 404, "not_found"),
    ],
)
def test_wrong_addresses_and_methods_are_problems_too(
    client: Client, method: str, path: str, status: int, code: str
) -> None:
    problem(client.http.request(method, path), status, code)


def test_a_body_where_none_is_taken_is_refused(client: Client) -> None:
    job = client.run()
    problem(client.http.post(f"/v1/jobs/{job['id']}/cancel", json={"now": True}), 422, "invalid_input")


def test_bodies_that_are_announced_and_never_come_keep_nobody_waiting(client: Client, system: System) -> None:
    address = urlsplit(system.url)
    silent = [socket.create_connection((address.hostname, address.port), timeout=30) for _ in range(24)]
    try:
        for connection in silent:
            connection.sendall(b"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        assert all(b" 401 " in connection.recv(64) for connection in silent)
        assert client.http.get("/health", timeout=5).status_code == 200
    finally:
        for connection in silent:
            connection.close()
