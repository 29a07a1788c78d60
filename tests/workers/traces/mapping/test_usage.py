"""Whose usage counts, and what a trace costs then."""

import random
import time
from decimal import Decimal
from typing import Any

from tests.workers.traces.mapping.making import kept, span
from workers.traces.base import Stored
from workers.traces.mapping.usage import counts, has_usage


def used(id: int, parent: int | None, tokens: int | None = None, **columns: Any) -> Stored:
    """An observation that used so many tokens."""
    return kept(span({}), id, parent, input_tokens=tokens, **columns)


def test_an_agents_aggregate_of_its_calls_counts_once() -> None:
    """By hand: 1,000 in (400 cached) and 200 out (150 reasoned) of gpt-4o cost 0.0015 + 0.0005 + 0.002; 500 tokens of
    text-embedding-3-small 0.00001; the agent says their sum again."""
    call = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}
    call |= {"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.cache_read.input_tokens": 400}  # type: ignore[dict-item]
    call |= {"gen_ai.usage.output_tokens": 200, "gen_ai.usage.reasoning.output_tokens": 150}  # type: ignore[dict-item]
    embed = {"gen_ai.operation.name": "embeddings", "gen_ai.provider.name": "openai"}
    embed |= {"gen_ai.request.model": "text-embedding-3-small", "gen_ai.usage.input_tokens": 500}  # type: ignore[dict-item]
    agent = call | {"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 1500}
    trace = [
        kept(span(agent), 1),
        kept(span({}), 2, 1),
        kept(span(call), 3, 2),
        kept(span(embed), 4, 2),
        kept(span({"gen_ai.tool.name": "t"}), 5, 1),
    ]
    assert counts(trace) == {2, 3}
    assert sum((trace[index].cost or Decimal(0) for index in counts(trace)), Decimal(0)) == Decimal("0.00401")


def test_an_agent_counts_where_its_calls_say_nothing() -> None:
    assert counts([used(1, None, 10), used(2, 1), used(3, 2, 0)]) == {0}


def test_no_usage_is_none() -> None:
    assert (
        not has_usage(used(1, None, 0)) and not has_usage(used(1, None)) and has_usage(used(1, None, cost=Decimal(1)))
    )


def test_circles_and_orphans_count_once() -> None:
    assert counts([used(1, 2, 5), used(2, 1, 5)]) == {1}
    assert counts([used(1, 1, 5)]) == {0}
    assert counts([used(1, 99, 5), used(2, 1, 5), used(3, 98, 5)]) == {1, 2}
    assert counts([used(1, 3, 5), used(2, 1), used(3, 2), used(4, 2, 5)]) == {3}
    assert counts([]) == set()


def test_two_spans_with_one_id_are_two() -> None:
    assert counts([used(1, None, 5), used(1, None, 6), used(2, 1, 7)]) == {1, 2}


def test_a_long_chain_takes_linear_time() -> None:
    chain = [used(id, id - 1 if id > 1 else None, 5) for id in range(1, 5_001)]
    random.Random(1).shuffle(chain)
    begun = time.process_time()
    assert [chain[index].span_id for index in counts(chain)] == [5_000]
    assert time.process_time() - begun < 2
