"""What an AI provider must be able to do, and the words all of them speak.

Requests and answers are OpenAI's chat shapes, because every client knows them; a vendor's file translates to its own
SDK and back. Vendor errors become the ProviderError family of infra/errors/ here, once a vendor.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

Json = dict[str, Any]

# Anthropic insists on a limit to every answer; this is the one where the caller set none.
ANTHROPIC_MAX_TOKENS = 8192


@dataclass(frozen=True, slots=True)
class ProviderUsage:
    """What one provider call cost. Tokens are counts, `cost_usd` None where the price is unknown, times in seconds.

    `input_tokens` include `cached_tokens`, `output_tokens` include `reasoning_tokens`, as OpenAI counts them.
    """

    provider: str
    model: str
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    cost_usd: Decimal | None = None
    latency_seconds: float = 0.0
    first_token_seconds: float | None = None
    provider_request_id: str | None = None
    estimated: bool = False


@dataclass(slots=True)
class Delta:
    """A piece of a streamed answer: text, reasoning text, or parts of tool calls (OpenAI's `delta.tool_calls`)."""

    content: str | None = None
    reasoning: str | None = None
    tool_calls: list[Json] | None = None


@dataclass(slots=True)
class Completion:
    """A whole answer. `message` is OpenAI's assistant message; ends by stop|length|tool_calls|content_filter."""

    message: Json
    finish_reason: str
    usage: ProviderUsage


@dataclass(slots=True)
class Embeddings:
    """Vectors in the order of the input texts."""

    vectors: list[list[float]]
    usage: ProviderUsage


@dataclass(slots=True)
class CompletionRequest:
    """One call: `model` is the provider's own name for it, `options` the sampling settings the caller sent."""

    model: str
    messages: list[Json]
    tools: list[Json] | None = None
    tool_choice: Any = None
    response_format: Json | None = None
    options: Json = field(default_factory=dict)


class Provider(Protocol):
    """One vendor. Calls never hold a database transaction; they raise only ProviderError and its children."""

    name: str

    async def complete(self, request: CompletionRequest) -> Completion:
        """The whole answer at once."""

    def stream(self, request: CompletionRequest) -> AsyncGenerator[Delta | Completion]:
        """Deltas as they come, then the Completion as the last item. Closing the iterator ends the provider's call."""

    async def embed(self, model: str, texts: list[str], options: Json) -> Embeddings:
        """One vector a text."""

    async def close(self) -> None:
        """Closes this event loop's connections."""
