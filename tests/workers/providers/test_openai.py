"""The OpenAI family over real HTTP."""

import asyncio
from decimal import Decimal

import pytest

from infra.errors import (
    ContentFiltered,
    ContextLengthExceeded,
    ModelNotFound,
    ProviderAuth,
    ProviderBadRequest,
    ProviderError,
    ProviderNotConfigured,
    ProviderRateLimited,
    ProviderTimeout,
    ProviderUnavailable,
)
from infra.settings import ProviderSettings
from tests.fakes.provider import KEY
from workers.providers import names, routing
from workers.providers.base import Completion, CompletionRequest, Delta
from workers.providers.openai import OpenAIProvider


def request(model, said="hello", **more):
    return CompletionRequest(model=model, messages=[{"role": "user", "content": said}], **more)


async def items(stream):
    return [item async for item in stream]


def test_answers_with_the_message_and_everything_it_cost(fake, run):
    answer = run(routing.provider("openai").complete(request("gpt-4o-mini")))
    assert answer.message == {"role": "assistant", "content": "You said: hello"}
    assert answer.finish_reason == "stop"
    used = answer.usage
    assert (used.input_tokens, used.output_tokens, used.cached_tokens, used.reasoning_tokens) == (20, 10, 4, 3)
    assert used.cost_usd == Decimal("0.0000087")
    assert used.provider_request_id == "req_1"
    assert used.latency_seconds > 0
    assert not used.estimated


def test_sends_the_key_and_the_options_in_the_vendors_words(fake, run):
    run(routing.provider("openai").complete(request("gpt-x", options={"max_tokens": 9, "temperature": 0.5})))
    run(routing.provider("xai").complete(request("grok-x", options={"max_tokens": 9})))
    openai, xai = fake.calls
    assert openai.headers["Authorization"] == f"Bearer {KEY}"
    assert openai.body["max_completion_tokens"] == 9
    assert openai.body["temperature"] == 0.5
    assert xai.body["max_tokens"] == 9


def test_a_developer_message_is_a_system_message_to_everyone_but_openai(fake, run):
    messages = [{"role": "developer", "content": "Be kind."}, {"role": "user", "content": "hi"}]
    for provider in ("openai", "local"):
        run(routing.provider(provider).complete(CompletionRequest(model="echo", messages=messages)))
    assert [call.body["messages"][0]["role"] for call in fake.calls] == ["developer", "system"]


def test_streams_pieces_and_ends_with_the_same_answer(fake, run):
    *deltas, last = run(items(routing.provider("openai").stream(request("echo"))))
    assert "".join(delta.content for delta in deltas) == "You said: hello "
    assert isinstance(last, Completion)
    assert last.message["content"] == "You said: hello "
    assert last.usage.input_tokens == 20
    assert last.usage.first_token_seconds is not None


def test_streamed_tool_calls_are_put_together(fake, run):
    tools = [{"type": "function", "function": {"name": name}} for name in ("add", "take")]
    whole = run(routing.provider("openai").complete(request("tools", tools=tools)))
    last = run(items(routing.provider("openai").stream(request("tools", tools=tools))))[-1]
    assert last.message["tool_calls"] == whole.message["tool_calls"]
    assert [call["function"]["arguments"] for call in last.message["tool_calls"]] == ['{"n": 0}', '{"n": 1}']
    assert last.finish_reason == "tool_calls"


def test_reasoning_is_shown_apart(fake, run):
    deltas = run(items(routing.provider("local").stream(request("reasoning"))))
    assert deltas[0] == Delta(reasoning="Let me think.")
    assert deltas[-1].message["reasoning"] == "Let me think."


@pytest.mark.parametrize("streamed", [False, True])
def test_usage_that_the_provider_leaves_out_is_estimated_and_says_so(fake, run, streamed):
    provider = routing.provider("openai")
    answer = (
        run(items(provider.stream(request("no-usage"))))[-1]
        if streamed
        else run(provider.complete(request("no-usage")))
    )
    assert answer.usage.estimated
    assert 2 <= answer.usage.input_tokens <= 4
    assert 4 <= answer.usage.output_tokens <= 6


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("fail-429", ProviderRateLimited),
        ("no-money", ProviderAuth),
        ("fail-500", ProviderUnavailable),
        ("fail-401", ProviderAuth),
        ("fail-404", ModelNotFound),
        ("context-too-long", ContextLengthExceeded),
        ("content-filter", ContentFiltered),
        ("bad-request", ProviderBadRequest),
        ("html", ProviderUnavailable),
        ("not-json", ProviderUnavailable),
        ("drop", ProviderUnavailable),
    ],
)
def test_a_vendors_trouble_has_our_name(fake, run, model, error):
    with pytest.raises(error) as raised:
        run(routing.provider("openai").complete(request(model)))
    assert type(raised.value) is error
    assert raised.value.context["provider"] == "openai"
    assert raised.value.context["model"] == model


