"""The sandbox: offline, deterministic, and honest about it."""

import time

import jsonschema_rs
import orjson
import pytest

from infra.errors import ProviderBadRequest
from workers.providers import routing
from workers.providers.base import CompletionRequest, Delta
from workers.providers.sandbox_schema import instance

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def request(said, model="sandbox/instant", **more):
    messages = said if isinstance(said, list) else [{"role": "user", "content": said}]
    return CompletionRequest(model=model, messages=messages, **more)


def complete(run, *args, **more):
    return run(routing.provider("sandbox").complete(request(*args, **more)))


async def items(stream):
    return [item async for item in stream]


def test_it_says_what_it_is_and_always_the_same(run):
    first, second = (complete(run, "Hello?").message for _ in range(2))
    assert first == second
    assert first["content"].startswith("[sandbox]")
    assert "Hello?" in first["content"]


def test_it_streams_word_by_word_at_its_pace(run):
    started = time.monotonic()
    *deltas, last = run(items(routing.provider("sandbox").stream(request("hi", "sandbox"))))
    assert all(isinstance(delta, Delta) for delta in deltas)
    assert "".join(delta.content for delta in deltas) == last.message["content"]
    assert time.monotonic() - started > 0.01 * (len(deltas) - 1)


@pytest.mark.parametrize(
    "said", ["What is the weather? Use get_weather.", "please call the tool", "get weather in Rome"]
)
def test_it_calls_a_tool_that_it_is_asked_to(run, said):
    answer = complete(run, said, tools=[TOOL])
    assert answer.finish_reason == "tool_calls"
    call = answer.message["tool_calls"][0]["function"]
    assert call["name"] == "get_weather"
    assert "city" in orjson.loads(call["arguments"])


def test_it_calls_no_tool_unasked_and_the_chosen_one_always(run):
    chosen = {"type": "function", "function": {"name": "get_weather"}}
    assert complete(run, "hello", tools=[TOOL]).finish_reason == "stop"
    assert complete(run, "use get_weather", tools=[TOOL], tool_choice="none").finish_reason == "stop"
    for choice in ("required", chosen):
        assert complete(run, "hello", tools=[TOOL], tool_choice=choice).finish_reason == "tool_calls"


def test_it_answers_from_a_tools_result(run):
    messages = [
        {"role": "user", "content": "use get_weather"},
        {"role": "tool", "tool_call_id": "c", "content": "Sunny."},
    ]
    assert "Sunny." in complete(run, messages, tools=[TOOL]).message["content"]


@pytest.mark.parametrize(
    "context",
    [
        "Context:\nThe moon is made of rock.\nCheese is made of milk.",
        "<context>\nThe moon is made of rock. Cheese is made of milk.\n</context>",
        "## Retrieved passages:\n[1] The moon is made of rock.\n[2] Cheese is made of milk.",
    ],
)
def test_it_answers_from_context(run, context):
    messages = [{"role": "system", "content": context}, {"role": "user", "content": "Which thing is cheese?"}]
    said = complete(run, messages).message["content"]
    assert "Cheese is made of milk." in said
    assert "You said" not in said


def test_it_cites_the_source_of_each_sentence_also_of_one_over_two_lines(run):
    sources = "<sources>\n[1] — Moon\nThe moon is made of rock.\n\n[2] — Cheese\nCheese is made\nof milk.\n</sources>"
    messages = [{"role": "system", "content": sources}, {"role": "user", "content": "Which thing is cheese?"}]
    assert complete(run, messages).message["content"] == "[sandbox] Cheese is made of milk. [2]"


def test_it_stops_where_it_is_told(run):
    cut = complete(run, "hi", options={"max_tokens": 3})
    assert (len(cut.message["content"]), cut.finish_reason) == (12, "length")
    assert complete(run, "hi", options={"stop": ["You"]}).message["content"] == "[sandbox] "


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "minLength": 40, "maxLength": 50},
        {"type": "string", "pattern": r"^[A-Z]{3}-\d{4}(x|y)?$"},
        {"type": "string", "format": "uuid"},
        {"type": "integer", "minimum": 7, "maximum": 9, "multipleOf": 4},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        {"type": ["null", "boolean"]},
        {"enum": ["b", "a"]},
        {"type": "array", "items": {"type": "integer"}, "minItems": 3, "uniqueItems": True},
        {"anyOf": [{"type": "null"}, {"type": "object", "required": ["a"], "properties": {"a": {"const": 5}}}]},
        {"allOf": [{"required": ["a"]}, {"type": "object", "properties": {"a": {"type": "string", "format": "date"}}}]},
        {
            "$defs": {
                "node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}, "v": {"type": "number"}}}
            },
            "$ref": "#/$defs/node",
        },
        {
            "type": "object",
            "properties": {
                "tags": {"type": "array", "items": {"enum": ["x", "y", "z"]}, "minItems": 2, "uniqueItems": True}
            },
            "required": ["tags"],
            "additionalProperties": False,
        },
    ],
)
def test_it_obeys_a_schema(run, schema):
    answer = complete(run, "hi", response_format={"type": "json_schema", "json_schema": {"schema": schema}})
    jsonschema_rs.validator_for(schema, validate_formats=True).validate(orjson.loads(answer.message["content"]))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "minLength": 10**12},
        {"type": "array", "minItems": 10**12},
        {"type": "string", "pattern": "(a{1000}){1000}"},
        {"allOf": [{"$ref": "#"}] * 50},
        {"type": "object", "required": list("abcdef"), "properties": {key: {"$ref": "#"} for key in "abcdef"}},
    ],
)
def test_a_schema_meant_to_harm_costs_little(schema):
    started = time.monotonic()
    instance(schema)
    assert time.monotonic() - started < 1


def test_its_embeddings_are_those_of_the_model(run):
    made = run(
        routing.provider("sandbox").embed(
            "sandbox", ["This is an example sentence", "a cat", "a kitten", "tax law"], {}
        )
    )
    # The first numbers on the model's card at Hugging Face.
    assert made.vectors[0][:3] == pytest.approx([0.0676569, 0.0634960, 0.0487131], abs=1e-4)
    close = [sum(a * b for a, b in zip(made.vectors[1], other, strict=True)) for other in made.vectors[2:]]
    assert close[0] > 0.7 > 0.3 > close[1]
    assert {len(vector) for vector in made.vectors} == {384}
    assert made.usage.input_tokens > 10


def test_it_has_one_size_of_embedding(run):
    with pytest.raises(ProviderBadRequest, match="384"):
        run(routing.provider("sandbox").embed("sandbox", ["a"], {"dimensions": 64}))
