"""All of a file's life in a bucket: stored, copied, linked, deleted."""

import asyncio
import urllib.request
from pathlib import Path

import pytest
from boto3 import client

from infra import db, storage
from infra.settings import settings
from tests.infra.test_storage import keys, s3
from tests.workers.files.conftest import Files
from workers.files import links, local_copy, stored
from workers.files.sweep import sweep

__all__ = ["keys", "s3"]
BODY = b"text in a bucket\n" * 1000


def test_a_file_lives_in_a_bucket_and_its_link_is_the_buckets(
    files: Files,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    s3 = request.getfixturevalue("s3")
    for name, value in (("S3_BUCKET", "results"), ("S3_ENDPOINT_URL", s3), ("MAX_UPLOAD_BYTES", "100000")):
        monkeypatch.setenv(name, value)
    for one in (settings, storage.store):
        one.cache_clear()
    file = files.get(files.upload(BODY, "a b.txt"))
    assert files.objects() == set()

    async def copy() -> bytes:
        async with local_copy(files.project, file.id) as (path, _):
            return await asyncio.to_thread(Path.read_bytes, path)

    assert asyncio.run(copy()) == BODY
    url = links.link_of(file, 60, "http://switchyard")
    assert url.startswith(f"{s3}/results/files/")
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == BODY and answer.headers["Content-Disposition"] == 'attachment; filename="a b.txt"'
    with db.transaction() as session:
        stored.remove_file(session, files.project, file.id)
    assert sweep() == 1 and files.rows() == 0
    listed = client("s3", endpoint_url=s3).list_objects_v2(Bucket="results", Prefix=f"files/{files.project.hex}/")
    assert listed["KeyCount"] == 0
