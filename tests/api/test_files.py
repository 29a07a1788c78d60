"""Files over HTTP: what is taken and refused, what comes back, links, and who sees them."""

import hashlib
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from infra.dev.system import System
from tests.client import Client
from tests.clock import hurried

Json = dict[str, Any]
NO_SUCH = "file_" + "0" * 32
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
LARGE = bytes(range(256)) * 8192


def upload(client: Client, body: bytes, filename: str = "a.bin", **query: Any) -> Json:
    answer = client.http.post("/v1/files", content=body, params={"filename": filename, **query})
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    assert answer.headers["Location"] == f"/v1/files/{found['id']}"
    return found


def content(client: Client, file: Json, **headers: str) -> Any:
    return client.http.get(f"/v1/files/{file['id']}/content", headers=headers)


def until(true: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def stored(system: System) -> int:
    return sum(path.is_file() for path in (system.options.data / "files").rglob("files/*/*"))


@pytest.fixture(scope="module")
def large(client: Client) -> Json:
    return upload(client, LARGE, "large.bin")


def test_a_form_and_a_raw_body_become_the_same_file(client: Client) -> None:
    body = b"# Title\n\nSome text with \xc3\xa4.\n"
    form = {"file": ("notes/über.md", body, "text/x-odd")}
    said = {"expires_in_s": "3600", "metadata.team": "blue"}
    sent = client.http.post("/v1/files", files=form, data=said)
    assert sent.status_code == 201, sent.text
    one, other = sent.json(), upload(client, body, "C:\\notes\\über.md", **{"metadata.team": "blue"})
    assert one["sha256"] == other["sha256"] == hashlib.sha256(body).hexdigest()
    assert one["filename"] == other["filename"] == "über.md" and one["bytes"] == len(body)
    assert one["media_type"] == other["media_type"] == "text/markdown"
    assert one["declared_type"] == "text/x-odd" and other["declared_type"] is None
    assert one["metadata"] == other["metadata"] == {"team": "blue"} and one["purpose"] == "upload"
    assert other["expires_at"] is None
    left = datetime.fromisoformat(one["expires_at"]) - datetime.now(UTC)
    assert timedelta(seconds=3500) < left <= timedelta(seconds=3600)
    assert client.http.get(f"/v1/files/{one['id']}").json() == one
    assert content(client, one).content == content(client, other).content == body


def test_what_bytes_are_counts_and_not_what_their_sender_says(client: Client) -> None:
    form = {"file": ("picture.pdf", PNG, "application/pdf")}
    found = client.http.post("/v1/files", files=form).json()
    assert (found["media_type"], found["declared_type"]) == ("image/png", "application/pdf")
    answer = content(client, found)
    assert answer.headers["Content-Type"] == "image/png" and answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="picture.pdf"'
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")


def test_a_large_file_comes_back_whole_and_in_ranges(client: Client, large: Json) -> None:
    whole = content(client, large)
    assert whole.content == LARGE and whole.headers["Content-Length"] == str(len(LARGE))
    assert whole.headers["ETag"] == f'"{large["sha256"]}"' and whole.headers["Accept-Ranges"] == "bytes"
    for wanted, first, last in (("0-0", 0, 0), ("1000-599999", 1000, 599_999), ("-5", len(LARGE) - 5, len(LARGE) - 1)):
        answer = content(client, large, Range=f"bytes={wanted}")
        assert answer.status_code == 206 and answer.content == LARGE[first : last + 1]
        assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{len(LARGE)}"
    beyond = content(client, large, Range=f"bytes={len(LARGE)}-")
    assert beyond.status_code == 416 and beyond.json()["code"] == "range_not_satisfiable"
    assert beyond.headers["Content-Range"] == f"bytes */{len(LARGE)}"


@pytest.mark.parametrize("headers", [{"Range": "bytes=0-1,5-6"}, {"Range": "lines=1-2"}, {"Range": "bytes=x"}])
def test_ranges_that_are_not_understood_are_answered_whole(client: Client, large: Json, headers: Json) -> None:
    answer = content(client, large, **headers)
    assert answer.status_code == 200 and len(answer.content) == len(LARGE)


def test_what_a_client_has_is_not_sent_again(client: Client, large: Json) -> None:
    tag = f'"{large["sha256"]}"'
    same = content(client, large, **{"If-None-Match": tag})
    assert same.status_code == 304 and same.content == b"" and same.headers["ETag"] == tag
    assert content(client, large, **{"If-Range": tag, "Range": "bytes=0-9"}).status_code == 206
    assert content(client, large, **{"If-Range": '"other"', "Range": "bytes=0-9"}).status_code == 200
    head = client.http.head(f"/v1/files/{large['id']}/content")
    assert head.status_code == 200 and head.headers["Content-Length"] == str(len(LARGE))


@pytest.mark.parametrize(
    ("request_of", "code"),
    [
        ({"content": b""}, "invalid_input"),
        ({"files": {"file": ("a.txt", b"")}}, "invalid_input"),
        ({"files": {"other": ("a.txt", b"x")}}, "invalid_input"),
        ({"files": [("file", ("a.txt", b"x")), ("file", ("b.txt", b"y"))]}, "invalid_input"),
        ({"files": {"file": ("a.txt", b"x")}, "data": {"surprise": "1"}}, "invalid_parameter"),
        ({"files": {"file": ("a.txt", b"x")}, "data": {"expires_in_s": "soon"}}, "invalid_parameter"),
        ({"content": b"x", "params": {"expires_in_s": "0"}}, "invalid_parameter"),
        ({"content": b"x", "params": {"expires_at": "2001-01-01T00:00:00Z"}}, "invalid_parameter"),
        (
            {"content": b"x", "params": {"expires_in_s": "9", "expires_at": "2100-01-01T00:00:00Z"}},
            "invalid_parameter",
        ),
        ({"content": b"x", "params": {f"metadata.k{n}": "v" for n in range(17)}}, "invalid_parameter"),
        ({"content": b"x", "params": {"filename": "a\0b"}}, "nul_character"),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, "invalid_input"),
        (
            {"content": b"--b\r\nnothing", "headers": {"Content-Type": "multipart/form-data; boundary=b"}},
            "invalid_input",
        ),
    ],
)
def test_what_cannot_be_a_file_is_refused_and_nothing_is_stored(
    client: Client, system: System, request_of: Json, code: str
) -> None:
    before = stored(system)
    answer = client.http.post("/v1/files", **request_of)
    assert answer.status_code == 422 and answer.json()["code"] == code, answer.text
    assert stored(system) == before


