"""The kind that writes test cases, as drafts that wait for a person: from operations, a trace or a description."""

import asyncio
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from schemas.test_generate import MODES, GenerateIn, GenerateOut
from workers.kinds import costs
from workers.kinds.base import Context, Kind
from workers.providers import names

Json = dict[str, Any]

DEFAULTS: Json = {"modes": list(MODES), "seed": 1, "max_cases_per_operation": 100, "max_latency_ms": 2800.0}
MOST_WARNINGS = 500


def check(payload: Json) -> None:
    """Refuses a model that cannot be asked."""
    if payload.get("model") is not None:
        names.require_configured(names.target(payload["model"], pointer="/input/model").provider)


def admit(session: Session, project_id: UUID, payload: Json) -> None:
    """Refuses a knowledge base, operations or an environment that are not there."""
    from workers.suites.generating import asking  # what belongs to cases imports the kinds, too

    asking.admit(session, project_id, payload)


def scope(payload: Json) -> str:
    """What a trace that is stored says, its cases say, too."""
    return "tests:write traces:read" if payload.get("trace_id") or payload.get("trace_ids") else "tests:write"


def serial(payload: Json) -> str:
    """Cases for one knowledge base are written one after the other, so that each is written once."""
    return f"test.generate:{payload.get('knowledge_base_id') or 'default'}"


def priced(payload: Json) -> bool:
    """Whether the model that writes cases, if there is one, has a list price."""
    model = payload.get("model")
    return model is None or costs.priced([names.target(model)])


async def run(ctx: Context, payload: Json) -> Json:
    """Writes them."""
    from workers.suites.generating import asking

    # No environment is a wish, too.
    given = {name: one for name, one in payload.items() if one is not None or name == "environment"}
    wish = {**DEFAULTS, **given}
    found = await asking.found(ctx, wish)
    ctx.checkpoint()
    stored = await asyncio.to_thread(asking.stored, ctx, wish, found)
    warnings = [*found["warnings"], *stored["warnings"]]
    return {
        "drafts": stored["drafts"],
        "skipped": stored["skipped"],
        "operations": found["operations"],
        "warnings": warnings[:MOST_WARNINGS],
        "warnings_total": len(warnings),
    }


KIND = Kind(
    name="test.generate",
    title="Test case generation",
    queue="completions",
    payload=GenerateIn,
    result=GenerateOut,
    run=run,
    example={"from": "openapi", "modes": ["positive", "negative"], "seed": 7},
    check=check,
    admit=admit,
    scope=scope,
    serial=serial,
    priced=priced,
    timeout_seconds=3600.0,
)
