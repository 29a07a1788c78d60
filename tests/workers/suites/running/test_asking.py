"""Steps that ask models, as part of a run's job: paid for by it, and within what it may cost."""

import asyncio
from typing import Any

from infra.errors import CostLimitExceeded, ProviderBusy
from tests.client import HELLO
from tests.workers.kinds.test_completion import Recorder
from tests.workers.suites.running.conftest import Bench
from workers.suites.running.asking import Asking

Json = dict[str, Any]
PRICED: Json = {"model": "openai/gpt-4o-mini", "messages": HELLO, "max_tokens": 100}


def test_a_step_that_asks_a_model_is_counted_by_the_job(bench: Bench) -> None:
    step = {"kind": "completion", "model": "sandbox/instant", "messages": HELLO,
            "assert": [{"type": "contains", "expected": "hello"}]}  # fmt: skip
    bench.submit(bench.case("asks", step), times=3)
    ctx = bench.claim()
    result = bench.finish(ctx)
    assert result["verdict"] == "passed", bench.results(result)["asks"].reason
    assert len(ctx.usages) == 3 and ctx.deltas == []


def test_all_calls_of_a_run_share_what_it_may_cost(fake, run) -> None:
    first = Recorder()
    run(Asking(first).complete(PRICED))
    most = first.usages[0].cost_usd * 5 / 2
    ctx = Recorder(max_cost=most)
    asking = Asking(ctx)

    async def together() -> list[Any]:
        return await asyncio.gather(*(asking.complete(PRICED) for _ in range(4)), return_exceptions=True)

    refused = [one for one in run(together()) if isinstance(one, CostLimitExceeded)]
    assert 1 <= len(refused) <= 2 and len(ctx.usages) == 4 - len(refused)
    assert sum(usage.cost_usd for usage in ctx.usages) == asking.spent


def test_a_provider_without_room_is_waited_for(run) -> None:
    turns: list[Any] = [ProviderBusy(retry_after=0.01), ProviderBusy(retry_after=0.01), {"message": {}}]

    async def answer(ctx: Any, payload: Json) -> Json:
        turn = turns.pop(0)
        if isinstance(turn, Exception):
            raise turn
        found: Json = turn
        return found

    assert run(Asking(Recorder(), answer).complete(PRICED)) == {"message": {}}
