"""Many jobs in one call: what is accepted, what is refused, results in order, progress, one end, cancel."""

import json
import socket
from collections.abc import Iterator
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from infra.dev.system import System
from tests.client import Client
from tests.clock import hurried

Json = dict[str, Any]
JSONL = {"Content-Type": "application/jsonl"}
NO_SUCH = "batch_" + "0" * 32


@pytest.fixture(scope="module", autouse=True)
def hurry(system: System) -> Iterator[None]:
    """Nothing here is about how long a batch takes."""
    with hurried(system, "batches.read", "sweeps.batches"):
        yield


def line(number: int = 1, *, model: str = "sandbox/instant", **more: Any) -> Json:
    messages = [{"role": "user", "content": f"hello {number}"}]
    return {"kind": "completion", "custom_id": f"row-{number}", "input": {"model": model, "messages": messages}, **more}


def jsonl(*lines: Any) -> bytes:
    return b"".join(one if isinstance(one, bytes) else json.dumps(one).encode() + b"\n" for one in lines)


def send(client: Client, *lines: Any, **query: str) -> Json:
    answer = client.http.post("/v1/batches", content=jsonl(*lines), headers=JSONL, params=query)
    assert answer.status_code == 202, answer.text
    found: Json = answer.json()
    return found


def ended(client: Client, batch: Json) -> Json:
    found: Json = client.http.get(f"/v1/batches/{batch['id']}", params={"wait": 60}).json()
    assert found["finished_at"], found
    return found


def results(client: Client, batch: Json, **query: int) -> list[Json]:
    answer = client.http.get(f"/v1/batches/{batch['id']}/results", params=query)
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "application/jsonl"
    return [json.loads(text) for text in answer.text.splitlines()]


def events(client: Client, batch: Json) -> Iterator[Json]:
    with client.http.stream(
        "GET", f"/v1/batches/{batch['id']}/events", headers={"Accept": "text/event-stream"}
    ) as answer:
        for text in answer.iter_lines():
            if text.startswith("data: "):
                yield json.loads(text.removeprefix("data: "))


def test_lines_become_jobs_and_their_results_come_back_in_order_with_the_bad_ones_at_their_place(
    client: Client,
) -> None:
    bad: dict[int, Any] = {
        7: b"{not json\n",
        50: b'["a list"]\n',
        51: b"\n",
        99: {**line(99), "kind": "nonsense"},
        100: {**line(100), "priority": 99},
        101: {**line(101), "surprise": True},
        102: b'{"kind": "completion", "custom_id": "nul", "input": {"model": "a\\u0000b"}}\n',
        103: {**line(103), "input": {"model": "sandbox/instant"}},
        104: {**line(104), "run_at": "2001-01-01T00:00:00Z"},
        105: {**line(105), "project_id": "proj_" + "0" * 32},
        106: {**line(106), "custom_id": "x" * 129},
    }
    batch = send(client, *(bad.get(n, line(n)) for n in range(1, 201)))
    assert batch["status"] == "reading" and batch["lines"] == 200 and batch["progress"]["total"] == 200
    final = ended(client, batch)
    assert final["status"] == "completed" and final["progress"] == {"current": 200, "total": 200, "message": None}
    assert final["counts"]["succeeded"] == 200 - len(bad) and final["counts"]["rejected"] == len(bad)
    found = results(client, batch)
    assert [one["line"] for one in found] == list(range(1, 201))
    assert {one["line"] for one in found if one["status"] == "rejected"} == set(bad)
    codes = {n: found[n - 1]["error"]["code"] for n in bad}
    assert codes == {
        7: "malformed_json", 50: "invalid_input", 51: "malformed_json", 99: "unknown_kind", 100: "invalid_input",
        101: "unknown_field", 102: "nul_character", 103: "invalid_input", 104: "invalid_input", 105: "not_found",
        106: "invalid_input",
    }  # fmt: skip
    assert found[99]["error"]["errors"][0]["pointer"] == "/priority" and found[99]["custom_id"] == "row-100"
    assert found[102]["error"]["errors"][0]["pointer"] == "/input/messages"
    good = [one for one in found if one["status"] == "succeeded"]
    assert all(one["custom_id"] == f"row-{one['line']}" and one["usage"]["calls"] == 1 for one in good)
    job = client.http.get(f"/v1/jobs/{good[3]['job_id']}").json()
    assert job["batch_id"] == batch["id"] and job["result"] == good[3]["result"]
    assert results(client, batch, after_line=150) == found[150:]
    assert client.http.get(f"/v1/batches/{batch['id']}/results", params={"after_line": 200}).status_code == 204


