"""What a job may spend, kept by completions and embeddings, and what it would take."""

from decimal import Decimal

import pytest

from infra.errors import CostLimitExceeded
from tests.workers.kinds.test_completion import Recorder, answer, ask
from workers.kinds import BY_NAME
from workers.kinds.base import Kind

COMPLETION, EMBEDDING = BY_NAME["completion"], BY_NAME["embedding"]
PRICED = "openai/gpt-4o-mini"


def of(kind: Kind, name: str, payload):
    """What a kind says of a payload before it is a job."""
    return getattr(kind, name)(payload)


def test_an_input_that_costs_more_than_the_job_may_is_never_sent(fake, run):
    with pytest.raises(CostLimitExceeded) as raised:
        answer(run, ask(PRICED, "word " * 1000), Recorder(Decimal("0.0001")))
    assert not raised.value.retryable
    with pytest.raises(CostLimitExceeded):
        payload = {"model": "openai/text-embedding-3-small", "input": "word " * 100_000}
        run(EMBEDDING.run(Recorder(Decimal("0.0001")), payload))
    assert fake.calls == []


def test_what_earlier_attempts_cost_is_not_there_any_more(fake, run):
    ctx = Recorder(Decimal("1"))
    ctx.spent = Decimal("1")
    with pytest.raises(CostLimitExceeded):
        answer(run, ask(PRICED), ctx)


def test_an_answer_that_is_not_streamed_is_limited_to_what_is_affordable(fake, run):
    answer(run, ask(PRICED, max_tokens=9000), Recorder(Decimal("0.0006")))
    answer(run, ask(PRICED), Recorder(Decimal("0.0006")))
    answer(run, ask(PRICED, max_tokens=5), Recorder(Decimal("0.0006")))
    assert [call.body["max_completion_tokens"] for call in fake.calls] == [999, 999, 5]
    assert not any(call.body.get("stream") for call in fake.calls)


def test_a_limit_above_what_the_model_may_know_is_kept_by_watching_the_answer(fake, run):
    ctx = Recorder(Decimal("0.01"))
    result = answer(run, ask(PRICED), ctx)
    assert result["message"]["content"].strip() == "You said: hello"
    assert ctx.deltas == []
    assert fake.calls[0].body["stream"]
    assert "max_completion_tokens" not in fake.calls[0].body


def test_with_money_enough_for_the_longest_answer_nothing_is_changed(fake, run):
    answer(run, ask(PRICED), Recorder(Decimal("10")))
    assert "max_completion_tokens" not in fake.calls[0].body
    assert not fake.calls[0].body.get("stream")


def test_a_stream_stops_at_the_limit_closed_kept_and_counted(fake, run):
    ctx = Recorder(Decimal("0.00001"))
    with pytest.raises(CostLimitExceeded):
        run(COMPLETION.run(ctx, ask(PRICED, "script:slow-stream", stream=True)))
    assert [used.estimated for used in ctx.usages] == [True]
    assert Decimal("0.00001") < ctx.usages[0].cost_usd < Decimal("0.000012")
    assert ctx.kept["message"]["content"].startswith("word0 word1")


def test_the_sandbox_is_never_too_dear(run):
    assert answer(run, ask("sandbox/instant"), Recorder(Decimal("0.000001")))


@pytest.mark.parametrize(
    ("payload", "priced", "lane"),
    [
        (ask(PRICED), True, PRICED),
        (ask("sandbox"), True, None),
        (ask("local/llama"), False, "local/llama"),
        (ask(PRICED, fallback_models=["sandbox"]), True, None),
        (ask(PRICED, fallback_models=["local/llama"]), False, None),
    ],
)
def test_a_completion_says_whether_it_has_a_price_and_which_model_it_waits_for(payload, priced, lane):
    assert of(COMPLETION, "priced", payload) is priced
    assert of(COMPLETION, "lane", payload) == lane


def test_an_embedding_says_so_too():
    payload = {"model": "openai/text-embedding-3-small", "input": ["abcd"] * 10}
    assert of(EMBEDDING, "priced", payload) and of(EMBEDDING, "lane", payload) == "openai/text-embedding-3-small"
    assert of(EMBEDDING, "lane", {"model": "sandbox", "input": "a"}) is None
    found = of(EMBEDDING, "estimate", payload)
    assert (found.input_tokens, found.output_tokens_max) == (10, 0)
    assert found.cost_low == found.cost_high == Decimal("0.0000002")


def test_an_estimate_is_a_range_from_the_shortest_to_the_longest_answer():
    found = of(COMPLETION, "estimate", ask(PRICED, "a" * 396, max_tokens=1000))
    assert (found.input_tokens, found.output_tokens_max, found.models) == (100, 1000, [PRICED])
    assert found.cost_low == Decimal("0.0000156")
    assert found.cost_high == Decimal("0.000615")
    assert all(sentence.endswith(".") for sentence in found.assumptions)


def test_an_estimate_without_a_limit_names_what_it_assumes():
    found = of(COMPLETION, "estimate", ask(PRICED))
    assert found.output_tokens_max > 100_000
    assert any("128,000" in sentence for sentence in found.assumptions)
    assert of(COMPLETION, "estimate", ask("local/llama")).output_tokens_max == 4096
    assert of(COMPLETION, "estimate", ask("anthropic/claude-sonnet-4-5")).output_tokens_max == 8192


def test_an_estimate_spans_all_models_and_is_none_where_a_price_is_not_known():
    both = of(COMPLETION, "estimate", ask(PRICED, max_tokens=10, fallback_models=["sandbox"]))
    assert both.cost_low == 0
    assert both.cost_high == of(COMPLETION, "estimate", ask(PRICED, max_tokens=10)).cost_high
    unknown = of(COMPLETION, "estimate", ask(PRICED, fallback_models=["local/llama"]))
    assert unknown.cost_low is None and unknown.cost_high is None
    assert any("local/llama has no list price" in sentence for sentence in unknown.assumptions)


def test_an_estimate_counts_the_repair_and_the_cache():
    plain = of(COMPLETION, "estimate", ask(PRICED, max_tokens=100))
    as_json = of(COMPLETION, "estimate", ask(PRICED, max_tokens=100, response_format={"type": "json_object"}))
    assert as_json.cost_high > 2 * plain.cost_high
    assert of(COMPLETION, "estimate", ask(PRICED, cache=True)).cost_low == 0
