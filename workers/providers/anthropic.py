"""Anthropic, by its official SDK."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import anthropic
import httpx2
import orjson

from infra.errors import ProviderBadRequest, ProviderUnavailable
from infra.settings import ProviderSettings
from workers.providers import anthropic_messages as messages
from workers.providers.base import Completion, CompletionRequest, Delta, Embeddings, ProviderUsage
from workers.providers.meter import Meter, characters
from workers.providers.wire import LIMITS, Json, Sdk, Wire


class AnthropicProvider:
    """Anthropic's Messages API in OpenAI's shapes."""

    def __init__(self, name: str, settings: ProviderSettings, *, base_url: str, timeout_seconds: float) -> None:
        self.name = name
        self._wire = Wire(
            name,
            _sdk(settings.api_key or "none", settings.base_url or base_url),
            secret=settings.api_key,
            timeout_seconds=timeout_seconds,
        )

    async def close(self) -> None:
        """Closes this event loop's connections."""
        await self._wire.close()

    async def complete(self, request: CompletionRequest) -> Completion:
        """The whole answer at once."""
        meter = Meter(self.name, request.model)
        answer, headers = await self._wire.post("/v1/messages", messages.body(request), model=request.model)
        message = messages.message(answer.get("content") or [])
        usage = _usage(meter, answer.get("usage"), request, message, headers.get("request-id"))
        return Completion(message, messages.finish(answer.get("stop_reason")), usage)

    async def stream(self, request: CompletionRequest) -> AsyncGenerator[Delta | Completion]:
        """Deltas as they come, then the Completion."""
        meter = Meter(self.name, request.model)
        answer, headers = _Answer(), dict[str, str]()
        body = {**messages.body(request), "stream": True}
        events = self._wire.events("/v1/messages", body, model=request.model, headers=headers)
        async with aclosing(events):
            async for event in events:
                delta = answer.add(event)
                if delta is not None:
                    meter.token()
                    yield delta
        if answer.stop_reason is None:
            raise ProviderUnavailable(
                f"{self.name} ended its answer before it was complete", provider=self.name, model=request.model
            )
        message = messages.message(answer.content())
        usage = _usage(meter, answer.usage, request, message, headers.get("request-id"))
        yield Completion(message, messages.finish(answer.stop_reason), usage)

    async def embed(self, model: str, texts: list[str], options: Json) -> Embeddings:
        """Anthropic has none."""
        raise ProviderBadRequest("anthropic offers no embeddings", provider=self.name, model=model)


def _sdk(api_key: str, base_url: str) -> Sdk:
    def client(timeout: httpx2.Timeout) -> anthropic.AsyncAnthropic:
        return anthropic.AsyncAnthropic(
            api_key=api_key,
            base_url=base_url,
            timeout=timeout,
            max_retries=0,  # the job core retries, for every kind the same way
            http_client=anthropic.DefaultAioHttpClient(timeout=timeout, limits=LIMITS),
        )

    return Sdk(
        client,
        anthropic.APIStatusError,
        anthropic.APITimeoutError,
        anthropic.APIConnectionError,
        anthropic.AsyncStream,
    )


@dataclass(slots=True)
class _Answer:
    """A streamed answer put together, block by block."""

    blocks: dict[int, Json] = field(default_factory=dict)
    pieces: dict[int, list[str]] = field(default_factory=dict)
    calls: int = 0
    usage: Json = field(default_factory=dict)
    stop_reason: str | None = None

    def add(self, event: Json) -> Delta | None:
        """Takes one event in; what it brought that is worth showing."""
        kind = event.get("type")
        if kind == "content_block_delta":
            return self._grow(event["index"], event["delta"])
        if kind == "content_block_start":
            return self._begin(event["index"], event["content_block"])
        if kind == "message_start":
            self.usage.update(event["message"].get("usage") or {})
        elif kind == "message_delta":
            self.usage.update({name: value for name, value in (event.get("usage") or {}).items() if value is not None})
            self.stop_reason = event["delta"].get("stop_reason") or self.stop_reason
        return None

    def _begin(self, index: int, block: Json) -> Delta | None:
        self.blocks[index] = block
        self.pieces[index] = []
        if block["type"] != "tool_use":
            return Delta(content=block["text"]) if block.get("text") else None
        block["call_index"] = self.calls
        self.calls += 1
        function = {"name": block["name"], "arguments": ""}
        return Delta(
            tool_calls=[{"index": block["call_index"], "id": block["id"], "type": "function", "function": function}]
        )

    def _grow(self, index: int, delta: Json) -> Delta | None:
        kind = delta["type"]
        if kind == "text_delta":
            self.pieces[index].append(delta["text"])
            return Delta(content=delta["text"])
        if kind == "thinking_delta":
            self.pieces[index].append(delta["thinking"])
            return Delta(reasoning=delta["thinking"]) if delta["thinking"] else None
        if kind == "input_json_delta":
            self.pieces[index].append(delta["partial_json"])
            piece = {"index": self.blocks[index].get("call_index", 0), "function": {"arguments": delta["partial_json"]}}
            return Delta(tool_calls=[piece]) if delta["partial_json"] else None
        if kind == "signature_delta":
            self.blocks[index]["signature"] = delta["signature"]
        return None

    def content(self) -> list[Json]:
        """The blocks as the unstreamed API would have sent them."""
        made: list[Json] = []
        for index in sorted(self.blocks):
            block = {name: value for name, value in self.blocks[index].items() if name != "call_index"}
            text = "".join(self.pieces[index])
            if block["type"] == "tool_use":
                block["input"] = _input(text) if text else block.get("input") or {}
            elif block["type"] in ("text", "thinking"):
                block[block["type"]] = (block.get(block["type"]) or "") + text
            made.append(block)
        return made


def _input(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:  # cut by max_tokens: the caller sees what there is
        return text


def _usage(
    meter: Meter, usage: Json | None, request: CompletionRequest, message: Json, request_id: str | None
) -> ProviderUsage:
    """Anthropic counts cached and written input apart; we count them in, as OpenAI does."""
    if not usage or usage.get("input_tokens") is None:
        length = characters([message.get("content"), message.get("reasoning"), message.get("tool_calls")])
        return meter.estimate(request, length, request_id=request_id)
    cached = usage.get("cache_read_input_tokens") or 0
    written = usage.get("cache_creation_input_tokens") or 0
    return meter.usage(
        input_tokens=usage["input_tokens"] + cached + written,
        output_tokens=usage.get("output_tokens") or 0,
        cached_tokens=cached,
        written_tokens=written,
        reasoning_tokens=(usage.get("output_tokens_details") or {}).get("thinking_tokens") or 0,
        request_id=request_id,
    )