def test_a_line_that_fails_fails_alone(client: Client) -> None:
    batch = send(client, line(1), line(2, model="openai/fail-401"), line(3))
    final = ended(client, batch)
    assert final["status"] == "completed" and final["counts"]["succeeded"] == 2 and final["counts"]["failed"] == 1
    found = results(client, batch)
    assert [one["status"] for one in found] == ["succeeded", "failed", "succeeded"]
    assert found[1]["error"]["code"] == "provider_auth" and found[1]["result"] is None


def test_a_batch_has_events_of_its_own_without_gap_and_exactly_one_that_ends_it(client: Client) -> None:
    batch = send(client, *(line(n) for n in range(1, 61)))
    streamed = list(events(client, batch))
    assert [event["sequence"] for event in streamed] == list(range(1, len(streamed) + 1))
    kinds = [event["type"] for event in streamed]
    assert kinds[0] == "batch.created" and kinds[-1] == "batch.completed"
    assert set(kinds[1:-1]) <= {"batch.progress"}
    assert streamed[-1]["data"]["counts"]["succeeded"] == 60
    listed = client.http.get(f"/v1/batches/{batch['id']}/events").json()["data"]
    assert listed == streamed
    again = client.http.get(
        f"/v1/batches/{batch['id']}/events",
        headers={"Accept": "text/event-stream", "Last-Event-ID": str(len(streamed))},
    )
    assert again.status_code == 204


def test_the_kind_and_the_metadata_may_be_said_once_for_all_lines(client: Client) -> None:
    mark = uuid4().hex
    bare = line(1)
    del bare["kind"]
    batch = send(client, bare, bare, **{"kind": "completion", "metadata.mark": mark})
    assert batch["metadata"] == {"mark": mark}
    assert ended(client, batch)["counts"]["succeeded"] == 2
    listed = client.http.get("/v1/batches", params={"metadata.mark": mark, "status": "completed"}).json()
    assert [one["id"] for one in listed["data"]] == [batch["id"]]
    jobs = client.http.get("/v1/jobs", params={"batch_id": batch["id"]}).json()["data"]
    assert {job["batch_id"] for job in jobs} == {batch["id"]} and len(jobs) == 2


def test_a_json_document_and_a_form_do_what_jsonl_does(client: Client) -> None:
    as_json = client.http.post(
        "/v1/batches", json={"jobs": [line(1), 7], "kind": "completion", "metadata": {"from": "json"}}
    )
    assert as_json.status_code == 202 and as_json.json()["metadata"] == {"from": "json"}
    final = ended(client, as_json.json())
    assert (final["counts"]["succeeded"], final["counts"]["rejected"]) == (1, 1)
    form = client.http.post("/v1/batches", files={"file": ("lines.jsonl", jsonl(line(1), line(2)))})
    assert form.status_code == 202, form.text
    assert ended(client, form.json())["counts"]["succeeded"] == 2


def test_a_byte_order_mark_windows_line_ends_and_blank_lines_at_the_end_are_no_fault(client: Client) -> None:
    text = b"\xef\xbb\xbf" + jsonl(line(1), line(2)).replace(b"\n", b"\r\n") + b"\r\n \n\n"
    batch = send(client, text)
    assert batch["lines"] == 2
    assert ended(client, batch)["counts"]["succeeded"] == 2


