"""Anthropic over real HTTP, in OpenAI's shapes on our side."""

import pytest

from infra.errors import ContextLengthExceeded, ProviderBadRequest, ProviderRateLimited, ProviderUnavailable
from tests.fakes.provider import KEY
from workers.providers import routing
from workers.providers.base import CompletionRequest

TOOL = {"type": "function", "function": {"name": "add", "description": "Adds.", "parameters": {"type": "object"}}}


def request(model, messages=None, **more):
    return CompletionRequest(model=model, messages=messages or [{"role": "user", "content": "hello"}], **more)


async def items(stream):
    return [item async for item in stream]


def complete(run, wanted):
    return run(routing.provider("anthropic").complete(wanted))


def test_answers_and_counts_cached_input_as_input(fake, run):
    answer = complete(run, request("claude-sonnet-4-5"))
    assert answer.message == {"role": "assistant", "content": "You said: hello"}
    assert answer.finish_reason == "stop"
    assert (answer.usage.input_tokens, answer.usage.cached_tokens, answer.usage.output_tokens) == (20, 4, 10)
    assert answer.usage.cost_usd is not None
    assert KEY in fake.calls[0].headers["Authorization"]


def test_the_conversation_is_translated(fake, run):
    call = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    messages = [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": [{"type": "text", "text": "What is this?"}, picture]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "2"},
        {"role": "user", "content": "Thanks."},
    ]
    options = {"temperature": 1.0, "stop": "END", "user": "u1", "parallel_tool_calls": False, "seed": 1}
    complete(run, request("echo", messages, tools=[TOOL], tool_choice="required", options=options))
    sent = fake.calls[0].body
    assert sent["system"] == "Be short."
    assert [turn["role"] for turn in sent["messages"]] == ["user", "assistant", "user"]
    assert sent["messages"][0]["content"][1]["source"] == {"type": "base64", "media_type": "image/png", "data": "AAAA"}
    assert sent["messages"][1]["content"] == [{"type": "tool_use", "id": "call_1", "name": "add", "input": {"a": 1}}]
    assert [block["type"] for block in sent["messages"][2]["content"]] == ["tool_result", "text"]
    assert sent["tools"] == [{"name": "add", "input_schema": {"type": "object"}, "description": "Adds."}]
    assert sent["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}
    assert sent["stop_sequences"] == ["END"]
    assert sent["max_tokens"] > 0
    assert not sent.keys() & {"temperature", "seed"}  # refused by the API since 2026-10-21


def test_a_schema_and_an_effort_become_output_config(fake, run):
    schema = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 3}}, "required": ["a"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    complete(run, request("echo", response_format=wanted, options={"reasoning_effort": "minimal"}))
    config = fake.calls[0].body["output_config"]
    assert config["effort"] == "low"
    assert config["format"]["schema"]["additionalProperties"] is False


@pytest.mark.parametrize("model", ["echo", "tools", "reasoning"])
def test_a_stream_ends_with_what_the_whole_answer_is(fake, run, model):
    whole = complete(run, request(model, tools=[TOOL]))
    *deltas, last = run(items(routing.provider("anthropic").stream(request(model, tools=[TOOL]))))
    assert deltas
    last.message["content"] = (last.message["content"] or "").strip() or None
    assert last.message == whole.message
    assert last.finish_reason == whole.finish_reason
    assert last.usage.output_tokens == 10


def test_signed_thinking_goes_back_with_the_next_turn(fake, run):
    answer = complete(run, request("reasoning"))
    user = {"role": "user", "content": "And now?"}
    complete(run, request("echo", [user, answer.message, user]))
    assert fake.calls[1].body["messages"][1]["content"][0] == {
        "type": "thinking",
        "thinking": "Let me think.",
        "signature": "signed",
    }


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("fail-429", ProviderRateLimited),
        ("context-too-long", ContextLengthExceeded),
        ("bad-request", ProviderBadRequest),
        ("drop", ProviderUnavailable),
    ],
)
def test_its_trouble_has_our_name(fake, run, model, error):
    with pytest.raises(error):
        complete(run, request(model))


@pytest.mark.parametrize("model", ["cut-stream", "ends-early", "error-in-stream"])
def test_a_stream_that_breaks_is_a_provider_that_is_unavailable(fake, run, model):
    with pytest.raises(ProviderUnavailable):
        run(items(routing.provider("anthropic").stream(request(model))))
