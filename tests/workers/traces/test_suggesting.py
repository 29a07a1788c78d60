"""Stored traces become cases that do again what they did, without what is of that time alone."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from models import Feature
from tests.workers.jobs.conftest import Core
from tests.workers.traces.sending import send, span
from workers.suites import content
from workers.suites.assertions.lookup import Known, Operations
from workers.suites.cases import read_case
from workers.traces.base import Span
from workers.traces.suggesting import suggested

Json = dict[str, Any]

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
SAID: Json = {
    "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.request.temperature": 0.2, "gen_ai.request.max_tokens": 200,
    "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "Be brief."}]),
    "gen_ai.tool.definitions": json.dumps([{"type": "function", "name": "find", "description": "Finds it.",
                                            "parameters": {"type": "object"}}]),
}  # fmt: skip


def said(question: str, answer: str) -> Json:
    def messages(role: str, text: str) -> str:
        return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])

    return {**SAID, "gen_ai.input.messages": messages("user", question),
            "gen_ai.output.messages": messages("assistant", answer)}  # fmt: skip


def http(method: str, url: str, status: int = 200, at: float = 0, **attributes: Any) -> Span:
    given = {"http.request.method": method, "url.full": url, "http.response.status_code": status}
    return span(f"{method} {url}", given | {name.replace("__", "."): one for name, one in attributes.items()}, kind=3,
                start=BEGAN.replace(second=int(at)))  # fmt: skip


def of_one_trace(*spans: Span) -> list[Span]:
    for one in spans:
        one.trace_id = spans[0].trace_id
    return [*spans]


@pytest.fixture
def project(core: Core) -> UUID:
    core.sql("TRUNCATE traces, observations, features")
    return core.project()


def cases(project: UUID, *trace_ids: bytes, operations: Operations | None = None) -> list[Json]:
    warnings: list[Json] = []
    found = suggested(project, [UUID(bytes=one) for one in trace_ids], operations=operations, warnings=warnings)
    for case in found:
        content.content_of_body(read_case({name: value for name, value in case.items() if name != "source"}))
    return found


def operations(*named: str) -> Operations:
    known = []
    for name in named:
        method, path = name.split(" ")
        known.append(Known(uuid4(), "shop", name, uuid4(), method, path, None, ("/v1",)))
    return Operations("The draft", known)


def test_ids_come_from_the_new_answers_and_times_are_those_of_the_execution(core: Core, project: UUID) -> None:
    made = {"order": {"id": "ord_5f3a9c1e2b7d", "customerId": 81523}, "total": 7}
    flow = of_one_trace(
        http("POST", "https://shop.example/v1/orders", 201, 1, http__response__body=json.dumps(made),
             http__request__body='{"at": "2026-03-01T12:05:00Z", "born": "1999-01-01T00:00:00Z", "count": 7}',
             http__request__header__idempotency_key=["k-1"]),
        http("GET", "https://shop.example/v1/orders/ord_5f3a9c1e2b7d", 200, 2),
        http("PUT", "https://shop.example/v1/customers/81523?order=ord_5f3a9c1e2b7d", 200, 3,
             http__request__body='{"order_id": "ord_5f3a9c1e2b7d", "customer": 81523, "text": "of 81523"}'),
    )  # fmt: skip
    send(core, flow, project=project)
    known = operations("POST /orders", "GET /orders/{id}", "PUT /customers/{id}", "GET /orders/{id}/items")
    (case,) = cases(project, flow[0].trace_id, operations=known)
    post, get, put = case["steps"]
    assert post["extract"] == [
        {"name": "order_id", "from": "jsonpath", "expression": "$.order.id"},
        {"name": "customer_id", "from": "jsonpath", "expression": "$.order.customerId"},
    ]
    assert post["body"] == {"at": "{{$now+5m}}", "born": "1999-01-01T00:00:00Z", "count": 7}
    assert post["headers"]["idempotency-key"] == "{{$uuid}}"
    assert get["url"] == "/v1/orders/{{order_id}}" and put["url"] == "/v1/customers/{{customer_id}}"
    assert put["query"] == {"order": "{{order_id}}"}
    assert put["body"] == {"order_id": "{{order_id}}", "customer": "{{customer_id}}", "text": "of 81523"}
    assert [step["operation"] for step in case["steps"]] == ["POST /orders", "GET /orders/{id}", "PUT /customers/{id}"]
    assert post["assert"][-1] == {"type": "operation", "operation": "POST /orders", "source": "shop",
                                  "severity": "warn"}  # fmt: skip


def test_a_call_of_a_model_asks_the_same_of_the_same_and_knows_its_feature(core: Core, project: UUID) -> None:
    call = span("chat", said("Where is {{it}}?", "Over there."), start=BEGAN)
    send(core, [call, span("tool", parent=call, gen_ai__operation__name="execute_tool")], project=project)
    feature = Feature(project_id=project, updated_at=BEGAN, key="find", name="find", named_by="rule")
    core.do(lambda session: (session.add(feature), session.flush()))
    core.sql("UPDATE traces SET feature_id = :feature WHERE project_id = :project RETURNING 1", feature=feature.id,
             project=project)  # fmt: skip
    (case,) = cases(project, call.trace_id)
    (step,) = case["steps"]
    assert step["model"] == "openai/gpt-4o-mini" and (step["temperature"], step["max_tokens"]) == (0.2, 200)
    assert step["messages"] == [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where is \\{{it}}?"}
    ]  # fmt: skip
    assert step["assert"] == [{"type": "same_meaning", "expected": "Over there.", "by": "embedding"}]
    assert [one["function"]["name"] for one in step["tools"]] == ["find"]
    assert case["feature_id"] == feature.public_id == case["source"]["feature_id"]
    assert case["source"]["trace_id"] == f"trace_{call.trace_id.hex()}" and "name" in case


def test_what_several_traces_did_alike_is_one_case(core: Core, project: UUID) -> None:
    def flow(order: int) -> list[Span]:
        return of_one_trace(http("GET", f"https://shop.example/orders/{order}"),
                            span("chat", said("Where is it?", f"Answer {order}."), start=BEGAN))  # fmt: skip

    flows = [flow(order) for order in (7, 8, 9)] + [of_one_trace(http("GET", "https://shop.example/orders/1", 404))]
    for one in flows:
        send(core, one, project=project)
    found = cases(project, *(one[0].trace_id for one in flows))
    assert sorted(case["name"] for case in found) == [
        "GET /orders/1",
        "GET /orders/7",
        "openai/gpt-4o-mini: Where is it?",
    ]
    assert {case["source"]["trace_id"] for case in found} == {f"trace_{flows[at][0].trace_id.hex()}" for at in (0, 3)}


def test_another_projects_trace_and_one_that_is_gone_are_told(core: Core, project: UUID) -> None:
    call = span("chat", said("Hello", "Hello."), start=BEGAN)
    send(core, [call], project=core.project())
    plain = span("plain", start=BEGAN)
    send(core, [plain], project=project)
    warnings: list[Json] = []
    wanted = [UUID(bytes=one.trace_id) for one in (call, plain)]
    assert suggested(project, wanted, operations=None, warnings=warnings) == []
    assert ["not there" in one["message"] for one in warnings] == [True, False]
    assert "neither requests nor calls" in warnings[1]["message"]
