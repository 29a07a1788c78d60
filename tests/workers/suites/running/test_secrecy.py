"""Secrets and private jobs: what is kept, told and returned has none of it, in whatever way it is written."""

import asyncio
import base64
import html
from typing import Any
from urllib.parse import quote

import pytest

from infra import json, storage
from tests.fakes.target import Request, Talk, answer
from tests.workers.suites.running.conftest import Bench, get, run_of

Json = dict[str, Any]

CANARY = 'canary/7f3a "q"+&z'
LEARNT = "learnt-5d1c9e"
TABLES = ("test_runs", "test_case_results", "test_case_runs", "test_failures", "jobs", "job_events", "files", "usage")


def written(secret: str) -> list[str]:
    """The ways in which it may stand somewhere."""
    raw = secret.encode()
    return [
        secret,
        quote(secret, safe=""),
        base64.b64encode(raw).decode(),
        base64.b64encode(b"user:" + raw).decode(),
        raw.hex(),
        json.dumps(secret)[1:-1],
        html.escape(secret),
    ]


def echoing(secret: str, status: str = "200 OK", pad: int = 0) -> Talk:
    """Answers the secret in all ways, in a header, too."""
    body = json.dump_bytes({"said": written(secret), "token": LEARNT, "pad": "x" * pad})

    async def talk(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(body, status=status, content_type="application/json", x_token=quote(secret)))

    return talk


def everything(bench: Bench) -> str:
    """All rows of the project, and all its files, as text."""
    found = []
    for table in TABLES:
        sql = f"SELECT CAST(to_jsonb(t) AS text) AS row FROM {table} t WHERE project_id = :id"
        for (row,) in bench.core.sql(sql, id=bench.project):
            found.append(row + json.dumps(json.loads(row)))
    for (key,) in bench.core.sql("SELECT key FROM files WHERE project_id = :id", id=bench.project):
        found.append(storage.store().get(key).decode())
    return "\n".join(found)


def asks(path: str, **more: Any) -> Json:
    """A step that sends the secret everywhere."""
    take = {"name": "token", "from": "jsonpath", "expression": "$.token", "secret": True}
    wanted = [{"type": "body", "path": "$.said[0]", "op": "equals", "expected": "{{secret.key}}!"}]
    sent = {"query": {"q": "{{secret.key}}"}, "headers": {"X-Key": "k {{secret.hex}}"}, "method": "POST"}
    return {
        "url": "{{base}}" + path,
        "body": {"key": "{{secret.key}}"},
        "extract": [take],
        "assert": wanted,
        **sent,
        **more,
    }


@pytest.mark.parametrize("pad", [0, 100_000])
def test_no_secret_is_in_anything_that_is_kept_or_told(bench: Bench, pad: int, capfd: Any) -> None:
    auth = {"basic": {"type": "basic", "username": "user", "password": "{{secret.key}}"}}
    environment = bench.environment(
        auth=auth, default_auth="basic", headers={"X-Env": "e {{secret.hex}}"},
        secrets={"key": CANARY, "hex": CANARY.encode().hex()},
    )  # fmt: skip
    first = get("/with/{{token}}", 500, continue_on_failure=True)  # what the suite's setup has learnt
    case = bench.case("asks", first, asks("/say"))
    suite = bench.suite(case, setup=[asks("/login", **{"assert": []})], teardown=[get("/bye/{{token}}", 500)])
    job = bench.submit(suite=suite, environment=environment, reports=["json", "junit", "html", "har"])
    ctx = bench.claim()
    result = bench.finish(ctx, echoing(CANARY, pad=pad))
    assert (result["verdict"], result["warnings"]) == ("failed", [])
    assert run_of(result) == job
    kept = everything(bench) + json.dumps(result) + str(ctx.told) + "".join(capfd.readouterr())
    assert "(secret" in kept
    for secret in (CANARY, LEARNT):
        assert not [one for one in written(secret) if one in kept]
    assert bench.target.requests[0].headers["x-key"] == f"k {CANARY.encode().hex()}"
    assert LEARNT in bench.target.requests[-1].path


@pytest.mark.parametrize("store", ["hashes", "none"])
def test_of_a_private_run_verdicts_are_kept_and_nothing_that_was_said(bench: Bench, store: str) -> None:
    said = "the-private-answer"
    wanted = {"type": "exact", "expected": "the-private-wish"}

    async def talk(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(said.encode() * 5000))

    step = {"method": "POST", "url": "{{base}}/{{private_path}}", "text": "{{private_text}}", "assert": [wanted]}
    case = bench.case("private", step)
    suite = bench.suite(case, setup=[{**step, "assert": []}])
    given = {"private_path": "the-private-path", "private_text": "the-private-text"}
    result = bench.run(suite=suite, store=store, variables=given, reports=["json", "har", "html"], talk=talk)
    assert result["verdict"] == "failed" and "the-private" not in json.dumps(result)
    bench.core.sql("UPDATE jobs SET payload = '{}' WHERE project_id = :id", id=bench.project)  # as its end does
    assert "the-private" not in everything(bench)
    (row,) = bench.executions(run_of(result))
    assert row.reason == "step_1: An assertion of type exact failed."
    assert [one["verdict"] for one in row.steps] == ["failed"]