@pytest.mark.parametrize("model", ["cut-stream", "ends-early", "error-in-stream", "fail-500"])
def test_a_stream_that_breaks_is_a_provider_that_is_unavailable(fake, run, model):
    with pytest.raises(ProviderUnavailable):
        run(items(routing.provider("openai").stream(request(model))))


@pytest.mark.parametrize(
    ("model", "seconds"), [("fail-429", 7.0), ("fail-429-ms", 1.5), ("fail-429-reset", 62.5), ("fail-500", None)]
)
def test_the_vendor_says_when_to_come_back(fake, run, model, seconds):
    with pytest.raises(ProviderError) as raised:
        run(routing.provider("openai").complete(request(model)))
    assert raised.value.retry_after == seconds


def test_the_vendors_message_is_kept_and_the_key_is_not(fake, run):
    with pytest.raises(ProviderAuth) as raised:
        run(routing.provider("openai").complete(request("fail-401")))
    assert raised.value.detail == "Incorrect API key provided: ***."
    assert KEY not in str(raised.value.as_json())


def test_without_a_key_nothing_reaches_the_network(fake):
    with (
        names.credentials({"openai": ProviderSettings(None, fake.settings().base_url)}),
        pytest.raises(ProviderNotConfigured, match="OPENAI_API_KEY"),
    ):
        routing.provider("openai")
    assert fake.calls == []


def test_a_local_server_needs_no_key(fake, run):
    with names.credentials({"local": fake.settings(key=None)}):
        assert run(routing.provider("local").complete(request("echo"))).message["content"] == "You said: hello"


def test_a_silent_provider_is_a_timeout(fake, run):
    provider = OpenAIProvider("openai", fake.settings(), base_url="", timeout_seconds=0.2)

    async def call():
        try:
            await provider.complete(request("hang"))
        finally:
            await provider.close()

    with pytest.raises(ProviderTimeout, match=r"0\.2 s"):
        run(call())


def test_nobody_listening_is_a_provider_that_is_unavailable(run):
    with (
        names.credentials({"openai": ProviderSettings("k", "http://127.0.0.1:1/v1")}),
        pytest.raises(ProviderUnavailable),
    ):
        run(routing.provider("openai").complete(request("echo")))


def test_closing_a_stream_drops_the_connection_at_once(fake, run):
    async def first_word():
        stream = routing.provider("openai").stream(request("slow-stream"))
        await anext(stream)
        await stream.aclose()
        await asyncio.sleep(0.3)
        return fake.drops

    assert run(first_word()) == ["slow-stream"]


def test_a_finished_stream_leaves_its_connection_for_the_next_call(fake, run):
    async def two():
        for _ in range(2):
            await items(routing.provider("openai").stream(request("echo")))

    run(two())
    assert len(fake.calls) == 2
    assert len({call.peer for call in fake.calls}) == 1


def test_six_hundred_calls_are_in_flight_at_once(fake, run):
    async def many():
        provider = routing.provider("openai")
        await provider.complete(request("echo"))
        return await asyncio.gather(*(provider.complete(request("slow-1s", str(n))) for n in range(600)))

    answers = run(many())
    assert answers[599].message["content"] == "You said: 599"
    assert fake.busiest > 400


def test_embeddings_come_in_the_order_of_the_texts(fake, run):
    made = run(routing.provider("openai").embed("text-embedding-3-small", ["a", "bb", "ccc"], {"dimensions": 3}))
    assert [vector[0] for vector in made.vectors] == [1.0, 2.0, 3.0]
    assert made.usage.input_tokens == 5
    assert fake.calls[0].body["dimensions"] == 3


def test_more_texts_than_a_vendor_takes_go_in_several_calls(fake, run):
    made = run(routing.provider("gemini").embed("gemini-embedding-001", ["a"] * 250, {}))
    assert len(made.vectors) == 250
    assert [len(call.body["input"]) for call in fake.calls] == [100, 100, 50]
