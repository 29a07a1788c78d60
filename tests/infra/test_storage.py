"""Large results live in a folder or in a bucket, and both behave alike."""

import io
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from infra.errors import NotFound, Unavailable
from infra.storage import PART, Bucket, Folder, Store

BODY = b"\x00\xff" * 200_000


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """A server that speaks S3's API over HTTP, with a bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    boto3.client("s3", endpoint_url=url, region_name="us-east-1").create_bucket(Bucket="results")
    yield url
    server.stop()


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where boto3 looks for its keys."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Each kind of store."""
    if request.param == "folder":
        return Folder(tmp_path)
    return Bucket("results", request.getfixturevalue("s3"))


def test_what_was_put_is_got_and_a_second_put_replaces_it(store: Store) -> None:
    store.put("results/a/b.json", b"first", "application/json")
    store.put("results/a/b.json", BODY, "application/json")
    assert store.get("results/a/b.json") == BODY


def test_what_was_never_put_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound):
        store.get("results/nobody.json")


def test_a_file_is_written_whole_from_where_it_stands_and_read_as_a_stream_from_any_byte(store: Store) -> None:
    file = io.BytesIO(b"skipped" + b"first line\nsecond line\n" * 50_000)
    file.seek(7)
    store.put_file("batches/a.jsonl", file, "application/jsonl")
    with store.open("batches/a.jsonl") as stream:
        assert stream.readline() == b"first line\n" and stream.readline(6) == b"second"
    with store.open("batches/a.jsonl", 11) as stream:
        assert stream.readline() == b"second line\n" and stream.readline() == b"first line\n"
        assert len(stream.read()) == 23 * 50_000 - 11 - 12 - 11


def test_what_is_deleted_is_gone_and_deleting_it_again_is_no_fault(store: Store) -> None:
    store.put("results/a.json", b"x", "application/json")
    store.delete("results/a.json")
    store.delete("results/a.json")
    with pytest.raises(NotFound):
        store.get("results/a.json")
    with pytest.raises(NotFound), store.open("results/a.json"):
        pass


def test_a_file_that_breaks_off_leaves_nothing_in_a_folder(tmp_path: Path) -> None:
    class Broken(io.RawIOBase):
        def read(self, _: int = -1) -> bytes:
            raise OSError(5, "gone")

    with pytest.raises(Unavailable):
        Folder(tmp_path).put_file("batches/a.jsonl", Broken(), "application/jsonl")  # type: ignore[arg-type]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file in the way")
    with pytest.raises(Unavailable):
        Folder(tmp_path).put("results/a.json", b"x", "application/json")


def test_a_bucket_that_does_not_answer_is_unavailable(s3: str) -> None:
    with pytest.raises(Unavailable):
        Bucket("no-such-bucket", s3).put("a", b"x", "text/plain")


def test_a_part_of_an_object_is_read_alone(store: Store) -> None:
    store.put("files/a", bytes(range(256)), "application/octet-stream")
    with store.open("files/a", 10, 5) as stream:
        assert stream.read(5) == bytes(range(10, 15))


def test_a_large_file_goes_in_parts_and_comes_back_whole(store: Store) -> None:
    body = bytes(range(256)) * (PART // 256) + b"the end"
    store.put_file("files/large", io.BytesIO(body), "application/octet-stream")
    with store.open("files/large", PART - 1) as stream:
        assert stream.read() == b"\xffthe end"


def test_a_file_that_breaks_off_leaves_nothing_in_a_bucket(s3: str) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() >= PART:
                raise Unavailable
            return super().read(size)

    bucket = Bucket("results", s3)
    with pytest.raises(Unavailable):
        bucket.put_file("files/broken", Broken(bytes(2 * PART)), "application/octet-stream")
    with pytest.raises(NotFound):
        bucket.get("files/broken")
    assert "Uploads" not in boto3.client("s3", endpoint_url=s3).list_multipart_uploads(Bucket="results")


def test_a_bucket_has_links_that_need_no_key_and_a_folder_has_none(s3: str, tmp_path: Path) -> None:
    wanted = {"content_type": "text/html", "disposition": 'attachment; filename="a.html"'}
    assert Folder(tmp_path).signed_url("files/a", 60, **wanted) is None
    Bucket("results", s3).put("files/a", b"<p>", "text/html")
    bucket = Bucket("results", "http://storage.internal:9000", s3)
    url = bucket.signed_url("files/a", 60, **wanted) or ""
    assert url.startswith(f"{s3}/results/files/a?") and "X-Amz-Expires=60" in url
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"<p>" and answer.headers["Content-Disposition"] == wanted["disposition"]
