"""What a call costs, from the maintained list in `genai-prices`, offline. A model that is not listed costs None."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from sys import maxsize
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice

# Our provider names to the list's; a provider that is not here has no list price.
_LISTED = {"openai": "openai", "anthropic": "anthropic", "openrouter": "openrouter", "xai": "x-ai", "gemini": "google"}
# Providers by OpenTelemetry's names (workers/traces/mapping/providers.py) to the list's, the second for what the first
# does not list.
_LISTED_ELSEWHERE: dict[str, tuple[str, ...]] = {
    "openai": ("openai",),
    "azure.ai.openai": ("azure", "openai"),
    "azure.ai.inference": ("azure",),
    "anthropic": ("anthropic",),
    "aws.bedrock": ("aws",),
    "gcp.gemini": ("google",),
    "gcp.vertex_ai": ("google",),
    "mistral_ai": ("mistral",),
    "cohere": ("cohere",),
    "x_ai": ("x-ai",),
    "deepseek": ("deepseek",),
    "groq": ("groq",),
    "perplexity": ("perplexity",),
    "openrouter": ("openrouter",),
    "together_ai": ("together",),
    "fireworks_ai": ("fireworks",),
    "voyage_ai": ("voyageai",),
    "moonshot_ai": ("moonshotai",),
    "cerebras": ("cerebras",),
}
_MILLION = Decimal(1_000_000)
_FREE = Decimal(0)


def load() -> None:
    """Reads the list now: half a second, and a hundred megabytes, which processes forked from this one share."""
    _listed("openai", "gpt-4o")


def cost(
    provider: str, model: str, *, input_tokens: int, output_tokens: int, cached_tokens: int = 0, written_tokens: int = 0
) -> Decimal | None:
    """US dollars for one call. `cached_tokens` and `written_tokens` (into the vendor's cache) are part of the input."""
    if provider == "sandbox":
        return _FREE
    listed = _LISTED.get(provider)
    price = _listed(listed, model).price if listed is not None else None
    return None if price is None else price(input_tokens, output_tokens, cached_tokens, written_tokens)


def listed_cost(
    provider: str | None,
    model: str,
    *,
    input_tokens: int,
    output_tokens: int,
    cached_tokens: int = 0,
    written_tokens: int = 0,
) -> Decimal | None:
    """US dollars for a call that somebody else made; `provider` by OpenTelemetry's name for it, None where only the
    model is known. A provider that is not listed (a server of one's own) has no price, whatever it calls its models."""
    if provider == "sandbox":
        return _FREE
    for listed in (None,) if provider is None else _LISTED_ELSEWHERE.get(provider, ()):
        price = _listed(listed, model).price
        if price is not None:
            return price(input_tokens, output_tokens, cached_tokens, written_tokens)
    return None


def context_window(provider: str, model: str) -> int | None:
    """Tokens that fit into the model, question and answer together; None where the list does not say."""
    listed = _LISTED.get(provider)
    return _listed(listed, model).window if listed is not None else None


class _Listed(NamedTuple):
    """A model of the list: its price by input, output, cached and written tokens, and its context window."""

    price: Callable[[int, int, int, int], Decimal] | None = None
    window: int | None = None


# Finding a model and pricing a call the package's way costs 150 µs each time; rates from this cache cost 2 µs.
@lru_cache(maxsize=4096)
def _listed(listed: str | None, model: str) -> _Listed:
    """`listed` is the list's name of the provider, None where it is to be found by the model."""
    # A hundred megabytes, which only who prices something needs.
    from genai_prices import Usage, calc_price

    try:
        found = calc_price(Usage(input_tokens=1, output_tokens=1), model, provider_id=listed)
    except (LookupError, ValueError):
        return _Listed()
    return _Listed(_pricing(found.model_price), found.model.context_window)


def _pricing(price: ModelPrice) -> Callable[[int, int, int, int], Decimal]:
    """The price by its rates up to the size of input where they change, beyond it as the package says."""

    def by_package(taken: int, made: int, cached: int, written: int) -> Decimal:
        from genai_prices import Usage

        usage = Usage(input_tokens=taken, output_tokens=made, cache_read_tokens=cached, cache_write_tokens=written)
        total: Decimal = price.calc_price(usage)["total_price"]
        return total

    def by_rates(taken: int, made: int, cached: int, written: int) -> Decimal:
        if taken > flat_until:
            return by_package(taken, made, cached, written)
        sums = fresh * (taken - cached - written) + reading * cached + writing * written + output * made
        return Decimal(sums / _MILLION)

    given: tuple[Any, ...] = (price.input_mtok, price.cache_read_mtok, price.cache_write_mtok, price.output_mtok)
    if getattr(price, "requests_kcount", None) is not None or given[0] is None:
        return by_package
    flat_until = min((rate.tiers[0].start for rate in given if hasattr(rate, "tiers")), default=maxsize)
    fresh, *rest = (getattr(rate, "base", rate) for rate in given)
    reading, writing, output = (
        otherwise if rate is None else rate for rate, otherwise in zip(rest, (fresh, fresh, _FREE), strict=True)
    )
    return by_rates
