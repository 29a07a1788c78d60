"""What was said, from each family of attributes and events."""

import time
from typing import Any

import pytest

from infra import json
from models import ObservationKind as Kind
from tests.workers.traces.mapping.making import event, kept, span
from workers.traces.base import Texts
from workers.traces.mapping.reading import texts_of

Json = dict[str, Any]

CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}
SYSTEM, ASKED, ANSWER = "Be kind.", "What is the weather in Rome?", "Sunny."
CALL = {"name": "weather", "arguments": {"city": "Rome"}, "id": "c1"}

CALLS = [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}]
OPENAI: list[Json] = [
    {"role": "system", "content": SYSTEM},
    {"role": "user", "content": [{"type": "text", "text": ASKED}]},
    {"role": "assistant", "content": None, "tool_calls": CALLS},
    {"role": "tool", "tool_call_id": "c1", "content": "25 degrees"},
]
PARTS = [
    {"role": "user", "parts": [{"type": "text", "content": ASKED}]},
    {
        "role": "assistant",
        "parts": [
            {"type": "reasoning", "content": "hm"},
            {"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"city": "Rome"}},
        ],
    },
    {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "25 degrees"}]},
]
ANTHROPIC = [
    {"role": "user", "content": ASKED},
    {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Rome"}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "25 degrees"}]},
]
GEMINI = {
    "model": "gemini-2.5-flash",
    "config": {"system_instruction": SYSTEM, "temperature": 0.2},
    "contents": [
        {"role": "user", "parts": [{"text": ASKED}]},
        {"role": "model", "parts": [{"function_call": {"id": "c1", "name": "weather", "args": {"city": "Rome"}}}]},
        {"role": "user", "parts": [{"function_response": {"name": "weather", "response": "25 degrees"}}]},
    ],
}
LANGCHAIN = {
    "messages": [
        {"lc": 1, "type": "constructor", "id": ["langchain", "SystemMessage"], "kwargs": {"content": SYSTEM}},
        {"type": "human", "content": ASKED},
        {"type": "ai", "content": "", "tool_calls": [{"id": "c1", "name": "weather", "args": {"city": "Rome"}}]},
        {"type": "tool", "content": "25 degrees", "tool_call_id": "c1"},
    ]
}
RESPONSES = {
    "instructions": SYSTEM,
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": ASKED}]},
        {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"city": "Rome"}'},
        {"type": "function_call_output", "call_id": "c1", "output": "25 degrees"},
    ],
}


def spelt(prefix: str, inner: str, messages: list[Json]) -> Json:
    """The messages as attributes with indexes."""
    found: Json = {}
    for at, message in enumerate(messages):
        content = message["content"]
        found[f"{prefix}.{at}.{inner}role"] = message["role"]
        found[f"{prefix}.{at}.{inner}content"] = content[0]["text"] if isinstance(content, list) else content
        for number, call in enumerate(message.get("tool_calls", [])):
            above = f"{prefix}.{at}.{inner}tool_calls.{number}."
            above += "tool_call." if inner else ""
            names = {"id": call["id"], "function.name": "weather", "function.arguments": '{"city": "Rome"}'}
            found |= {above + (name if inner else name.removeprefix("function.")): one for name, one in names.items()}
    return found


def text(value: Any) -> str:
    """JSON text."""
    return json.dumps(value)


