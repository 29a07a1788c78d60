"""Which model answers, and what is held for it."""

import asyncio

import pytest

from infra.errors import ProviderAuth, ProviderBusy, ProviderUnavailable
from infra.settings import ProviderSettings
from workers.providers import names, routing
from workers.providers.names import Target
from workers.providers.routing import Step

STEPS = [Step(Target("openai", "first")), Step(Target("openai", "second"))]


def failing(*errors):
    """A call that fails so, model by model."""
    left = list(errors)

    async def call(provider, target):
        raise left.pop(0)

    return call


@pytest.mark.parametrize(
    ("errors", "told"),
    [
        ((ProviderBusy(retry_after=9), ProviderBusy(retry_after=5)), "second"),
        ((ProviderBusy(retry_after=9), ProviderUnavailable()), "second"),
        ((ProviderUnavailable(), ProviderBusy(retry_after=9)), "first"),
        ((ProviderBusy(retry_after=9), ProviderAuth()), "first"),
    ],
)
def test_a_busy_model_is_the_reason_only_where_no_other_error_may_pass(fake, run, errors, told):
    with pytest.raises(type(errors[0 if told == "first" else 1])) as raised:
        run(routing.first_answer(STEPS, failing(*errors)))
    assert raised.value is errors[0 if told == "first" else 1]


def test_keys_of_customers_own_do_not_pile_up_and_calls_under_way_are_left_alone(fake, run, monkeypatch):
    monkeypatch.setattr(routing, "_made", type(routing._made)())
    monkeypatch.setattr(routing, "MOST_MADE", 5)
    closed = []

    def noted(provider, close):
        async def closing():
            closed.append(provider)
            await close()

        return closing

    async def call(provider, target):
        provider.close = noted(provider, provider.close)
        if target.model == "slow":
            await asyncio.sleep(0.5)
        assert provider not in closed
        return target.model

    async def ask(key, model):
        with names.credentials({"openai": ProviderSettings(key, fake.settings().base_url)}):
            return await routing.first_answer([Step(Target("openai", model))], call)

    async def many():
        slow = [asyncio.ensure_future(ask(f"slow-{number}", "slow")) for number in range(4)]
        for number in range(20):
            await ask(f"key-{number}", "quick")
        held = len(routing._made)
        await asyncio.gather(*slow)
        return held

    assert run(many()) <= 6
    assert len(closed) >= 16
