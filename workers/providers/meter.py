"""Measures one provider call: time, time to the first token, tokens and money."""

from dataclasses import dataclass, field
from decimal import Decimal
from time import perf_counter
from typing import Any

from workers.providers import prices
from workers.providers.base import CompletionRequest, ProviderUsage

Json = dict[str, Any]

CHARACTERS_PER_TOKEN = 4
TOKENS_PER_IMAGE = 800


@dataclass(slots=True)
class Meter:
    """Started where the call starts; asked once for the usage where it ends."""

    provider: str
    model: str
    started: float = field(default_factory=perf_counter)
    first: float | None = None

    def token(self) -> None:
        """The first piece of the answer is here; later calls change nothing."""
        if self.first is None:
            self.first = perf_counter()

    def usage(
        self,
        *,
        input_tokens: int,
        output_tokens: int,
        cached_tokens: int = 0,
        written_tokens: int = 0,
        reasoning_tokens: int = 0,
        cost: Decimal | None = None,
        request_id: str | None = None,
        estimated: bool = False,
    ) -> ProviderUsage:
        """What the call cost; `cost` only where the vendor itself says it."""
        if cost is None:
            cost = prices.cost(
                self.provider,
                self.model,
                input_tokens=input_tokens,
                output_tokens=output_tokens,
                cached_tokens=cached_tokens,
                written_tokens=written_tokens,
            )
        return ProviderUsage(
            provider=self.provider,
            model=self.model,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            cached_tokens=cached_tokens,
            reasoning_tokens=reasoning_tokens,
            cost_usd=cost,
            latency_seconds=perf_counter() - self.started,
            first_token_seconds=None if self.first is None else self.first - self.started,
            provider_request_id=request_id,
            estimated=estimated,
        )

    def estimate(
        self, request: CompletionRequest, output_characters: int, *, request_id: str | None = None
    ) -> ProviderUsage:
        """What the call probably cost, where the vendor did not say: four characters are a token."""
        return self.usage(
            input_tokens=input_tokens(request.messages, request.tools),
            output_tokens=tokens(output_characters),
            request_id=request_id,
            estimated=True,
        )


def input_tokens(messages: list[Json], tools: list[Json] | None) -> int:
    """Tokens that a request is likely to be."""
    return tokens(characters(messages) + characters(tools))


def tokens(count: int) -> int:
    """Tokens that so many characters are likely to be."""
    return (count + CHARACTERS_PER_TOKEN - 1) // CHARACTERS_PER_TOKEN


def characters(value: Any) -> int:
    """Characters of text in a JSON value; an image counts what vendors charge for a small one."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        if value.get("type") in ("image_url", "input_audio"):
            return TOKENS_PER_IMAGE * CHARACTERS_PER_TOKEN
        return sum(map(characters, value.values()))
    if isinstance(value, list):
        return sum(map(characters, value))
    return 0
