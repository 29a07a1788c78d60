"""Specifications and their parts fetched from elsewhere, or not."""

import gzip
import json
from contextlib import asynccontextmanager

import pytest

from infra.errors import AnswerInvalid, TargetRefused
from infra.http import GuardedClient
from tests.fakes.target import HERE, NOTHING, Names, answer, serving
from tests.workers.specs.ingesting_specs import Ctx, counts, pets
from tests.workers.specs.reading_specs import get, spec
from workers.specs.ingesting import ingest
from workers.specs.sources import unpacked_megabytes


@asynccontextmanager
async def web(pages):
    """A server with these pages, and a client that may call it."""

    async def talk(request, writer):
        writer.write(pages.get(request.path) or answer(b"", status="404 Not Found"))

    async with serving(talk) as target:
        client = GuardedClient(targets=HERE)
        try:
            yield target, client
        finally:
            await client.close()


async def _ingest_from(pages, ctx, **payload):
    async with web(pages) as (target, client):
        result = await ingest(ctx, {"url": target.url("/spec.json"), **payload}, client)
    return result, [one.path for one in target.requests]


def test_a_url_is_fetched_once(reads, run):
    pages = {"/spec.json": answer(json.dumps(pets()).encode())}
    result, asked = run(_ingest_from(pages, Ctx(reads.knowledge.project)))
    assert counts(result) == (3, 0, 0, 0)
    assert asked == ["/spec.json"]


def test_documents_that_it_refers_to_are_fetched_where_that_is_allowed(reads, run):
    document = spec({"/x": get({"$ref": "parts/a.json#/A"}), "/y": get({"$ref": "gone.json"})})
    part = {"A": {"properties": {"b": {"$ref": "b.json"}}}}
    pages = {
        "/spec.json": answer(json.dumps(document).encode()),
        "/parts/a.json": answer(json.dumps(part).encode()),
        "/parts/b.json": answer(b'{"type": "integer"}'),
    }
    kept, asked = run(_ingest_from(pages, Ctx(reads.knowledge.project), source="no"))
    assert asked == ["/spec.json"]
    assert [one["code"] for one in kept["warnings"]] == ["external_reference"] * 2
    result, asked = run(_ingest_from(pages, Ctx(reads.knowledge.project), allow_remote_refs=True))
    assert sorted(asked) == ["/gone.json", "/parts/a.json", "/parts/b.json", "/spec.json"]
    assert [one["code"] for one in result["warnings"]] == ["unresolved_reference", "unfetched_document"]


def test_private_addresses_are_not_fetched_even_by_a_redirect(reads, run):
    async def redirected():
        away = answer(b"", status="302 Found", location="http://127.0.0.2:80/latest")
        await _ingest_from({"/spec.json": away}, Ctx(reads.knowledge.project))

    async def refused(url):
        client = GuardedClient(targets=NOTHING, resolver=Names(inside=[["10.0.0.1"]]))
        try:
            await ingest(Ctx(reads.knowledge.project), {"url": url}, client)
        finally:
            await client.close()

    with pytest.raises(TargetRefused):
        run(redirected())
    for url in ("http://inside.example/spec", "http://169.254.169.254/latest", "http://[::1]/"):
        with pytest.raises(TargetRefused):
            run(refused(url))


def test_a_page_that_is_not_there_is_an_error(reads, run):
    with pytest.raises(AnswerInvalid, match="404"):
        run(_ingest_from({}, Ctx(reads.knowledge.project)))


def test_how_much_there_is_to_read_is_known_beforehand(tmp_path):
    for name, raw, megabytes in (
        ("plain", b"x" * 2**20, 1.0),
        ("gzip", gzip.compress(b"x" * 2**22), 4.0),
        ("zip", b"PK\x03\x04" + b"x" * (2**20 - 4), 5.0),
        ("liar", b"\x1f\x8b" + b"\xff" * 100, 100.0),
        ("empty", b"", 0.0),
    ):
        (tmp_path / name).write_bytes(raw)
        assert unpacked_megabytes(tmp_path / name) == megabytes
