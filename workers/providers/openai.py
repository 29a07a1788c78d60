"""OpenAI, and everybody who speaks its chat completions: OpenRouter, xAI, Gemini, Ollama, vLLM."""

import base64
from array import array
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx2
import openai

from infra.errors import ProviderUnavailable
from infra.settings import ProviderSettings
from workers.providers.base import Completion, CompletionRequest, Delta, Embeddings, ProviderUsage
from workers.providers.meter import Meter, characters, tokens
from workers.providers.wire import LIMITS, Json, Sdk, Wire

# Texts a vendor takes in one embeddings call.
_BATCH = {"gemini": 100}
_DEFAULT_BATCH = 2048
# Fields of ours that no vendor of this family knows.
_OURS = ("reasoning", "thinking_blocks", "annotations")


class OpenAIProvider:
    """One vendor of the family, by its name and address."""

    def __init__(self, name: str, settings: ProviderSettings, *, base_url: str, timeout_seconds: float) -> None:
        self.name = name
        self._wire = Wire(
            name,
            _sdk(name, settings.api_key or "none", settings.base_url or base_url),
            secret=settings.api_key,
            timeout_seconds=timeout_seconds,
        )

    async def close(self) -> None:
        """Closes this event loop's connections."""
        await self._wire.close()

    async def complete(self, request: CompletionRequest) -> Completion:
        """The whole answer at once."""
        meter = Meter(self.name, request.model)
        answer, headers = await self._wire.post("/chat/completions", self._body(request), model=request.model)
        choices = answer.get("choices")
        if not choices:
            raise _empty(self.name, request.model)
        choice = choices[0]
        message = _message(choice.get("message") or {})
        request_id = headers.get("x-request-id") or answer.get("id")
        usage = _usage(meter, answer.get("usage"), request, _length(message), request_id)
        return Completion(message, _finish(choice.get("finish_reason"), message), usage)

    async def stream(self, request: CompletionRequest) -> AsyncGenerator[Delta | Completion]:
        """Deltas as they come, then the Completion."""
        meter = Meter(self.name, request.model)
        answer, headers = _Answer(), dict[str, str]()
        body = {**self._body(request), "stream": True, "stream_options": {"include_usage": True}}
        events = self._wire.events("/chat/completions", body, model=request.model, headers=headers)
        async with aclosing(events):
            async for event in events:
                delta = answer.add(event)
                if delta is not None:
                    meter.token()
                    yield delta
        if answer.finish is None:
            raise _empty(self.name, request.model)
        message = answer.message()
        request_id = headers.get("x-request-id") or answer.id
        usage = _usage(meter, answer.usage, request, _length(message), request_id)
        yield Completion(message, _finish(answer.finish, message), usage)

    async def embed(self, model: str, texts: list[str], options: Json) -> Embeddings:
        """One vector a text; as many calls as the vendor's limit asks for."""
        meter = Meter(self.name, model)
        size = _BATCH.get(self.name, _DEFAULT_BATCH)
        # Base64 is a quarter of the bytes and a tenth of the parsing; only OpenAI surely speaks it.
        shared = {"model": model, "encoding_format": "base64" if self.name == "openai" else "float", **options}
        vectors: list[list[float]] = []
        counted: int | None = 0
        request_id: str | None = None
        for start in range(0, len(texts), size):
            batch = texts[start : start + size]
            answer, headers = await self._wire.post("/embeddings", {**shared, "input": batch}, model=model)
            rows = sorted(answer.get("data") or [], key=lambda row: row.get("index", 0))
            if len(rows) != len(batch):
                raise _empty(self.name, model)
            vectors += [_vector(row["embedding"]) for row in rows]
            used = (answer.get("usage") or {}).get("prompt_tokens")
            counted = None if counted is None or used is None else counted + used
            request_id = headers.get("x-request-id") or request_id
        if counted is None:
            estimated = tokens(characters(texts))
            return Embeddings(
                vectors, meter.usage(input_tokens=estimated, output_tokens=0, request_id=request_id, estimated=True)
            )
        return Embeddings(vectors, meter.usage(input_tokens=counted, output_tokens=0, request_id=request_id))

    def _body(self, request: CompletionRequest) -> Json:
        """The request in this vendor's dialect."""
        body: Json = {"model": request.model, "messages": [self._said(message) for message in request.messages]}
        for name in ("tools", "tool_choice", "response_format"):
            value = getattr(request, name)
            if value is not None:
                body[name] = value
        body.update(request.options)
        if self.name == "openai" and "max_tokens" in body:
            body["max_completion_tokens"] = body.pop("max_tokens")  # its reasoning models refuse the old name
        return body

    def _said(self, message: Json) -> Json:
        if not message.keys().isdisjoint(_OURS):
            message = {name: value for name, value in message.items() if name not in _OURS}
        if message["role"] == "developer" and self.name != "openai":
            return {**message, "role": "system"}
        return message