def test_a_form_with_too_many_parts_is_told_so_and_not_that_its_file_is_too_large(client: Client) -> None:
    parts = {f"metadata.k{n}": "v" for n in range(40)}
    answer = client.http.post("/v1/files", files={"file": ("a.txt", b"x")}, data=parts)
    assert answer.status_code == 413 and "30 parts" in answer.json()["detail"], answer.text


def raw_upload(client: Client, system: System, head: str, body: bytes) -> bytes:
    """What a client is told that says one thing of its body and does another."""
    place = urlsplit(system.url)
    with socket.create_connection((place.hostname, place.port), timeout=20) as sock:
        authorization = client.http.headers["Authorization"]
        sock.sendall(f"POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\n{head}\r\n\r\n".encode())
        sock.sendall(body)
        sock.shutdown(socket.SHUT_WR)
        return sock.makefile("rb").read()


def test_an_upload_that_breaks_off_leaves_nothing_behind(client: Client, system: System) -> None:
    before = stored(system)
    for head, body in (
        ("Content-Length: 100000", b"x" * 70_000),
        ("Transfer-Encoding: chunked", b"400\r\n" + b"x" * 500),
        ("Transfer-Encoding: chunked", b"nonsense\r\n"),
        (
            "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 9000",
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + b"x" * 5000,
        ),
    ):
        answer = raw_upload(client, system, head, body)
        assert answer.startswith(b"HTTP/1.1 4"), answer[:200]
        assert b"urn:switchyard:problem:" in answer
    assert stored(system) == before
    assert list((system.options.data / "scratch").iterdir()) == []


def test_a_file_beyond_the_limit_is_refused_before_it_is_read(client: Client, system: System) -> None:
    answer = raw_upload(client, system, f"Content-Length: {100 * 2**20 + 2**16 + 1}", b"x")
    assert answer.startswith(b"HTTP/1.1 413") and b"body_too_large" in answer


def test_the_same_upload_again_with_its_key_is_the_same_file(client: Client, system: System) -> None:
    key = {"Idempotency-Key": "upload-once"}
    first = client.http.post("/v1/files?filename=a.txt", content=b"once", headers=key)
    before = stored(system)
    again = client.http.post("/v1/files?filename=a.txt", content=b"once", headers=key)
    assert again.json() == first.json() and again.headers["Idempotent-Replayed"] == "true"
    other = client.http.post("/v1/files?filename=a.txt", content=b"other", headers=key)
    assert other.json()["code"] == "idempotency_key_reused"
    assert stored(system) == before


