"""Steps run by themselves, against a server of the test's: no job around them, and no database."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from infra import ids
from infra.http import GuardedClient
from tests.fakes.steps_target import StepsTarget
from tests.fakes.target import HERE, Target, serving
from tests.workers.kinds.test_completion import Recorder
from workers.suites.base import Surroundings, World
from workers.suites.steps.redaction import Redactor
from workers.suites.steps.step import run_step
from workers.suites.steps.templates import Scope

TRACE = "0af7651916cd43dd8448eb211c80319c"
OK = {"type": "status", "expected": 200}

Json = dict[str, Any]


def a_world(client: GuardedClient, *, complete: Any = None, project: Any = None, **surroundings: Any) -> World:
    """What steps share; the secrets are known to its redaction."""
    ctx = Recorder()
    return World(
        ctx=ctx,
        project_id=project or ctx.project_id,
        run_id=ids.new_id(),
        surroundings=Surroundings(**surroundings),
        client=client,
        redaction=Redactor(surroundings.get("secrets")),
        complete=complete or _nobody,
    )


async def _nobody(payload: Json) -> Json:
    raise AssertionError("No model is asked here.")


def a_scope(world: World, **more: Any) -> Scope:
    """The scope of a new execution."""
    return Scope(**{"secrets": world.surroundings.secrets, "environment": world.surroundings.variables, **more})


def step(path: str = "/echo", method: str = "GET", *, wants: Json = OK, **more: Any) -> Json:
    """A step over HTTP that expects 200, or what `wants` asserts."""
    return {"id": "one", "kind": "http", "method": method, "url": path, "assert": [wants], **more}


Steps = Json | Callable[[Target], Json]


def ran(*steps: Steps, api: StepsTarget | None = None, scope: Json | None = None, **around: Any) -> list[Json]:
    """The results of the steps of one execution, whose environment has the server as its base URL."""
    return run_all(*steps, api=api, scope=scope, **around)[0]


def run_all(
    *steps: Steps, api: StepsTarget | None = None, scope: Json | None = None, **around: Any
) -> tuple[list[Json], Target, Scope]:
    """The same, with the server as it was left and the scope. `tls` is the server's, `client` options of the
    client."""
    server = {"tls": around.pop("tls")} if "tls" in around else {}
    options = {"targets": HERE, **around.pop("client", {})}

    async def run() -> tuple[list[Json], Target, Scope]:
        client = GuardedClient(**options)
        async with serving((api or StepsTarget()).talk, **server) as target:
            world = a_world(client, **{"base_url": target.url("/api"), **around})
            used = a_scope(world, **(scope or {}))
            try:
                results = [
                    await run_step(one(target) if callable(one) else one, used, world, phase="steps", trace_id=TRACE)
                    for one in steps
                ]
            finally:
                await client.close()
        return results, target, used

    return asyncio.run(run())


def echoed(result: Json) -> Json:
    """What the server says that came."""
    found: Json = json.loads(result["response"]["body"])
    return found
