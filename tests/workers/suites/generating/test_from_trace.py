"""Traces become cases that do again what was observed; secrets become places, and odd spans nothing at all."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from infra.errors import BadInput
from workers.suites import content
from workers.suites.cases import read_case
from workers.suites.generating.from_trace import cases_from_trace
from workers.suites.generating.trace_calls import shape_of

Json = dict[str, Any]

# Where real traces may lie beside the repository; without them, these tests are skipped.
REAL = Path(__file__).parents[5] / "shared" / "data" / "traces"


def attribute(value: Any) -> Json:
    if isinstance(value, list):
        return {"arrayValue": {"values": [attribute(one) for one in value]}}
    kinds: dict[type, str] = {bool: "boolValue", int: "intValue", float: "doubleValue", str: "stringValue"}
    return {kinds[type(value)]: str(value) if type(value) is int else value}


def span(id: str, parent: str = "", kind: int = 3, took: int = 20, trace: str = "t", **attributes: Any) -> Json:
    said = [{"key": name.replace("__", "."), "value": attribute(value)} for name, value in attributes.items()]
    begun = 1_700_000_000_000_000_000 + int(id) * 1_000_000_000
    return {"traceId": trace, "spanId": id, "parentSpanId": parent, "name": "x", "kind": kind, "attributes": said,
            "startTimeUnixNano": str(begun), "endTimeUnixNano": str(begun + took * 1_000_000)}  # fmt: skip


def http(id: str, method: str, url: str, status: int = 200, parent: str = "", **attributes: Any) -> Json:
    said: Json = {"http__request__method": method, "url__full": url, "http__response__status_code": status}
    return span(id, parent, **said, **attributes)


def check(case: Json) -> None:
    """That a case can be stored (storing.py)."""
    content.content_of_body(read_case({name: value for name, value in case.items() if name != "source"}))


def cases(*spans: Json) -> list[Json]:
    found = cases_from_trace({"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]})
    for case in found:
        check(case)
        assert "characterisation" in case["tags"] and "trace t" in case["description"]
    return found


def test_the_outermost_requests_of_a_trace_are_the_steps_of_a_case_in_their_order() -> None:
    server = span("3", "1", 2, http__request__method="POST", url__path="/orders", http__route="/orders")
    (case,) = cases(
        http("2", "GET", "https://a.example.com:8443/orders/7?page=2&page=3&x="),
        http("1", "POST", "https://a.example.com:8443/orders", 201),
        server,
        http("4", "GET", "http://inner/", parent="3"),
    )
    assert [(step["method"], step["url"]) for step in case["steps"]] == [
        ("POST", "/orders"), ("GET", "/orders/{{order_id}}")
    ]  # fmt: skip
    guessed = {"name": "order_id", "from": "jsonpath", "expression": "$.id", "default": "7"}
    assert case["steps"][0]["extract"] == [guessed]
    assert case["steps"][1]["query"] == {"page": ["2", "3"], "x": ""}
    assert case["steps"][0]["assert"] == [
        {"type": "status", "expected": 201},
        {"type": "latency", "max_ms": 60.0, "severity": "warn"},
    ]
    assert "https://a.example.com:8443" in case["description"]


def test_older_names_and_routes_are_understood() -> None:
    old = span(
        "1", kind=2, http__method="get", http__target="/users/7?a=b", http__status_code=404, http__route="/users/:id"
    )
    (case,) = cases(old)
    assert case["operation"] == "GET /users/{id}"
    assert case["steps"][0] | {"assert": []} == {
        "kind": "http", "method": "GET", "url": "/users/7", "query": {"a": "b"}, "operation": "GET /users/{id}",
        "assert": [],
    }  # fmt: skip


def test_addresses_of_several_hosts_stay_whole() -> None:
    (case,) = cases(http("1", "GET", "https://a/x"), http("2", "GET", "https://b/y"))
    assert [step["url"] for step in case["steps"]] == ["https://a/x", "https://b/y"]


def test_no_secret_is_taken_over() -> None:
    found = cases(
        http("1", "POST", "https://ann:canary1@a/x?api_key=canary2&page=1&sig=REDACTED",
             http__request__header__authorization=["Bearer canary3"], http__request__header__cookie=["s=canary4"],
             http__request__header__accept=["application/json"], http__request__header__traceparent=["00"],
             http__request__body='{"password": "canary5", "name": "{{x}}", "deep": [{"token": "canary6"}]}')
    )  # fmt: skip
    assert "canary" not in json.dumps(found)
    (step,) = found[0]["steps"]
    assert step["query"] == {"api_key": "{{secret.api_key}}", "page": "1", "sig": "{{secret.sig}}"}
    assert step["headers"] == {
        "authorization": "{{secret.authorization}}", "cookie": "{{secret.cookie}}", "accept": "application/json"
    }  # fmt: skip
    assert step["body"]["name"] == "\\{{x}}"


OPENINFERENCE: Json = {
    "openinference.span.kind": "LLM", "llm.model_name": "gpt-4o", "llm.invocation_parameters": '{"temperature": 0.5}',
    "llm.input_messages.0.message.role": "system", "llm.input_messages.0.message.content": "Be short.",
    "llm.input_messages.1.message.role": "user",
    "llm.input_messages.1.message.contents.0.message_content.text": "Who {{you}}?",
    "llm.output_messages.0.message.role": "assistant", "llm.output_messages.0.message.content": "A model.",
}  # fmt: skip
CONVENTIONS: Json = {
    "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
    "gen_ai.request.temperature": 0.5, "gen_ai.request.max_tokens": -1, "gen_ai.system_instructions": '["Be short."]',
    "gen_ai.input.messages": '[{"role": "user", "parts": [{"type": "text", "content": "Who {{you}}?"}]}]',
    "gen_ai.output.messages": '[{"role": "assistant", "parts": [{"type": "text", "content": "A model."}]}]',
}  # fmt: skip
NUMBERED: Json = {
    "gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o", "gen_ai.request.temperature": 0.5,
    "gen_ai.prompt.0.role": "system", "gen_ai.prompt.0.content": "Be short.", "gen_ai.prompt.1.role": "user",
    "gen_ai.prompt.1.content": "Who {{you}}?", "gen_ai.completion.0.role": "assistant",
    "gen_ai.completion.0.content": "A model.",
}  # fmt: skip


@pytest.mark.parametrize("attributes", [OPENINFERENCE, CONVENTIONS, NUMBERED])
def test_a_call_of_a_model_is_a_case_whose_answer_must_mean_the_same(attributes: Json) -> None:
    (case,) = cases(span("1", **attributes))
    (step,) = case["steps"]
    assert step["model"] in ("gpt-4o", "openai/gpt-4o") and step["temperature"] == 0.5 and "max_tokens" not in step
    assert step["messages"] == [
        {"role": "system", "content": "Be short."}, {"role": "user", "content": "Who \\{{you}}?"}
    ]  # fmt: skip
    assert step["assert"] == [{"type": "same_meaning", "expected": "A model.", "by": "embedding"}]


def test_json_that_a_model_said_must_keep_its_shape() -> None:
    said = {**NUMBERED, "gen_ai.completion.0.content": '{"a": [{"b": 1, "c": null}, {"b": 2.5}], "d": true}'}
    (case,) = cases(span("1", **said))
    assert case["steps"][0]["assert"][0] == {"type": "json_schema", "schema": {
        "type": "object", "required": ["a", "d"], "properties": {
            "a": {"type": "array", "items": {"type": "object", "required": ["b"],
                                             "properties": {"b": {"type": "number"}}}},
            "d": {"type": "boolean"}}}}  # fmt: skip
    assert shape_of([[], [1]]) == {"type": "array", "items": {"type": "integer"}}


def test_an_observation_of_another_product_is_read() -> None:
    observation = {
        "id": "1", "type": "GENERATION", "model": "gpt-4o", "traceId": "t", "modelParameters": {"temperature": 1},
        "input": [{"role": "user", "content": "hi"}], "output": {"role": "assistant", "content": "hello"},
        "startTime": "2025-06-06T14:40:28.562Z", "endTime": "2025-06-06T14:40:29Z",
    }  # fmt: skip
    for form in ([observation], {"trace": {"id": "t"}, "observations": [observation]}):
        (case,) = cases_from_trace(form)
        assert case["steps"][0]["messages"] == [{"role": "user", "content": "hi"}]
        assert case["steps"][0]["temperature"] == 1


def test_what_cannot_be_done_again_is_told() -> None:
    notes: list[Json] = []
    spans = [span("1", http__request__method="TRACE", url__full="http://a/"), span("2", gen_ai__request__model="m"),
             span("3", http__request__method="GET"), span("4", **{**NUMBERED, "gen_ai.completion.0.content": ""}),
             span("5", http__request__method="GET", url__full="http://[bad/")]  # fmt: skip
    assert cases_from_trace(spans, warnings=notes) == []
    assert len(notes) == 5


def test_the_same_thing_twice_is_one_case_and_agents_do_not_repeat_their_models() -> None:
    agent = span("1", **NUMBERED)
    assert len(cases(agent, span("2", "1", **NUMBERED), span("3", "1", **NUMBERED))) == 1


@pytest.mark.parametrize(
    "trace",
    [
        7,
        None,
        [],
        {},
        "x",
        {"resourceSpans": None},
        {"resourceSpans": [{}, None, {"scopeSpans": [{"spans": None}]}]},
        [[[]]],
    ],
)
def test_what_has_no_spans_is_refused(trace: Any) -> None:
    with pytest.raises(BadInput, match="no spans"):
        cases_from_trace(trace)


def test_nonsense_in_spans_is_passed_over() -> None:
    odd = {"spanId": 5, "kind": "x", "startTimeUnixNano": "abc", "attributes": [7, {"key": 1}, {"key": "http.method"},
           {"key": "a", "value": {"kvlistValue": {"values": [{"key": "b", "value": {"arrayValue": None}}]}}}],
           "events": [3]}  # fmt: skip
    assert (
        cases_from_trace([odd, {"spanId": "1", "attributes": {"http": {"method": "GET", "url": "http://a/b"}}}]) != []
    )


def real() -> list[Any]:
    if not REAL.is_dir():
        pytest.skip(f"there are no real traces at {REAL.name}")
    files = [*REAL.glob("otlp-reconstructed/langfuse-*.json"), *REAL.glob("langfuse-framework-traces/*.trace.json")]
    with gzip.open(REAL / "http-capture" / "capture.otlp-json.jsonl.gz", "rt") as lines:
        return [*(json.loads(file.read_text()) for file in files), json.loads(next(lines))]


def test_real_traces_of_many_instrumentations_become_valid_cases() -> None:
    found = [case for trace in real() for case in cases_from_trace(trace)]
    for case in found[:60]:
        check(case)
    assert len(found) > 50
