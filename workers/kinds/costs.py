"""Money: what a job may still spend, and what it would probably cost. By list price, with estimated tokens."""

from collections.abc import Sequence
from decimal import Decimal

from infra.errors import CostLimitExceeded
from workers.kinds.base import Context, Estimate
from workers.providers import prices
from workers.providers.base import ANTHROPIC_MAX_TOKENS, ProviderUsage
from workers.providers.meter import CHARACTERS_PER_TOKEN
from workers.providers.names import Target

ASSUMED_OUTPUT = 4096


class Budget:
    """What is left of a job's max_cost; without one, all calls are affordable."""

    def __init__(self, ctx: Context) -> None:
        self._most = ctx.max_cost
        self._spent = ctx.spent

    def count(self, usage: ProviderUsage) -> None:
        """Takes a call off what is left."""
        self._spent += usage.cost_usd or 0

    def require_input(self, target: Target, input_tokens: int) -> None:
        """Raises CostLimitExceeded if the input alone costs more than is left."""
        self._left_after(target, input_tokens)

    def output_tokens(self, target: Target, input_tokens: int) -> int | None:
        """How long an answer is affordable, None for any; CostLimitExceeded if none is."""
        left = self._left_after(target, input_tokens)
        if left is None:
            return None
        a_thousand = _cost(target, input_tokens, 1000) - _cost(target, input_tokens, 0)
        if not a_thousand:
            return None
        affordable = int(left * 1000 / a_thousand)
        if affordable < 1:
            raise self.exceeded(target)
        return affordable

    def exceeded(self, target: Target) -> CostLimitExceeded:
        """The error for a call that costs too much, or would."""
        return CostLimitExceeded(
            f"A call of {target} costs more than is left of the job's max_cost of {self._most:f} US dollars.",
            provider=target.provider,
            model=target.model,
            max_cost=str(self._most),
        )

    def _left_after(self, target: Target, input_tokens: int) -> Decimal | None:
        if self._most is None:
            return None
        left = self._most - self._spent - _cost(target, input_tokens, 0)
        if left < 0:
            raise self.exceeded(target)
        return left


def _cost(target: Target, input_tokens: int, output_tokens: int) -> Decimal:
    cost = prices.cost(target.provider, target.model, input_tokens=input_tokens, output_tokens=output_tokens)
    if cost is None:
        raise CostLimitExceeded(f"{target} has no list price, so its cost cannot be limited.")
    return cost


def priced(targets: Sequence[Target]) -> bool:
    """Whether all of these models have a list price."""
    return all(prices.cost(one.provider, one.model, input_tokens=1, output_tokens=1) is not None for one in targets)


def most_output(target: Target, input_tokens: int) -> tuple[int, str]:
    """The longest answer where the request sets no limit, and how we know."""
    if target.provider == "anthropic":
        return ANTHROPIC_MAX_TOKENS, "The answer has at most the 8,192 tokens that we ask Anthropic for."
    window = prices.context_window(target.provider, target.model)
    if window is None:
        return ASSUMED_OUTPUT, f"The answer has at most {ASSUMED_OUTPUT:,} tokens."
    return max(1, window - input_tokens), f"Question and answer fill at most {target.model}'s {window:,} tokens."


def estimate(
    targets: Sequence[Target], input_tokens: int, max_tokens: int | None, *, free: bool = False, repaired: bool = False
) -> Estimate:
    """The range of one attempt: from the cheapest model's shortest answer to the dearest one's longest.

    `max_tokens` limits the answer (0: there is none), `free` says that it may cost nothing, `repaired` that it may be
    asked for twice.
    """
    assumptions = [f"{CHARACTERS_PER_TOKEN} characters are a token.", "One attempt, answered by one model."]
    longest: list[int] = []
    for target in targets:
        most, why = most_output(target, input_tokens) if max_tokens is None else (max_tokens, "")
        longest.append(most)
        assumptions += [why] if why and why not in assumptions else []
        assumptions += [] if priced([target]) else [f"{target} has no list price."]
    if free:
        assumptions.append("An answer from the response cache costs nothing.")
    if repaired:
        assumptions.append("The dearest answer breaks its JSON schema and is asked for once more.")
    low: Decimal | None = None
    high: Decimal | None = None
    if priced(targets):
        low = Decimal(0) if free else min(_cost(target, input_tokens, min(1, max(longest))) for target in targets)
        high = max(
            _cost(target, input_tokens, most) + (_cost(target, input_tokens + most, most) if repaired else 0)
            for target, most in zip(targets, longest, strict=True)
        )
    return Estimate(
        input_tokens=input_tokens,
        output_tokens_max=max(longest),
        cost_low=low,
        cost_high=high,
        models=[str(target) for target in targets],
        assumptions=assumptions,
    )