def test_the_same_idempotency_key_makes_one_batch(client: Client) -> None:
    headers = {**JSONL, "Idempotency-Key": uuid4().hex}
    first = client.http.post("/v1/batches", content=jsonl(line(1)), headers=headers)
    again = client.http.post("/v1/batches", content=jsonl(line(1)), headers=headers)
    assert again.headers["Idempotent-Replayed"] == "true" and again.content == first.content
    other = client.http.post("/v1/batches", content=jsonl(line(2)), headers=headers)
    assert other.status_code == 422 and other.json()["code"] == "idempotency_key_reused"


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"", JSONL, 422, "invalid_input"),
        (b"\n \r\n", JSONL, 422, "invalid_input"),
        (b"{}\n" * 50_001, JSONL, 422, "too_many_lines"),
        (b"{}", {"Content-Type": "text/csv"}, 415, "unsupported_media_type"),
        (b"{}", {}, 415, "unsupported_media_type"),
        (b'{"jobs": []}', {"Content-Type": "application/json"}, 422, "invalid_input"),
        (b'{"jobs"', {"Content-Type": "application/json"}, 400, "malformed_json"),
        (b"{}", {"Content-Type": "multipart/form-data"}, 422, "invalid_input"),
    ],
)
def test_what_is_no_batch_is_refused_whole(
    client: Client, content: bytes, headers: Json, status: int, code: str
) -> None:
    answer = client.http.post("/v1/batches", content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


def test_a_form_with_anything_but_one_file_is_refused_and_so_is_an_unknown_kind(client: Client) -> None:
    two = client.http.post("/v1/batches", files=[("file", ("a", b"{}\n")), ("file", ("b", b"{}\n"))])
    assert two.status_code == 422 and two.json()["errors"][0]["pointer"] == "/file"
    unknown = client.http.post("/v1/batches", content=b"{}\n", headers=JSONL, params={"kind": "nonsense"})
    assert unknown.status_code == 422 and unknown.json()["code"] == "unknown_kind"
    strange = client.http.post("/v1/batches", content=b"{}\n", headers=JSONL, params={"project_id": "proj_" + "0" * 32})
    assert strange.status_code == 404


def test_two_gibibytes_are_refused_at_once_by_their_declared_length(client: Client, system: System) -> None:
    address = urlsplit(system.url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        head = f"POST /v1/batches HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {system.api_key}\r\n"
        head += f"Content-Type: application/jsonl\r\nContent-Length: {2 << 30}\r\n\r\n"
        connection.sendall(head.encode())
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 413") and b"body_too_large" in answer


def test_nothing_is_read_of_an_upload_without_a_key(system: System) -> None:
    with Client(system.url, None) as nobody:
        answer = nobody.http.post("/v1/batches", content=jsonl(line(1)), headers=JSONL)
        assert answer.status_code == 401


def test_an_upload_that_breaks_off_makes_no_batch(client: Client, system: System) -> None:
    before = client.http.get("/v1/batches").json()["first_id"]
    address = urlsplit(system.url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        head = f"POST /v1/batches HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {system.api_key}\r\n"
        head += "Content-Type: application/jsonl\r\nContent-Length: 100000\r\n\r\n"
        connection.sendall(head.encode() + jsonl(line(1)))
        connection.shutdown(socket.SHUT_WR)
        answer = connection.makefile("rb").read()
    assert b" 422 " in answer and b"broke off" in answer
    assert client.http.get("/v1/batches").json()["first_id"] == before


def test_cancelling_ends_what_waits_and_what_runs_and_reads_no_further(client: Client) -> None:
    batch = send(client, line(1), *(line(n, model="openai/hang") for n in range(2, 60)))
    while results(client, batch)[0]["status"] != "succeeded":
        client.http.get(f"/v1/batches/{batch['id']}", params={"wait": 0.2})
    answer = client.http.post(f"/v1/batches/{batch['id']}/cancel")
    assert answer.status_code == 200 and answer.json()["status"] == "cancelling"
    assert client.http.post(f"/v1/batches/{batch['id']}/cancel").status_code in (200, 409)
    final = ended(client, batch)
    assert final["status"] == "cancelled" and final["cancel_requested_at"]
    assert final["counts"]["succeeded"] + final["counts"]["cancelled"] == 59
    assert [event["type"] for event in events(client, batch)].count("batch.cancelled") == 1
    refused = client.http.post(f"/v1/batches/{batch['id']}/cancel")
    assert refused.status_code == 409 and refused.json()["code"] == "batch_final"
    assert {one["status"] for one in results(client, batch)} == {"succeeded", "cancelled"}


def test_a_batch_cancelled_before_it_is_read_has_no_jobs(client: Client) -> None:
    batch = send(client, line(1))
    client.http.post(f"/v1/batches/{batch['id']}/cancel")
    final = ended(client, batch)
    found = results(client, batch)
    assert final["status"] in ("cancelled", "completed") and len(found) == 1
    if not found[0]["job_id"]:
        assert found[0]["status"] == "cancelled"


def test_another_tenants_batch_does_not_exist(client: Client, stranger: Client) -> None:
    batch = send(client, line(1))
    for path in ("", "/events", "/results"):
        answer = stranger.http.get(f"/v1/batches/{batch['id']}{path}")
        assert answer.status_code == 404 and answer.json()["code"] == "not_found", path
        sse = stranger.http.get(f"/v1/batches/{batch['id']}{path}", headers={"Accept": "text/event-stream"})
        assert sse.status_code == 404
    assert stranger.http.post(f"/v1/batches/{batch['id']}/cancel").status_code == 404
    assert batch["id"] not in {one["id"] for one in stranger.http.get("/v1/batches").json()["data"]}
    assert stranger.http.get("/v1/jobs", params={"batch_id": batch["id"]}).json()["data"] == []
    assert ended(client, batch)["status"] == "completed"


def test_ids_that_name_no_batch_are_404(client: Client) -> None:
    assert client.http.get(f"/v1/batches/{NO_SUCH}").json()["code"] == "not_found"
    assert client.http.get(f"/v1/batches/{NO_SUCH}", params={"wait": 1}).status_code == 404
    assert client.http.get("/v1/batches/job_" + "0" * 32).json()["code"] == "malformed_id"
    assert client.http.get(f"/v1/jobs/job_{NO_SUCH[6:]}/events").status_code == 404


def test_a_result_too_large_for_its_row_is_in_the_results_whole(client: Client) -> None:
    words = [{"role": "user", "content": "word " * 80_000}]
    large = {"kind": "completion", "input": {"model": "openai/echo", "messages": words}}
    batch = send(client, line(1), large, line(3))
    ended(client, batch)
    found = results(client, batch)
    assert [one["status"] for one in found] == ["succeeded"] * 3
    assert len(found[1]["result"]["message"]["content"]) > 300_000


def test_lines_with_a_concurrency_key_run_in_their_turn(client: Client) -> None:
    key = uuid4().hex
    batch = send(client, *(line(n, model="openai/slow-100ms", concurrency_key=key) for n in range(1, 6)))
    ended(client, batch)
    jobs = client.http.get("/v1/jobs", params={"batch_id": batch["id"]}).json()["data"]
    # Whose turn it is: tests/workers/jobs/test_fair.py. One that must be tried again comes behind those that wait.
    times = sorted((job["started_at"], job["finished_at"], job["attempt"]) for job in jobs)
    assert all(after[0] >= before[1] for before, after in pairwise(times)), times


def test_a_private_line_keeps_its_result_for_its_owner_and_its_faults_to_itself(client: Client) -> None:
    secret = {**line(1, store="none"), "input": {"model": "sandbox/instant", "messages": "my secret"}}
    batch = send(client, secret, line(2, store="none"))
    ended(client, batch)
    bad, good = results(client, batch)
    assert bad["status"] == "rejected" and "secret" not in json.dumps(bad["error"]) and "errors" not in bad["error"]
    assert good["result"]["message"]["role"] == "assistant"


def test_a_page_of_batches_is_walked_like_every_list(client: Client) -> None:
    mark = uuid4().hex
    made = [send(client, line(1), **{"metadata.mark": mark})["id"] for _ in range(3)]
    page = client.http.get("/v1/batches", params={"metadata.mark": mark, "limit": 2, "order": "asc"}).json()
    assert [one["id"] for one in page["data"]] == made[:2] and page["has_more"]
