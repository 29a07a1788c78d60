"""The columns of an observation, from each family of attributes."""

from decimal import Decimal
from typing import Any

import pytest

from models import ObservationKind as Kind
from tests.workers.traces.mapping.making import event, span
from workers.traces.base import Derived
from workers.traces.mapping.deriving import derive

Json = dict[str, Any]

CHAT = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}
# Family: attributes, and (kind, provider, model, input, output, cached, session, user) of them.
FAMILIES: dict[str, tuple[Json, tuple[Any, ...]]] = {
    "today's conventions": (
        CHAT
        | {"gen_ai.response.model": "gpt-4o-2024-08-06", "gen_ai.usage.input_tokens": 100, "user.id": "u"}
        | {"gen_ai.usage.output_tokens": 20, "gen_ai.usage.cache_read.input_tokens": 40, "gen_ai.conversation.id": "c"},
        (Kind.GENERATION, "openai", "gpt-4o-2024-08-06", 100, 20, 40, "c", "u"),
    ),
    "the first conventions": (
        {"gen_ai.system": "OpenAI", "gen_ai.request.model": "gpt-4o", "gen_ai.usage.prompt_tokens": "100"}
        | {"gen_ai.usage.completion_tokens": "20"},
        (Kind.GENERATION, "openai", "gpt-4o", 100, 20, None, None, None),
    ),
    "OpenLLMetry": (
        {"llm.request.type": "chat", "gen_ai.system": "Anthropic", "gen_ai.request.model": "claude-sonnet-4-5"}
        | {"gen_ai.usage.prompt_tokens": 7, "gen_ai.usage.cache_read_input_tokens": 3, "llm.usage.total_tokens": 9}
        | {"gen_ai.usage.completion_tokens": 2, "traceloop.association.properties.session_id": "s"},
        (Kind.GENERATION, "anthropic", "claude-sonnet-4-5", 7, 2, 3, "s", None),
    ),
    "OpenInference": (
        {"openinference.span.kind": "LLM", "llm.model_name": "gemini-2.5-flash", "llm.token_count.prompt": 9}
        | {"llm.token_count.completion": 4, "llm.token_count.prompt_details.cache_read": 5, "session.id": "s"},
        (Kind.GENERATION, "gcp.gemini", "gemini-2.5-flash", 9, 4, 5, "s", None),
    ),
    "the Vercel SDK": (
        {
            "ai.operationId": "ai.generateText.doGenerate",
            "ai.model.id": "gpt-5",
            "ai.model.provider": "openai.responses",
        }
        | {"ai.usage.promptTokens": 62, "ai.usage.completionTokens": 85, "ai.telemetry.metadata.userId": "u"},
        (Kind.GENERATION, "openai", "gpt-5", 62, 85, None, None, "u"),
    ),
    "Langfuse": (
        {"langfuse.observation.type": "generation", "langfuse.observation.model.name": "gpt-4o"}
        | {"langfuse.observation.usage_details": '{"input": 60, "output": 20, "input_cached_tokens": 40}'}
        | {"langfuse.session.id": "s", "gen_ai.conversation.id": "other"},
        (Kind.GENERATION, "openai", "gpt-4o", 100, 20, 40, "s", None),
    ),
    "pydantic-ai's agent": (
        {"agent_name": "a", "model_name": "gpt-4o", "gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 2},
        (Kind.AGENT, "openai", "gpt-4o", 5, 2, None, None, None),
    ),
    "Google's ADK": (
        {"gen_ai.system": "gcp.vertex.agent", "gen_ai.request.model": "gemini-2.0-flash"}
        | {"gcp.vertex.agent.llm_request": '{"contents": []}', "gcp.vertex.agent.session_id": "s"}
        | {
            "gcp.vertex.agent.llm_response": '{"usage_metadata": {"prompt_token_count": 39, "total_token_count": 55, '
            '"candidates_token_count": 6, "thoughts_token_count": 10}}'
        },
        (Kind.GENERATION, "gcp.gemini", "gemini-2.0-flash", 39, 16, None, "s", None),
    ),
    "LiteLLM's names of models": (
        {"gen_ai.request.model": "mistral/mistral-small-latest", "gen_ai.operation.name": "call_llm"},
        (Kind.GENERATION, "mistral_ai", "mistral-small-latest", None, None, None, None, None),
    ),
    "MLflow": (
        {"mlflow.spanType": '"CHAT_MODEL"', "mlflow.llm.model": "gpt-4o", "mlflow.trace.session": "s"}
        | {"mlflow.chat.tokenUsage": '{"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}'},
        (Kind.GENERATION, "openai", "gpt-4o", 3, 4, None, "s", None),
    ),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_says_the_same_columns(family: str) -> None:
    attributes, wanted = FAMILIES[family]
    one = derive(span(attributes))
    found = (one.kind, one.provider, one.model, one.input_tokens, one.output_tokens, one.cached_tokens)
    assert (*found, one.session_id, one.user_id) == wanted


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ({"gen_ai.operation.name": "invoke_agent", "gen_ai.request.model": "gpt-4o"}, Kind.AGENT),
        ({"gen_ai.tool.name": "weather", "gen_ai.tool.call.id": "c"}, Kind.TOOL),
        ({"openinference.span.kind": "RETRIEVER", "gen_ai.request.model": "text-embedding-3-small"}, Kind.RETRIEVAL),
        ({"openinference.span.kind": "RERANKER"}, Kind.RERANKER),
        ({"openinference.span.kind": "GUARDRAIL"}, Kind.GUARDRAIL),
        ({"openinference.span.kind": "EVALUATOR"}, Kind.EVALUATOR),
        ({"langfuse.observation.type": "event"}, Kind.EVENT),
        ({"langfuse.observation.type": "SPAN", "openinference.span.kind": "CHAIN"}, Kind.CHAIN),
        ({"langfuse.observation.type": "span", "gen_ai.request.model": "gpt-4o"}, Kind.SPAN),
        ({"ai.operationId": "ai.generateText", "ai.model.id": "gpt-5", "ai.usage.promptTokens": 3}, Kind.CHAIN),
        ({"ai.operationId": "ai.toolCall", "ai.toolCall.name": "weather"}, Kind.TOOL),
        ({"traceloop.span.kind": "workflow"}, Kind.CHAIN),
        ({"gen_ai.request.model": "text-embedding-3-small", "gen_ai.usage.input_tokens": 3}, Kind.EMBEDDING),
        ({"db.system": "qdrant"}, Kind.RETRIEVAL),
        ({"db.system": "postgresql", "db.operation": "SELECT"}, Kind.SPAN),
        ({"model": "T", "operation.name": "search", "input": "x"}, Kind.SPAN),
    ],
)
def test_the_kind_is_what_says_most(attributes: Json, kind: Kind) -> None:
    assert derive(span(attributes)).kind == kind


