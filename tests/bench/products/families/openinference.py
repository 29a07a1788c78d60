"""OpenInference, as Phoenix and many frameworks write it."""

import json

from tests.bench.products.families.said import Asked, Embedded, Found, Json, Ran, Used, Written
from workers.traces.base import INTERNAL


def generation(asked: Asked) -> Written:
    """A chat; the system prompt is the first message."""
    before = [("system", asked.system)] if asked.system else []
    messages = [*before, *asked.messages]
    parameters = {"model": asked.model, **asked.parameters}
    if asked.schema:
        parameters["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": asked.schema},
        }
    said: Json = {
        "openinference.span.kind": "LLM",
        "llm.provider": asked.provider,
        "llm.system": asked.provider,
        "llm.model_name": asked.version,
        "llm.invocation_parameters": json.dumps(parameters),
        "llm.token_count.prompt": asked.input_tokens,
        "llm.token_count.completion": asked.output_tokens,
        "llm.token_count.total": asked.input_tokens + asked.output_tokens,
        "input.value": json.dumps({"messages": [{"role": role, "content": text} for role, text in messages]}),
        "input.mime_type": "application/json",
        "output.value": asked.answer,
        "llm.output_messages.0.message.role": "assistant",
    }
    for at, (role, text) in enumerate(messages):
        said[f"llm.input_messages.{at}.message.role"] = role
        said[f"llm.input_messages.{at}.message.content"] = text
    if asked.answer:
        said["llm.output_messages.0.message.content"] = asked.answer
    for at, (call_id, name, arguments) in enumerate(asked.tool_calls):
        place = f"llm.output_messages.0.message.tool_calls.{at}.tool_call"
        said |= {f"{place}.id": call_id, f"{place}.function.name": name}
        said[f"{place}.function.arguments"] = json.dumps(arguments)
    for at, one in enumerate(asked.tools):
        said[f"llm.tools.{at}.tool.json_schema"] = json.dumps({"type": "function", "function": one})
    _whose(said, asked.session, asked.user)
    return "ChatOpenAI" if asked.provider == "openai" else "ChatAnthropic", INTERNAL, said


def _whose(said: Json, session: str | None, user: str | None) -> None:
    if session:
        said["session.id"] = session
    if user:
        said["user.id"] = user


def tool(used: Used) -> Written:
    """A tool."""
    said: Json = {
        "openinference.span.kind": "TOOL",
        "tool.name": used.tool,
        "tool.description": used.description,
        "input.value": json.dumps(used.arguments),
        "output.value": json.dumps(used.result),
    }
    return used.tool, INTERNAL, said


def agent(ran: Ran) -> Written:
    """A chain or an agent, which repeats the usage of what is below it."""
    said: Json = {
        "openinference.span.kind": "AGENT" if ran.kind == "agent" else "CHAIN",
        "input.value": ran.given,
        "output.value": ran.answered,
        "llm.token_count.prompt": ran.input_tokens,
        "llm.token_count.completion": ran.output_tokens,
    }
    _whose(said, ran.session, ran.user)
    return ran.agent, INTERNAL, said


def retrieval(found: Found) -> Written:
    """A retriever with its documents."""
    said: Json = {"openinference.span.kind": "RETRIEVER", "input.value": found.query}
    for at, passage in enumerate(found.passages):
        said[f"retrieval.documents.{at}.document.content"] = passage
        said[f"retrieval.documents.{at}.document.score"] = round(0.9 - at / 10, 2)
    return f"{found.source}.retrieve", INTERNAL, said


def embedding(made: Embedded) -> Written:
    """An embedding."""
    said: Json = {
        "openinference.span.kind": "EMBEDDING",
        "embedding.model_name": made.model,
        "embedding.embeddings.0.embedding.text": made.text,
        "llm.token_count.prompt": made.tokens,
    }
    return "OpenAIEmbedding", INTERNAL, said
