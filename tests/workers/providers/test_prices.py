"""What calls cost by the list, ours and those that others made."""

from decimal import Decimal

import pytest
from genai_prices import Usage, calc_price

from workers.providers import prices

USAGES = [
    (1000, 200, 0, 0),
    (1000, 200, 300, 0),
    (1000, 0, 300, 100),
    (199_000, 5, 0, 500),
    (300_000, 1000, 200_000, 9),
]


@pytest.mark.parametrize(
    ("provider", "listed", "model"),
    [
        ("openai", "openai", "gpt-4o-2024-08-06"),
        ("anthropic", "anthropic", "claude-sonnet-4-5"),  # dearer beyond 200,000 tokens
        ("gcp.gemini", "google", "gemini-2.5-pro"),
        ("aws.bedrock", "aws", "us.anthropic.claude-3-5-sonnet-20241022-v2:0"),
        ("mistral_ai", "mistral", "mistral-small-latest"),
    ],
)
def test_a_price_from_the_cache_of_rates_is_the_packages(provider: str, listed: str, model: str) -> None:
    for taken, made, cached, written in USAGES:
        usage = Usage(input_tokens=taken, output_tokens=made, cache_read_tokens=cached, cache_write_tokens=written)
        found = prices.listed_cost(
            provider, model, input_tokens=taken, output_tokens=made, cached_tokens=cached, written_tokens=written
        )
        assert found == calc_price(usage, model, provider_id=listed).total_price


def test_only_what_is_listed_has_a_price() -> None:
    def cost(provider: str | None, model: str) -> Decimal | None:
        return prices.listed_cost(provider, model, input_tokens=1_000_000, output_tokens=0)

    assert cost(None, "gpt-4o") == cost("openai", "gpt-4o") == Decimal("2.5")
    assert cost("openai", "nobody-knows") is cost("ollama", "gpt-4o") is cost(None, "nobody-knows") is None
    assert cost("sandbox", "sandbox/slow") == 0
    # What Azure does not list costs what OpenAI takes for it.
    assert cost("azure.ai.openai", "gpt-5") == cost("openai", "gpt-5") is not None


def test_our_own_calls_cost_the_same() -> None:
    assert prices.cost("openai", "gpt-4o", input_tokens=1000, output_tokens=200, cached_tokens=100) == Decimal(
        "0.004375"
    )
    assert prices.cost("local", "gpt-4o", input_tokens=1000, output_tokens=200) is None
    assert prices.context_window("openai", "gpt-4o") == 128_000