def test_a_span_that_knows_nothing_of_ai_says_its_origin_and_its_route() -> None:
    resource = {"service.name": "shop", "service.version": "1.2", "deployment.environment.name": "live"}
    one = derive(span({"http.request.method": "GET", "http.route": "/a/{id}", "session.id": "s"}, resource=resource))
    wanted = Derived(Kind.SPAN, operation="GET /a/{id}", session_id="s", service="shop", release="1.2")
    wanted.environment = "live"
    assert one == wanted


def test_messages_in_events_make_a_chain_and_the_event_that_tells_a_call_a_generation() -> None:
    told = event("gen_ai.user.message", {"content": "hi"})
    details = event("gen_ai.client.inference.operation.details", {"gen_ai.response.model": "gpt-4o"})
    assert derive(span({}, events=[told])).kind == Kind.CHAIN
    one = derive(span({}, events=[details]))
    assert (one.kind, one.model, one.provider) == (Kind.GENERATION, "gpt-4o", "openai")


@pytest.mark.parametrize(
    ("said", "cost"),
    [
        # 100 of 1,000 cached: 900 × 2.50 + 100 × 1.25 + 200 × 10, each a million.
        ({"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 200}, "0.0045"),
        (
            {"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.cache_read.input_tokens": 100}
            | {"gen_ai.usage.output_tokens": 200, "gen_ai.usage.reasoning.output_tokens": 150},
            "0.004375",
        ),
        ({"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.cost": 0.25}, "0.25"),
        ({"gen_ai.usage.input_cost": 0.25, "gen_ai.usage.output_cost": "0.5"}, "0.75"),
        ({"langfuse.observation.cost_details": '{"input": 0.1, "output": 0.2}'}, "0.3"),
        ({"langfuse.observation.cost_details": '{"input": 0.1, "total": 0.4}'}, "0.4"),
        ({"gen_ai.usage.input_tokens": 10, "gen_ai.response.model": "gpt-4o-for-us"}, "0.000025"),
    ],
)
def test_a_cost_is_what_the_span_says_or_what_the_list_says(said: Json, cost: str) -> None:
    assert derive(span(CHAT | said)).cost == Decimal(cost)


def test_writing_to_a_cache_costs_its_own_price() -> None:
    # 100 × 3 + 600 × 0.30 + 300 × 3.75 + 10 × 15, each a million.
    said = {"gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5"}
    said |= {"gen_ai.usage.cache_read.input_tokens": 600, "gen_ai.usage.cache_creation.input_tokens": 300}  # type: ignore[dict-item]
    for taken in (1000, 100):  # with what was cached, and without
        one = derive(span(said | {"gen_ai.usage.input_tokens": taken, "gen_ai.usage.output_tokens": 10}))
        assert (one.input_tokens, one.cost) == (1000, Decimal("0.001755"))


@pytest.mark.parametrize(
    "said",
    [
        {"gen_ai.provider.name": "openai", "gen_ai.request.model": "nobody-knows"},
        {"gen_ai.provider.name": "ollama", "gen_ai.request.model": "mistral"},
        {"gen_ai.request.model": "of-our-own"},
        {"gen_ai.operation.name": "chat"},
    ],
)
def test_the_cost_of_an_unknown_model_is_unknown_and_not_nothing(said: Json) -> None:
    one = derive(span(said | {"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 10}))
    assert (one.input_tokens, one.cost) == (1000, None)


@pytest.mark.parametrize("value", [-1, "many", 1.5e300, float("nan"), True, [3], {"n": 3}, "", 2**40, b"3"])
def test_what_is_no_number_of_tokens_is_none(value: Any) -> None:
    assert derive(span(CHAT | {"gen_ai.usage.input_tokens": value})).input_tokens is None


def test_names_are_cut_and_empty_ones_are_none() -> None:
    one = derive(span(CHAT | {"session.id": "s" * 1000, "user.id": " ", "gen_ai.response.model": "m\0" * 300}))
    assert (len(one.session_id or ""), one.user_id) == (200, None)
    assert one.model is not None and "\0" not in one.model


@pytest.mark.parametrize(
    ("provider", "model", "wanted"),
    [
        ("az.ai.openai", "gpt-4o", ("azure.ai.openai", "gpt-4o")),
        ("Mistral AI", "x", ("mistral ai", "x")),
        ("google.vertex.chat", "gemini-2.5-pro", ("gcp.vertex_ai", "gemini-2.5-pro")),
        ("vertex_ai", "projects/p/publishers/google/models/gemini-2.5-pro", ("gcp.vertex_ai", "gemini-2.5-pro")),
        ("openrouter", "openai/gpt-4o", ("openrouter", "openai/gpt-4o")),
        ("litellm", "azure/gpt-4o", ("azure.ai.openai", "gpt-4o")),
        (None, "us.anthropic.claude-3-5-sonnet-20241022-v2:0", ("aws.bedrock", None)),
        (None, "meta-llama/Llama-3.1-8B", (None, "meta-llama/Llama-3.1-8B")),
    ],
)
def test_providers_have_one_name_each(provider: str | None, model: str, wanted: tuple[str | None, str | None]) -> None:
    said = {"gen_ai.request.model": model} | ({"gen_ai.system": provider} if provider else {})
    one = derive(span(said))
    assert (one.provider, one.model) == (wanted[0], wanted[1] or model)