FAMILIES: dict[str, Json] = {
    "today's conventions": {
        "gen_ai.system_instructions": text([{"type": "text", "content": SYSTEM}]),
        "gen_ai.input.messages": text(PARTS),
        "gen_ai.output.messages": text(
            [{"role": "assistant", "parts": [{"type": "text", "content": ANSWER}], "finish_reason": "stop"}]
        ),
    },
    "today's conventions, structured": {
        "gen_ai.system_instructions": [{"type": "text", "content": SYSTEM}],
        "gen_ai.input.messages": PARTS,
        "gen_ai.output.messages": [{"role": "assistant", "parts": [{"type": "text", "content": ANSWER}]}],
        "gen_ai.response.finish_reasons": ["stop"],
    },
    "OpenLLMetry": spelt("gen_ai.prompt", "", OPENAI)
    | {"gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.content": ANSWER}
    | {"gen_ai.completion.0.finish_reason": "stop"},
    "OpenInference": spelt("llm.input_messages", "message.", OPENAI)
    | {"llm.output_messages.0.message.role": "assistant", "llm.output_messages.0.message.content": ANSWER}
    | {"llm.finish_reason": "stop"},
    "OpenInference, of the request": {
        "input.value": text({"messages": OPENAI, "model": "gpt-4o"}),
        "output.value": text(
            {"choices": [{"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}]}
        ),
    },
    "the Vercel SDK": {
        "ai.prompt.messages": text(
            [
                {"role": "system", "content": SYSTEM},
                {"role": "user", "content": [{"type": "text", "text": ASKED}]},
                {
                    "role": "assistant",
                    "content": [
                        {"type": "tool-call", "toolCallId": "c1", "toolName": "weather", "input": {"city": "Rome"}}
                    ],
                },
                {
                    "role": "tool",
                    "content": [
                        {"type": "tool-result", "toolCallId": "c1", "output": {"type": "text", "value": "25 degrees"}}
                    ],
                },
            ]
        ),
        "ai.response.text": ANSWER,
        "ai.response.finishReason": "stop",
    },
    "Langfuse": {
        "langfuse.observation.input": text(OPENAI),
        "langfuse.observation.output": text({"role": "assistant", "content": ANSWER, "finish_reason": "stop"}),
    },
    "Anthropic's messages": {
        "langfuse.observation.input": text({"system": SYSTEM, "messages": ANTHROPIC}),
        "langfuse.observation.output": text({"role": "assistant", "content": ANSWER, "stop_reason": "stop"}),
    },
    "Google's ADK": {
        "gcp.vertex.agent.llm_request": text(GEMINI),
        "gcp.vertex.agent.llm_response": text(
            {"content": {"role": "model", "parts": [{"text": ANSWER}]}, "finish_reason": "STOP"}
        ),
    },
    "LangChain": {
        "traceloop.entity.input": text(LANGCHAIN),
        "traceloop.entity.output": text(
            {"generations": [[{"message": {"type": "ai", "content": ANSWER}, "finish_reason": "stop"}]]}
        ),
    },
    "the Responses API": {
        "mlflow.spanInputs": text(RESPONSES),
        "mlflow.spanOutputs": text(
            {"output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": ANSWER}]}]}
        ),
        "gen_ai.response.finish_reasons": '["stop"]',
    },
    "pydantic-ai": {
        "events": text(
            [
                {"event.name": "gen_ai.system.message", "content": SYSTEM, "role": "system"},
                {"event.name": "gen_ai.user.message", "content": ASKED, "role": "user"},
                {"event.name": "gen_ai.assistant.message", "tool_calls": CALLS, "role": "assistant"},
                {"event.name": "gen_ai.tool.message", "content": "25 degrees", "role": "tool", "id": "c1"},
                {
                    "event.name": "gen_ai.choice",
                    "message": {"role": "assistant", "content": ANSWER},
                    "finish_reason": "stop",
                },
            ]
        )
    },
}


def require_whole(said: Texts) -> None:
    """All of the conversation is there."""
    assert said.system == SYSTEM
    assert [(one.role, one.text) for one in said.messages] == [
        ("user", ASKED),
        ("assistant", ""),
        ("tool", "25 degrees"),
    ]
    assert said.messages[1].tool_calls == [CALL]
    assert said.answer is not None and (said.answer.role, said.answer.text) == ("assistant", ANSWER)
    assert (said.finish_reason, said.refused) == ("stop", False)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_says_the_same_conversation(family: str) -> None:
    require_whole(texts_of(kept(span(CHAT | FAMILIES[family]))))


def test_events_say_it_too() -> None:
    told = [
        event("gen_ai.system.message", {"content": SYSTEM}),
        event("gen_ai.user.message", {"content": ASKED}),
        event("gen_ai.assistant.message", {"tool_calls": text(CALLS)}),
        event("gen_ai.tool.message", {"content": "25 degrees", "id": "c1"}),
        event("gen_ai.choice", {"message": text({"content": ANSWER}), "finish_reason": "stop"}),
    ]
    require_whole(texts_of(kept(span(CHAT, events=told))))
    details = event("gen_ai.client.inference.operation.details", FAMILIES["today's conventions"])
    require_whole(texts_of(kept(span(CHAT, events=[details]))))


