"""What a call costs, from the maintained list in `genai-prices`, offline. A model that is not listed costs None."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice

# Our provider names to the list's; a provider that is not here has no list price.
_LISTED = {"openai": "openai", "anthropic": "anthropic", "openrouter": "openrouter", "xai": "x-ai", "gemini": "google"}
_MILLION = Decimal(1_000_000)
_FREE = Decimal(0)


def cost(
    provider: str, model: str, *, input_tokens: int, output_tokens: int, cached_tokens: int = 0, written_tokens: int = 0
) -> Decimal | None:
    """US dollars for one call. `cached_tokens` and `written_tokens` (into the vendor's cache) are part of the input."""
    if provider == "sandbox":
        return _FREE
    price, _ = _listed(provider, model)
    if price is None:
        return None
    rates = _flat(price)
    if rates is not None and not written_tokens:
        fresh = input_tokens - cached_tokens
        return (rates[0] * fresh + rates[1] * cached_tokens + rates[2] * output_tokens) / _MILLION
    from genai_prices import Usage

    usage = Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cache_read_tokens=cached_tokens,
        cache_write_tokens=written_tokens,
    )
    total: Decimal = price.calc_price(usage)["total_price"]
    return total


def context_window(provider: str, model: str) -> int | None:
    """Tokens that fit into the model, question and answer together; None where the list does not say."""
    return _listed(provider, model)[1]


# Finding a model and pricing a call the package's way costs 70 µs each time; flat rates from this cache cost 2 µs.
@lru_cache(maxsize=1024)
def _listed(provider: str, model: str) -> tuple[ModelPrice | None, int | None]:
    """The model's price and context window."""
    listed = _LISTED.get(provider)
    if listed is None:
        return None, None
    # 8 MB of prices, which only a worker needs.
    from genai_prices import Usage, calc_price

    try:
        found = calc_price(Usage(input_tokens=1, output_tokens=1), model, provider_id=listed)
    except (LookupError, ValueError):
        return None, None
    return found.model_price, found.model.context_window


def _flat(price: ModelPrice) -> tuple[Decimal, Decimal, Decimal] | None:
    """Dollars per million tokens (input, cached input, output), or None where they depend on the size of the call."""
    given: tuple[Any, ...] = (price.input_mtok, price.cache_read_mtok, price.output_mtok)
    fresh, cached, output = given
    if getattr(price, "requests_kcount", None) is not None or not isinstance(fresh, Decimal):
        return None
    cached = fresh if cached is None else cached
    output = _FREE if output is None else output
    return (fresh, cached, output) if isinstance(cached, Decimal) and isinstance(output, Decimal) else None