def test_files_are_listed_by_page_purpose_and_metadata(client: Client) -> None:
    made = [upload(client, b"x", **{"metadata.list": "this"})["id"] for _ in range(3)]
    query: dict[str, Any] = {"metadata.list": "this", "limit": 2, "purpose": "upload"}
    first = client.http.get("/v1/files", params=query).json()
    assert [one["id"] for one in first["data"]] == [made[2], made[1]] and first["has_more"]
    rest = client.http.get("/v1/files", params={**query, "after": first["last_id"]}).json()
    assert [one["id"] for one in rest["data"]] == [made[0]] and not rest["has_more"]


def test_another_projects_files_do_not_exist(client: Client, stranger: Client, large: Json) -> None:
    for method, path in (("GET", ""), ("GET", "/content"), ("POST", "/url"), ("DELETE", "")):
        for name in (large["id"], NO_SUCH, "nonsense"):
            answer = stranger.http.request(method, f"/v1/files/{name}{path}")
            assert answer.status_code == 404, (method, path, name)
    assert large["id"] not in {one["id"] for one in stranger.http.get("/v1/files").json()["data"]}
    assert client.http.get(f"/v1/files/{large['id']}").status_code == 200


def test_a_deleted_file_is_gone_with_its_bytes(client: Client, system: System) -> None:
    file, before = upload(client, b"away"), stored(system)
    assert client.http.delete(f"/v1/files/{file['id']}").json() == file
    assert stored(system) == before - 1
    for method, path in (("GET", ""), ("GET", "/content"), ("POST", "/url"), ("DELETE", "")):
        assert client.http.request(method, f"/v1/files/{file['id']}{path}").status_code == 404


def test_an_expired_file_is_gone_and_its_bytes_soon_are_too(client: Client, system: System) -> None:
    before = stored(system)
    file = upload(client, b"short", expires_in_s=1)
    until(lambda: client.http.get(f"/v1/files/{file['id']}").status_code == 404)
    with hurried(system, "sweeps.files"):
        until(lambda: stored(system) == before)


@pytest.fixture(scope="module")
def anybody(system: System) -> Iterator[Client]:
    with Client(system.url, None) as connected:
        yield connected


def test_a_link_works_without_a_key_until_it_is_changed_or_the_file_is_deleted(client: Client, anybody: Client) -> None:
    file = upload(client, LARGE, "é.bin")
    made = client.http.post(f"/v1/files/{file['id']}/url", json={"expires_in_s": 60}).json()
    assert timedelta(0) < datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC) <= timedelta(seconds=60)
    answer = anybody.http.get(made["url"])
    assert answer.content == LARGE
    assert answer.headers["Content-Disposition"] == "attachment; filename=\"_.bin\"; filename*=UTF-8''%C3%A9.bin"
    assert anybody.http.get(made["url"], headers={"Range": "bytes=5-9"}).content == LARGE[5:10]
    other = upload(client, b"other")
    signature = made["url"].rpartition("=")[2]
    for changed in (
        made["url"].replace(file["id"], other["id"]),
        made["url"].replace("expires=", "expires=9"),
        made["url"].replace(signature, "0" * 64),
        made["url"].replace(signature, "%FF\u00e9"),
        made["url"].partition("?")[0],
    ):
        refused = anybody.http.get(changed)
        assert (refused.status_code, refused.json()["code"]) == (403, "link_invalid"), changed
    client.http.delete(f"/v1/files/{file['id']}")
    assert anybody.http.get(made["url"]).status_code == 404


def test_a_link_ends(client: Client, anybody: Client, large: Json) -> None:
    made = client.http.post(f"/v1/files/{large['id']}/url", json={"expires_in_s": 1}).json()
    until(lambda: anybody.http.get(made["url"], headers={"Range": "bytes=0-0"}).status_code == 403)
    assert anybody.http.get(made["url"]).json()["code"] == "link_expired"
    for wrong in (0, 604_801, "60", True):
        refused = client.http.post(f"/v1/files/{large['id']}/url", json={"expires_in_s": wrong})
        assert refused.status_code == 422 and refused.json()["errors"][0]["pointer"] == "/expires_in_s"
