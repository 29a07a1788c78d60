"""Completions through both doors: the options that a user sets and the job core carries out."""

import json
from uuid import uuid4

from tests.client import HELLO, Client

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
AS_PERSON = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON}}


def test_a_repeated_question_is_answered_from_the_cache_and_costs_nothing(client: Client, stranger: Client) -> None:
    ask = {"model": "openai/echo", "messages": [{"role": "user", "content": uuid4().hex}], "cache": True}
    first, again = client.run(ask), client.run(ask)
    assert not first["result"]["cached"] and again["result"]["cached"]
    assert again["result"]["message"] == first["result"]["message"]
    assert again["usage"] is None or again["usage"]["output_tokens"] == 0
    assert not stranger.run(ask)["result"]["cached"], "another project's answers are not ours"


def test_a_fallback_answers_where_the_first_model_fails(client: Client) -> None:
    job = client.run({"model": "openai/fail-500", "messages": HELLO, "fallback_models": ["sandbox/instant"]})
    assert job["status"] == "succeeded" and job["result"]["provider"] == "sandbox"
    assert job["result"]["attempts"][0]["model"].endswith("fail-500")


def test_a_json_schema_is_obeyed_by_the_sandbox(client: Client) -> None:
    job = client.run({"model": "sandbox/instant", "messages": HELLO, "response_format": AS_PERSON})
    assert job["status"] == "succeeded"
    assert set(json.loads(job["result"]["message"]["content"])) == {"name", "age"}


def test_an_answer_that_breaks_the_schema_is_repaired_once(client: Client) -> None:
    job = client.run({"model": "openai/bad-json-once", "messages": HELLO, "response_format": AS_PERSON})
    assert job["status"] == "succeeded" and job["usage"]["calls"] == 2


def test_a_tool_is_called_when_it_must_be(client: Client) -> None:
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
    job = client.run({"model": "sandbox/instant", "messages": HELLO, "tools": [tool], "tool_choice": "required"})
    assert job["result"]["finish_reason"] == "tool_calls"
    assert job["result"]["message"]["tool_calls"][0]["function"]["name"] == "weather"


def test_anthropic_answers_in_the_same_shape(client: Client) -> None:
    job = client.run({"model": "anthropic/echo", "messages": HELLO, "stream": True})
    assert job["status"] == "succeeded" and job["result"]["provider"] == "anthropic"
    assert job["result"]["message"]["role"] == "assistant" and job["usage"]["input_tokens"] > 0


def test_a_stream_is_coalesced_so_that_a_fast_model_does_not_flood(client: Client) -> None:
    job = client.submit({"model": "openai/fast-stream", "messages": HELLO, "stream": True})
    deltas = [event for event in client.events(job["id"]) if event["type"] == "job.delta"]
    said = "".join(event["data"]["delta"].get("content") or "" for event in deltas)
    final = client.wait(job["id"])
    assert said == final["result"]["message"]["content"] and 1 <= len(deltas) < 10


def test_a_provider_that_keeps_failing_is_left_alone_and_its_fallback_asked_at_once(client: Client) -> None:
    model = "local/fail-500"
    for _ in range(6):
        client.run({"model": model, "messages": HELLO}, max_attempts=1)
    job = client.run({"model": model, "messages": HELLO}, max_attempts=1)
    assert job["error"]["code"] == "provider_unavailable" and job["error"]["circuit"] == "open"


def test_an_embedding_offline_is_a_real_one(client: Client) -> None:
    texts = ["a cat sat on the mat", "a kitten rests on a rug", "quarterly revenue grew by nine percent"]
    job = client.submit({"model": "sandbox", "input": texts}, kind="embedding")
    cat, kitten, revenue = client.wait(job["id"])["result"]["embeddings"]

    def similarity(a: list[float], b: list[float]) -> float:
        return sum(x * y for x, y in zip(a, b, strict=True))

    assert len(cat) == 384 and similarity(cat, kitten) > similarity(cat, revenue) + 0.2
