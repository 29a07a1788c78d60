"""Traces of a product, made by chance: names, sessions and hours that they share, calls with and without a price."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.workers.traces.sending import span
from workers.traces.base import INTERNAL, SERVER, Span

Json = dict[str, Any]

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MODELS = ("gpt-4o", "gpt-4o-mini", "nobody-knows-1")


def call(
    parent: Span | str | None = None, *, tokens: tuple[int, int] = (100, 10), model: str = "gpt-4o", **more: Any
) -> Span:
    """A call of a model."""
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": model,
        "gen_ai.usage.input_tokens": tokens[0],
        "gen_ai.usage.output_tokens": tokens[1],
        **more.pop("attributes", {}),
    }
    return span(f"chat {model}", attributes, parent=parent, **more)


def said(user: str, answer: str) -> Json:
    """The texts of a call."""
    return {
        "gen_ai.input.messages": f'[{{"role": "user", "parts": [{{"type": "text", "content": "{user}"}}]}}]',
        "gen_ai.output.messages": f'[{{"role": "assistant", "parts": [{{"type": "text", "content": "{answer}"}}]}}]',
    }


def products(seed: int, traces: int) -> list[Span]:
    """The spans of so many traces, within some hours of a day."""
    chance = random.Random(seed)
    found: list[Span] = []
    for number in range(traces):
        start = NOON + timedelta(minutes=chance.randrange(150))
        resource = {"service.name": chance.choice("ab"), "service.version": "1", "deployment.environment.name": "prod"}
        origin = {"session.id": f"s{number % 4}", "user.id": f"u{number % 5}"}
        root = span(f"POST /{number % 3}", {**origin, "langfuse.trace.tags": ["a", f"t{number % 2}"]}, start=start,
                    ms=chance.randrange(1, 5000), kind=chance.choice((INTERNAL, SERVER)),
                    status=chance.choice((0, 0, 2)), resource=resource)  # fmt: skip
        found.append(root)
        above = [root]
        for step in range(chance.randrange(1, 7)):
            parent = chance.choice(above)
            if chance.random() < 0.5:
                one = call(parent, start=step / 3, tokens=(chance.randrange(500), chance.randrange(1, 50)),
                           model=chance.choice(MODELS), resource=resource,
                           attributes=said(f"question {number} {step}", f"answer {step}"))  # fmt: skip
            else:
                name, tier, status = chance.choice(("lookup", "SELECT")), chance.choice("xyz"), chance.choice((0, 0, 2))
                one = span(name, parent=parent, start=step / 3, ms=chance.randrange(90), status=status,
                           resource=resource, tier=tier)  # fmt: skip
            found.append(one)
            above.append(one)
    return found
