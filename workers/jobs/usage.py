"""Counting what providers were paid for: once a call, however often its end is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import ids, json
from workers.providers.base import ProviderUsage

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """The `number`-th provider call of an attempt."""

    job_id: UUID
    project_id: UUID
    attempt: int
    number: int
    usage: ProviderUsage


RECORD = text("""
INSERT INTO usage (id, project_id, job_id, attempt, call, provider, model, input_tokens, output_tokens, cached_tokens,
  reasoning_tokens, cost_usd, latency_ms, first_token_ms, provider_request_id, estimated, created_at)
SELECT x.*, now() FROM jsonb_to_recordset(CAST(:calls AS jsonb)) AS x(
  id uuid, project_id uuid, job_id uuid, attempt int, call int, provider text, model text, input_tokens int,
  output_tokens int, cached_tokens int, reasoning_tokens int, cost_usd numeric, latency_ms int, first_token_ms int,
  provider_request_id text, estimated bool)
ON CONFLICT (job_id, attempt, call) DO NOTHING
""")


def record(session: Session, calls: Sequence[Call]) -> None:
    """Writes the calls that are not written yet."""
    if calls:
        session.execute(RECORD, {"calls": json.dump_for_postgres([_row(call) for call in calls])})


def _row(call: Call) -> Json:
    used = call.usage
    first = used.first_token_seconds
    return {
        "id": ids.new_id(),
        "project_id": call.project_id,
        "job_id": call.job_id,
        "attempt": call.attempt,
        "call": call.number,
        "provider": used.provider,
        "model": used.model,
        "input_tokens": used.input_tokens,
        "output_tokens": used.output_tokens,
        "cached_tokens": used.cached_tokens,
        "reasoning_tokens": used.reasoning_tokens,
        "cost_usd": used.cost_usd,
        "latency_ms": round(used.latency_seconds * 1000),
        "first_token_ms": None if first is None else round(first * 1000),
        "provider_request_id": used.provider_request_id,
        "estimated": used.estimated,
    }


def total(calls: Sequence[ProviderUsage]) -> Json | None:
    """The sum that a job shows; its cost is null as soon as one call's price is unknown."""
    if not calls:
        return None
    costs = [call.cost_usd for call in calls]
    return {
        "calls": len(calls),
        "input_tokens": sum(call.input_tokens for call in calls),
        "output_tokens": sum(call.output_tokens for call in calls),
        "cached_tokens": sum(call.cached_tokens for call in calls),
        "reasoning_tokens": sum(call.reasoning_tokens for call in calls),
        "cost_usd": None if None in costs else str(sum((cost for cost in costs if cost is not None), Decimal(0))),
    }
