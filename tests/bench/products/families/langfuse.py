"""Langfuse's SDK on OpenTelemetry."""

import json

from tests.bench.products.families.said import Asked, Embedded, Found, Json, Ran, Used, Written
from workers.traces.base import INTERNAL


def generation(asked: Asked) -> Written:
    """A generation; the system prompt is the first message."""
    before = [{"role": "system", "content": asked.system}] if asked.system else []
    messages = [*before, *({"role": role, "content": text} for role, text in asked.messages)]
    given: Json = {"messages": messages, "tools": asked.tools} if asked.tools else {"messages": messages}
    answer: Json = {"role": "assistant", "content": asked.answer}
    if asked.tool_calls:
        answer["tool_calls"] = [
            {"id": call_id, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
            for call_id, name, arguments in asked.tool_calls
        ]
    usage = {"input": asked.input_tokens, "output": asked.output_tokens}
    parameters = dict(asked.parameters)
    if asked.schema:
        parameters["response_format"] = {"type": "json_schema", "json_schema": {"schema": asked.schema}}
    said: Json = {
        "langfuse.observation.type": "generation",
        "langfuse.observation.input": json.dumps(given if asked.tools else messages),
        "langfuse.observation.output": json.dumps(answer),
        "langfuse.observation.model.name": asked.version,
        "langfuse.observation.model.parameters": json.dumps(parameters),
        "langfuse.observation.usage_details": json.dumps({**usage, "total": sum(usage.values())}),
        "langfuse.observation.prompt.name": asked.place,
    }
    _whose(said, asked.session, asked.user)
    return f"{asked.place}-generation", INTERNAL, said


def _whose(said: Json, session: str | None, user: str | None) -> None:
    if session:
        said["langfuse.session.id"] = session
    if user:
        said["langfuse.user.id"] = user


def tool(used: Used) -> Written:
    """A tool."""
    said: Json = {
        "langfuse.observation.type": "tool",
        "langfuse.observation.input": json.dumps(used.arguments),
        "langfuse.observation.output": json.dumps(used.result),
    }
    return used.tool, INTERNAL, said


def agent(ran: Ran) -> Written:
    """An agent or a span around others."""
    said: Json = {
        "langfuse.observation.type": "agent" if ran.kind == "agent" else "span",
        "langfuse.observation.input": json.dumps(ran.given),
        "langfuse.observation.output": json.dumps(ran.answered),
        "langfuse.trace.name": ran.agent,
    }
    _whose(said, ran.session, ran.user)
    return ran.agent, INTERNAL, said


def retrieval(found: Found) -> Written:
    """A retriever."""
    said: Json = {
        "langfuse.observation.type": "retriever",
        "langfuse.observation.input": json.dumps(found.query),
        "langfuse.observation.output": json.dumps(found.passages),
    }
    return f"retrieve-{found.source}", INTERNAL, said


def embedding(made: Embedded) -> Written:
    """An embedding."""
    said: Json = {
        "langfuse.observation.type": "embedding",
        "langfuse.observation.input": json.dumps(made.text),
        "langfuse.observation.model.name": made.model,
        "langfuse.observation.usage_details": json.dumps({"input": made.tokens}),
    }
    return "embed-query", INTERNAL, said
