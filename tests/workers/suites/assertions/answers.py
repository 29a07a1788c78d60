"""Answers of steps, and the world that assertions look at them in, without a run around."""

import asyncio
import json

from infra import ids
from infra.http import GuardedClient
from infra.targets import Targets
from tests.workers.kinds.test_completion import Recorder
from workers.kinds import BY_NAME
from workers.suites.assertions import judge
from workers.suites.base import Answered, Surroundings, World
from workers.suites.steps.redaction import Redactor


def world(project=None, *, complete=None, secrets=None, max_cost=None, **surroundings):
    """A world whose `complete` is the kind itself."""
    ctx = Recorder(max_cost=max_cost)
    ctx.project_id = project or ctx.project_id

    async def completion(payload):
        kind = BY_NAME["completion"]
        assert kind.payload().validate(payload) == {}
        return await kind.run(ctx, payload)

    return World(
        ctx=ctx,
        project_id=ctx.project_id,
        run_id=ids.new_id(),
        surroundings=Surroundings(**surroundings),
        client=GuardedClient(targets=Targets((), ())),
        redaction=Redactor(secrets),
        complete=complete or completion,
    )


def http(body=b"", status=200, *, headers=(), **more):
    """What came back for a request; a body that is no bytes and no text is JSON."""
    if not isinstance(body, str | bytes):
        body, headers = json.dumps(body), [("Content-Type", "application/json"), *headers]
    body = body.encode() if isinstance(body, str) else body
    more = {"kind": "http", "milliseconds": 12.5, "method": "GET", "url": "https://api.test/pets", **more}
    return Answered(body=body, status=status, headers=tuple(headers), **more)


def said(text, **more):
    """What a model said."""
    return Answered(kind="completion", body=text.encode(), milliseconds=5.0, result={}, **more)


def judged(assertion, answered, within=None, run=asyncio.run):
    """How one assertion came out."""
    return run(judge([assertion], answered, within or world()))[0]


def outcome(assertion, answered, within=None):
    """Its verdict and message."""
    done = judged(assertion, answered, within)
    return str(done.verdict), done.message