def test_the_developer_is_the_system_and_refusals_are_told() -> None:
    asked = [{"role": "developer", "content": SYSTEM}, {"role": "user", "content": ASKED}]
    said = texts_of(kept(span(CHAT | {"gen_ai.input.messages": asked, "gen_ai.response.finish_reasons": ["SAFETY"]})))
    assert (said.system, len(said.messages), said.refused) == (SYSTEM, 1, True)
    parts = [{"type": "refusal", "refusal": "I must not."}]
    said = texts_of(kept(span(CHAT | {"gen_ai.output.messages": [{"role": "assistant", "content": parts}]})))
    assert said.answer is not None and (said.answer.text, said.refused) == ("I must not.", True)


@pytest.mark.parametrize(
    "said",
    [
        {"gen_ai.request.temperature": 0.5, "gen_ai.request.max_tokens": 10},
        {"llm.invocation_parameters": '{"temperature": 0.5, "max_tokens": 10, "model": "x"}'},
        {"langfuse.observation.model_parameters": '{"temperature": "0.5", "max_tokens": "10"}'},
        {"ai.settings.maxOutputTokens": 10, "ai.settings.temperature": 0.5},
        {"input.value": '{"config": {"temperature": 0.5, "maxOutputTokens": 10}, "contents": "hi"}'},
    ],
)
def test_parameters_have_one_name_each(said: Json) -> None:
    assert texts_of(kept(span(CHAT | said))).parameters == {"max_tokens": 10, "temperature": 0.5}


SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
FUNCTION = {"name": "weather", "description": "Tells it.", "parameters": SCHEMA}


@pytest.mark.parametrize(
    "said",
    [
        {"gen_ai.tool.definitions": text([{"type": "function", **FUNCTION}])},
        {"llm.tools.0.tool.json_schema": text({"type": "function", "function": FUNCTION})},
        {
            "ai.prompt.tools": [
                text({"type": "function", "name": "weather", "description": "Tells it.", "inputSchema": SCHEMA})
            ]
        },
        {f"llm.request.functions.0.{name}": value for name, value in FUNCTION.items()},
        {"gcp.vertex.agent.llm_request": text({"config": {"tools": [{"function_declarations": [FUNCTION]}]}})},
        {"model_request_parameters": text({"function_tools": [{**FUNCTION, "parameters_json_schema": SCHEMA}]})},
        {"input.value": text({"tools": [{"name": "weather", "description": "Tells it.", "input_schema": SCHEMA}]})},
    ],
)
def test_tools_have_one_form(said: Json) -> None:
    assert texts_of(kept(span(CHAT | said))).tools == [FUNCTION]


@pytest.mark.parametrize(
    "said",
    [
        {"gen_ai.request.structured_output_schema": text(SCHEMA)},
        {"ai.schema": text(SCHEMA)},
        {
            "llm.invocation_parameters": text(
                {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}}
            )
        },
        {"input.value": text({"text": {"format": {"type": "json_schema", "schema": SCHEMA}}, "input": "hi"})},
        {"gcp.vertex.agent.llm_request": text({"config": {"response_schema": SCHEMA}, "contents": []})},
    ],
)
def test_the_schema_of_the_answer_is_found(said: Json) -> None:
    assert texts_of(kept(span(CHAT | said))).schema == SCHEMA


@pytest.mark.parametrize(
    "said",
    [
        {
            "gen_ai.tool.name": "weather",
            "gen_ai.tool.call.arguments": '{"city": "Rome"}',
            "gen_ai.tool.call.result": "25",
        },
        {"ai.toolCall.name": "weather", "ai.toolCall.args": '{"city": "Rome"}', "ai.toolCall.result": "25"},
        {"tool.name": "weather", "input.value": '{"city": "Rome"}', "output.value": "25"},
        {"gen_ai.tool.name": "weather", "tool_arguments": '{"city": "Rome"}', "tool_response": "25"},
        {
            "traceloop.span.kind": "tool",
            "traceloop.entity.name": "weather",
            "traceloop.entity.input": '{"city": "Rome"}',
        }
        | {"traceloop.entity.output": "25"},
    ],
)
def test_a_tool_has_a_name_an_input_and_an_output(said: Json) -> None:
    one = kept(span(said, name="running tool"))
    found = texts_of(one)
    assert one.kind == Kind.TOOL
    assert (found.tool, found.input, found.output) == ("weather", {"city": "Rome"}, "25")


def test_a_retrieval_has_its_query_and_documents() -> None:
    said = {"openinference.span.kind": "RETRIEVER", "input.value": "why", "output.value": "[...]"}
    said |= {"retrieval.documents.0.document.content": "because", "retrieval.documents.0.document.id": "d1"}
    said |= {"retrieval.documents.1.document.content": "so", "retrieval.documents.0.document.metadata": '{"page": 3}'}
    found = texts_of(kept(span(said)))
    assert found.input == "why"
    assert found.output == [{"content": "because", "id": "d1", "metadata": {"page": 3}}, {"content": "so"}]


