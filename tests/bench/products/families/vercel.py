"""Vercel's AI SDK: what it writes of the call itself (`doGenerate`), and of the function around it."""

import json

from tests.bench.products.families.said import Asked, Embedded, Found, Json, Ran, Used, Written
from workers.traces.base import INTERNAL


def generation(asked: Asked) -> Written:
    """One step; the system prompt is the first message."""
    operation = "ai.generateObject" if asked.schema else "ai.generateText"
    before = [{"role": "system", "content": asked.system}] if asked.system else []
    messages: list[Json] = [*before, *({"role": role, "content": _parts(role, text)} for role, text in asked.messages)]
    said: Json = {
        "operation.name": f"{operation}.doGenerate {asked.place}",
        "ai.operationId": f"{operation}.doGenerate",
        "ai.telemetry.functionId": asked.place,
        "ai.model.provider": f"{asked.provider}.chat",
        "ai.model.id": asked.model,
        "ai.prompt.messages": json.dumps(messages),
        "ai.response.finishReason": asked.finish,
        "ai.response.model": asked.version,
        "ai.usage.promptTokens": asked.input_tokens,
        "ai.usage.completionTokens": asked.output_tokens,
        "gen_ai.system": f"{asked.provider}.chat",
        "gen_ai.request.model": asked.model,
        "gen_ai.response.model": asked.version,
        "gen_ai.usage.input_tokens": asked.input_tokens,
        "gen_ai.usage.output_tokens": asked.output_tokens,
    }
    said |= {f"gen_ai.request.{name}": value for name, value in asked.parameters.items()}
    if asked.tools:
        said["ai.prompt.tools"] = [json.dumps({"type": "function", **one}) for one in asked.tools]
    if asked.tool_calls:
        said["ai.response.toolCalls"] = json.dumps(
            [
                {"toolCallId": call_id, "toolName": name, "args": json.dumps(arguments)}
                for call_id, name, arguments in asked.tool_calls
            ]
        )
    if asked.schema:
        said |= {"ai.response.object": asked.answer, "ai.schema": json.dumps(asked.schema)}
    elif asked.answer:
        said["ai.response.text"] = asked.answer
    _whose(said, asked.session, asked.user)
    return f"{operation}.doGenerate", INTERNAL, said


def _parts(role: str, text: str) -> list[Json]:
    if role == "tool":
        return [{"type": "tool-result", "toolCallId": "call_1", "result": text}]
    return [{"type": "text", "text": text}]


def _whose(said: Json, session: str | None, user: str | None) -> None:
    if session:
        said["ai.telemetry.metadata.sessionId"] = session
    if user:
        said["ai.telemetry.metadata.userId"] = user


def tool(used: Used) -> Written:
    """A tool."""
    said: Json = {
        "operation.name": "ai.toolCall",
        "ai.operationId": "ai.toolCall",
        "ai.toolCall.name": used.tool,
        "ai.toolCall.id": used.call_id,
        "ai.toolCall.args": json.dumps(used.arguments),
        "ai.toolCall.result": json.dumps(used.result),
    }
    return "ai.toolCall", INTERNAL, said


def agent(ran: Ran) -> Written:
    """The function around the steps, with their sum."""
    operation = "ai.generateObject" if ran.kind == "object" else "ai.generateText"
    said: Json = {
        "operation.name": f"{operation} {ran.agent}",
        "resource.name": ran.agent,
        "ai.operationId": operation,
        "ai.telemetry.functionId": ran.agent,
        "ai.prompt": json.dumps({"prompt": ran.given}),
        "ai.response.object" if ran.kind == "object" else "ai.response.text": ran.answered,
        "ai.usage.promptTokens": ran.input_tokens,
        "ai.usage.completionTokens": ran.output_tokens,
    }
    _whose(said, ran.session, ran.user)
    return operation, INTERNAL, said


def retrieval(found: Found) -> Written:
    """A search, which the SDK knows as a tool."""
    return tool(Used(f"search_{found.source}", "call_0", {"query": found.query}, {"found": found.passages}))


def embedding(made: Embedded) -> Written:
    """An embedding."""
    said: Json = {
        "operation.name": "ai.embed.doEmbed",
        "ai.operationId": "ai.embed.doEmbed",
        "ai.model.provider": f"{made.provider}.embedding",
        "ai.model.id": made.model,
        "ai.values": [json.dumps(made.text)],
        "ai.usage.tokens": made.tokens,
    }
    return "ai.embed.doEmbed", INTERNAL, said
