"""OpenLLMetry (Traceloop), in the older names that are still sent."""

import json

from tests.bench.products.families.said import Asked, Embedded, Found, Json, Ran, Used, Written
from workers.traces.base import CLIENT, INTERNAL


def generation(asked: Asked) -> Written:
    """A chat; the system prompt is the first message."""
    said: Json = {
        "llm.request.type": "chat",
        "gen_ai.system": asked.provider,
        "gen_ai.request.model": asked.model,
        "gen_ai.response.model": asked.version,
        "gen_ai.usage.prompt_tokens": asked.input_tokens,
        "gen_ai.usage.completion_tokens": asked.output_tokens,
        "llm.usage.total_tokens": asked.input_tokens + asked.output_tokens,
        "gen_ai.completion.0.role": "assistant",
        "gen_ai.completion.0.finish_reason": asked.finish,
    }
    before = [("system", asked.system)] if asked.system else []
    for at, (role, text) in enumerate([*before, *asked.messages]):
        said[f"gen_ai.prompt.{at}.role"] = role
        said[f"gen_ai.prompt.{at}.content"] = text
    if asked.answer:
        said["gen_ai.completion.0.content"] = asked.answer
    for at, (call_id, name, arguments) in enumerate(asked.tool_calls):
        place = f"gen_ai.completion.0.tool_calls.{at}"
        said |= {f"{place}.id": call_id, f"{place}.name": name, f"{place}.arguments": json.dumps(arguments)}
    for at, one in enumerate(asked.tools):
        place = f"llm.request.functions.{at}"
        said |= {f"{place}.name": one["name"], f"{place}.description": one["description"]}
        said[f"{place}.parameters"] = json.dumps(one["parameters"])
    said |= {f"gen_ai.request.{name}": value for name, value in asked.parameters.items()}
    if asked.schema:
        said["gen_ai.request.structured_output_schema"] = json.dumps(asked.schema)
    _whose(said, asked.session, asked.user)
    return f"{asked.provider}.chat", CLIENT, said


def _whose(said: Json, session: str | None, user: str | None) -> None:
    if session:
        said["traceloop.association.properties.session_id"] = session
    if user:
        said["traceloop.association.properties.user_id"] = user


def tool(used: Used) -> Written:
    """A tool."""
    said: Json = {
        "traceloop.span.kind": "tool",
        "traceloop.entity.name": used.tool,
        "traceloop.entity.input": json.dumps({"args": [], "kwargs": used.arguments}),
        "traceloop.entity.output": json.dumps(used.result),
    }
    return f"{used.tool}.tool", INTERNAL, said


def agent(ran: Ran) -> Written:
    """A workflow, a task or an agent."""
    said: Json = {
        "traceloop.span.kind": ran.kind,
        "traceloop.entity.name": ran.agent,
        "traceloop.workflow.name": ran.agent,
        "traceloop.entity.input": json.dumps({"args": [ran.given], "kwargs": {}}),
        "traceloop.entity.output": json.dumps(ran.answered),
    }
    _whose(said, ran.session, ran.user)
    return f"{ran.agent}.{ran.kind}", INTERNAL, said


def retrieval(found: Found) -> Written:
    """A query of a vector database."""
    said: Json = {
        "db.system": found.source,
        "db.operation": "query",
        "db.vector.query.top_k": len(found.passages),
        "traceloop.entity.input": found.query,
    }
    return f"{found.source}.query", CLIENT, said


def embedding(made: Embedded) -> Written:
    """An embedding."""
    said: Json = {
        "llm.request.type": "embedding",
        "gen_ai.system": made.provider,
        "gen_ai.request.model": made.model,
        "gen_ai.usage.prompt_tokens": made.tokens,
        "gen_ai.prompt.0.content": made.text,
    }
    return f"{made.provider}.embeddings", CLIENT, said