def test_an_agent_that_tells_its_steps_and_its_answer_in_one_list() -> None:
    told = [*OPENAI, {"role": "assistant", "content": ANSWER}]
    said = {"agent_name": "a", "pydantic_ai.all_messages": text(told), "final_result": ANSWER}
    found = texts_of(kept(span(said)))
    assert found.answer is not None and (len(found.messages), found.answer.text) == (3, ANSWER)
    steps = [{"role": "user", "content": ASKED}]
    both = {"gen_ai.operation.name": "invoke_agent", "gen_ai.input.messages": steps, "gen_ai.output.messages": told[2:]}
    found = texts_of(kept(span(both)))
    assert found.answer is not None and (len(found.messages), found.answer.text) == (3, ANSWER)


def test_a_plain_span_shows_what_goes_in_and_out() -> None:
    found = texts_of(kept(span({"input.value": '{"a": 1}', "output.value": "done"})))
    assert (found.input, found.output, found.messages, found.answer) == ({"a": 1}, "done", [], None)
    found = texts_of(kept(span({"langwatch.input": '{"type": "json", "value": [1]}', "output.value": "null"})))
    assert (found.input, found.output) == ([1], None)


def test_words_alone_are_what_the_user_said() -> None:
    for given in (ASKED, text({"question": ASKED}), text({"args": [ASKED]}), text({"prompt": ASKED, "model": "m"})):
        found = texts_of(
            kept(span(CHAT | {"langfuse.observation.input": given, "langfuse.observation.output": ANSWER}))
        )
        assert [(one.role, one.text) for one in found.messages] == [("user", ASKED)]
        assert found.answer is not None and found.answer.text == ANSWER


def test_pictures_and_files_are_named() -> None:
    parts = [{"type": "text", "text": "See:"}, {"type": "image_url", "image_url": {"url": "data:" + "A" * 10**6}}]
    parts.append({"type": "file", "filename": "plan.pdf", "data": "AAAA"})
    found = texts_of(kept(span(CHAT | {"gen_ai.input.messages": text([{"role": "user", "content": parts}])})))
    assert found.messages[0].text == "See:\n[image]\n[file plan.pdf]"


def test_huge_and_deep_values_take_little_time() -> None:
    deep: Any = "x"
    for _ in range(60):
        deep = [{"role": "user", "content": deep}]
    many = [{"role": "user", "content": "hello " * 20}] * 20_000
    large = {"gen_ai.input.messages": text(many), "input.value": "[" * 10**6, "output.value": '{"a":' * 10**5}
    spread = {f"gen_ai.prompt.{at}.content": "x" for at in range(30_000)}
    begun = time.process_time()
    for said in (large, spread, {"gen_ai.input.messages": deep}, {"langfuse.observation.input": text(deep)}):
        texts_of(kept(span(CHAT | said)))
    assert time.process_time() - begun < 3


@pytest.mark.parametrize("prefix", ["gen_ai.completion.0.", "llm.output_messages.0.message."])
def test_an_answer_that_says_no_role_is_the_models_and_a_question_the_users(prefix: str) -> None:
    asked = {"gen_ai.prompt.0.role": "system", "gen_ai.prompt.0.content": SYSTEM, "gen_ai.prompt.1.content": ASKED}
    texts = texts_of(kept(span(CHAT | asked | {f"{prefix}content": ANSWER, f"{prefix}role": ""})))
    assert (texts.system, [(one.role, one.text) for one in texts.messages]) == (SYSTEM, [("user", ASKED)])
    assert texts.answer is not None and (texts.answer.role, texts.answer.text) == ("assistant", ANSWER)
    assert texts.output == ANSWER


def test_what_todays_sdks_of_langfuse_and_openllmetry_say_of_parameters_and_of_what_is_embedded() -> None:
    found = texts_of(kept(span(CHAT | {"langfuse.observation.model.parameters": '{"temperature": 0.3}'})))
    assert found.parameters == {"temperature": 0.3}
    said = [{"role": "user", "parts": [{"type": "text", "content": one}]} for one in "ab"]
    embedded = {"gen_ai.operation.name": "embeddings", "gen_ai.input.messages": text(said)}
    assert texts_of(kept(span(embedded))).input == ["a", "b"]
