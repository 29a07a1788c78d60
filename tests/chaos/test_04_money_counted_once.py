"""Promise 4: money is counted once."""

from tests.chaos.attack import Begin
from tests.chaos.load import says
from tests.chaos.plan import LONG, size
from tests.chaos.victim import WORKERS

SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
AS_JSON = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA}}


def test_a_call_that_was_paid_for_is_counted_once_also_when_the_job_fails(attack: Begin) -> None:
    here = attack(4, "nothing breaks but answers")
    fails = says("openai/bad-json", response_format=AS_JSON)
    for ask in (fails, says("openai/echo"), says("openai/fast-stream", stream=True)):
        here.load.submit(size(20, 200), ask)
    found = here.verdict()
    provider = here.victim.provider
    paid = sum(provider.answered[marker] for marker in here.load.accepted)
    assert found.statuses["failed"] == size(20, 200)
    assert found.rows == paid == size(20, 200) * 4


def test_usage_and_the_providers_own_count_agree_under_kills_freezes_and_cut_connections(attack: Begin) -> None:
    here = attack(4, "provider cut, workers frozen and killed")
    faults, load, provider = here.faults, here.load, here.victim.provider
    sorts = (says("openai/slow-100ms"), says("openai/echo"), says("openai/fast-stream", stream=True))
    with load.going_on(*sorts, at_most=size(100, 1500), threads=4, pause=size(20, 60) / 1000):
        for _ in range(size(1, 6)):
            first, second = faults.random.sample(WORKERS, 2)
            faults.pause(faults.random.uniform(0.4, 0.8))
            here.victim.vendor.cut()
            faults.done["provider cut"] += 1
            with faults.frozen(second):
                faults.pause(0.3)
                if LONG:
                    faults.kill(first)
                    faults.start(first)
    found = here.verdict()
    here.tell(f"{sum(provider.asked[marker] for marker in load.accepted)} calls, {found.rows} answered and counted")
    assert found.statuses == {"succeeded": len(load.accepted)}
