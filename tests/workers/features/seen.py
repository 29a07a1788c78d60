"""Observations and summaries for tests of the analysis, told in one line each."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import numpy as np

from tests.workers.traces.sending import span
from workers.features.base import Summary, Vector
from workers.features.vectors import DIMENSIONS
from workers.traces.base import Span, Stored
from workers.traces.mapping.deriving import derive

Json = dict[str, Any]
START = datetime(2026, 1, 5, tzinfo=UTC)
STATUSES = ("unset", "ok", "error")


def stored(*spans: Span) -> list[Stored]:
    """The spans as a store gives them back."""
    return sorted((_stored(one) for one in spans), key=lambda one: one.started_at)


def _stored(one: Span) -> Stored:
    derived = derive(one)
    columns = {name: getattr(derived, name) for name in derived.__slots__}
    return Stored(
        trace_id=UUID(bytes=one.trace_id),
        span_id=int.from_bytes(one.span_id, "big", signed=True),
        digest=0,
        parent_id=None if one.parent_id is None else int.from_bytes(one.parent_id, "big", signed=True),
        started_at=datetime.fromtimestamp(0, UTC) + timedelta(microseconds=one.start // 1000),
        duration_us=(one.end - one.start) // 1000,
        received_at=START,
        span_kind=one.kind,
        status=STATUSES[one.status],
        name=one.name,
        status_message=one.status_message,
        mapping_version=1,
        attributes=one.attributes,
        events=one.events,
        links=one.links,
        resource=one.resource,
        **columns,
    )


def request(method: str, path: str, *, route: str | None = None, code: int = 200, **more: Any) -> Span:
    """The root of a request to a server."""
    said: Json = {"http.request.method": method, "url.path": path, "http.response.status_code": code}
    return span(f"{method} {route or ''}".strip(), {**said, **({"http.route": route} if route else {})}, kind=2, **more)


def call(parent: Span, said: str, answer: str = "", *, system: str | None = None, before: str | None = None) -> Span:
    """A call of a model by the GenAI conventions."""
    import json

    messages = [{"role": "system", "parts": [{"type": "text", "content": system}]}] if system else []
    if before is not None:
        messages.append({"role": "user", "parts": [{"type": "text", "content": before}]})
        messages.append({"role": "assistant", "parts": [{"type": "text", "content": "Here it is."}]})
    messages.append({"role": "user", "parts": [{"type": "text", "content": said}]})
    answered = [{"role": "assistant", "parts": [{"type": "text", "content": answer}], "finish_reason": "stop"}]
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.input.messages": json.dumps(messages),
        "gen_ai.output.messages": json.dumps(answered),
    }
    return span("chat gpt-4o-mini", attributes, parent=parent, kind=3)


def tool(parent: Span, name: str) -> Span:
    """A tool that an agent used."""
    said = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name}
    return span(f"execute_tool {name}", said, parent=parent)


def summary(
    goal: str = "",
    *,
    entry: str = "test POST /chat",
    tools: tuple[str, ...] = (),
    prompt: str | None = None,
    vector: Vector | None = None,
    reply: Vector | None = None,
    at: timedelta = timedelta(),
    **details: Any,
) -> Summary:
    """A trace as the analysis sees it."""
    return Summary(
        trace_id=uuid4(),
        started_at=START + at,
        duration_ms=1.0,
        failed=False,
        cost=None,
        skeleton=entry,
        steps=[],
        prompt=prompt,
        text=goal or entry,
        goal=goal,
        session_id=None,
        user_id=None,
        calls=(),
        revision=1,
        vector=vector,
        reply=reply,
        details={"entry": entry, "tools": list(tools), "noise": False, "answer": "", **details},
    )


def near(number: int, spread: float = 0.3, *, seed: int = 0) -> Vector:
    """A vector of length 1 around the axis of that number: what texts on one subject have."""
    made = np.zeros(DIMENSIONS, np.float32)
    made[number] = 1
    noise = np.random.default_rng([number, seed]).normal(size=DIMENSIONS).astype(np.float32)
    made += noise * np.float32(spread / np.linalg.norm(noise))
    return made / np.float32(np.linalg.norm(made))