def _sdk(name: str, api_key: str, base_url: str) -> Sdk:
    def client(timeout: httpx2.Timeout) -> openai.AsyncOpenAI:
        made = openai.AsyncOpenAI(
            api_key=api_key,
            base_url=base_url,
            timeout=timeout,
            max_retries=0,  # the job core retries, for every kind the same way
            http_client=openai.DefaultAioHttpClient(timeout=timeout, limits=LIMITS),
        )
        if name != "openai":
            made.organization = made.project = None  # the SDK reads them from the environment: not for other vendors
        return made

    return Sdk(client, openai.APIStatusError, openai.APITimeoutError, openai.APIConnectionError, openai.AsyncStream)


@dataclass(slots=True)
class _Answer:
    """A streamed answer put together."""

    id: str | None = None
    content: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    refusal: list[str] = field(default_factory=list)
    calls: dict[int, Json] = field(default_factory=dict)
    finish: str | None = None
    usage: Json | None = None

    def add(self, event: Json) -> Delta | None:
        """Takes one event in; what it brought that is worth showing."""
        self.id = self.id or event.get("id")
        self.usage = event.get("usage") or self.usage
        choices = event.get("choices")
        if not choices:
            return None
        self.finish = choices[0].get("finish_reason") or self.finish
        piece = choices[0].get("delta")
        if not piece:
            return None
        content, calls = piece.get("content"), piece.get("tool_calls")
        reasoning = piece.get("reasoning_content") or piece.get("reasoning")
        if content:
            self.content.append(content)
        if isinstance(reasoning, str) and reasoning:
            self.reasoning.append(reasoning)
        else:
            reasoning = None
        if piece.get("refusal"):
            self.refusal.append(piece["refusal"])
        for call in calls or ():
            self._call(call)
        return Delta(content or None, reasoning, calls or None) if content or reasoning or calls else None

    def _call(self, piece: Json) -> None:
        """Some vendors leave the index out and send each call whole."""
        index = piece.get("index")
        index = len(self.calls) if index is None else index
        call = self.calls.setdefault(index, {"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
        function = piece.get("function") or {}
        call["id"] = call["id"] or piece.get("id") or ""
        call["function"]["name"] += function.get("name") or ""
        call["function"]["arguments"] += function.get("arguments") or ""

    def message(self) -> Json:
        said: Json = {"content": "".join(self.content) or None}
        if self.reasoning:
            said["reasoning"] = "".join(self.reasoning)
        if self.refusal:
            said["refusal"] = "".join(self.refusal)
        if self.calls:
            said["tool_calls"] = [self.calls[index] for index in sorted(self.calls)]
        return _message(said)


def _message(said: Json) -> Json:
    """A vendor's assistant message with the fields we promise, without its empty ones."""
    message: Json = {"role": "assistant", "content": said.get("content")}
    reasoning = said.get("reasoning_content") or said.get("reasoning")
    if isinstance(reasoning, str) and reasoning:
        message["reasoning"] = reasoning
    for name in ("tool_calls", "refusal", "annotations", "audio"):
        if said.get(name):
            message[name] = said[name]
    return message


def _finish(reason: str | None, message: Json) -> str:
    """Some vendors say `stop` although they call tools."""
    if message.get("tool_calls") and reason in (None, "stop", "function_call"):
        return "tool_calls"
    return reason or "stop"


def _length(message: Json) -> int:
    return characters([message.get("content"), message.get("reasoning"), message.get("tool_calls")])


def _usage(
    meter: Meter, usage: Json | None, request: CompletionRequest, length: int, request_id: str | None
) -> ProviderUsage:
    if not usage or usage.get("prompt_tokens") is None:
        return meter.estimate(request, length, request_id=request_id)
    prompt: Any = usage.get("prompt_tokens_details") or {}
    completion: Any = usage.get("completion_tokens_details") or {}
    charged = usage.get("cost") if meter.provider == "openrouter" else None
    # xAI and Gemini leave reasoning out of completion_tokens, not out of the total (nor of the bill).
    beyond_prompt = (usage.get("total_tokens") or 0) - usage["prompt_tokens"]
    return meter.usage(
        input_tokens=usage["prompt_tokens"],
        output_tokens=max(usage.get("completion_tokens") or 0, beyond_prompt),
        cached_tokens=prompt.get("cached_tokens") or 0,
        reasoning_tokens=completion.get("reasoning_tokens") or 0,
        cost=Decimal(str(charged)) if charged is not None else None,
        request_id=request_id,
    )


def _vector(embedding: str | list[float]) -> list[float]:
    if isinstance(embedding, str):
        return array("f", base64.b64decode(embedding)).tolist()
    return embedding


def _empty(provider: str, model: str) -> ProviderUnavailable:
    return ProviderUnavailable(
        f"{provider} ended its answer before it was complete", provider=provider, model=model, provider_status=200
    )
