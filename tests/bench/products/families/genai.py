"""The semantic conventions for generative AI as they are now."""

import json

from tests.bench.products.families.said import Asked, Embedded, Found, Json, Ran, Used, Written
from workers.traces.base import CLIENT, INTERNAL


def generation(asked: Asked) -> Written:
    """A chat."""
    said: Json = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": asked.provider,
        "gen_ai.request.model": asked.model,
        "gen_ai.response.model": asked.version,
        "gen_ai.response.finish_reasons": [asked.finish],
        "gen_ai.usage.input_tokens": asked.input_tokens,
        "gen_ai.usage.output_tokens": asked.output_tokens,
        "gen_ai.input.messages": json.dumps([_message(role, text) for role, text in asked.messages]),
        "gen_ai.output.messages": json.dumps([{**_answer(asked), "finish_reason": asked.finish}]),
        "server.address": "api.openai.com",
    }
    said |= {f"gen_ai.request.{name}": value for name, value in asked.parameters.items()}
    if asked.system:
        said["gen_ai.system_instructions"] = json.dumps([{"type": "text", "content": asked.system}])
    if asked.tools:
        said["gen_ai.tool.definitions"] = json.dumps(asked.tools)
    if asked.cached_tokens:
        said["gen_ai.usage.cache_read.input_tokens"] = asked.cached_tokens
    if asked.schema:
        said |= {"gen_ai.output.type": "json", "gen_ai.request.structured_output_schema": json.dumps(asked.schema)}
    if asked.session:
        said["gen_ai.conversation.id"] = asked.session
    return f"chat {asked.model}", CLIENT, said


def _message(role: str, text: str) -> Json:
    if role == "tool":
        return {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call_1", "result": text}]}
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def _answer(asked: Asked) -> Json:
    parts: list[Json] = [{"type": "text", "content": asked.answer}] if asked.answer else []
    parts += [
        {"type": "tool_call", "id": call_id, "name": name, "arguments": arguments}
        for call_id, name, arguments in asked.tool_calls
    ]
    return {"role": "assistant", "parts": parts}


def tool(used: Used) -> Written:
    """A tool."""
    said: Json = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": used.tool,
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": used.call_id,
        "gen_ai.tool.call.arguments": json.dumps(used.arguments),
        "gen_ai.tool.call.result": json.dumps(used.result),
    }
    return f"execute_tool {used.tool}", INTERNAL, said


def agent(ran: Ran) -> Written:
    """An agent."""
    said: Json = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": ran.agent,
        "gen_ai.usage.input_tokens": ran.input_tokens,
        "gen_ai.usage.output_tokens": ran.output_tokens,
    }
    if ran.session:
        said["gen_ai.conversation.id"] = ran.session
    return f"invoke_agent {ran.agent}", INTERNAL, said


def retrieval(found: Found) -> Written:
    """A retrieval."""
    said: Json = {
        "gen_ai.operation.name": "retrieval",
        "gen_ai.data_source.id": found.source,
        "gen_ai.retrieval.query.text": found.query,
        "gen_ai.retrieval.documents": json.dumps([{"id": str(at), "score": 0.8} for at in range(len(found.passages))]),
    }
    return f"retrieval {found.source}", CLIENT, said


def embedding(made: Embedded) -> Written:
    """An embedding."""
    said: Json = {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": made.provider,
        "gen_ai.request.model": made.model,
        "gen_ai.usage.input_tokens": made.tokens,
    }
    return f"embeddings {made.model}", CLIENT, said
