"""The sandbox: an offline, deterministic provider that says in every answer what it is.

It streams word by word, obeys `response_format`, calls tools when made to or asked to, answers from context it is
given, and embeds with a small real model, so that everything can be tried and tested without a key. `sandbox` waits
10 ms between words, `sandbox/slow` 250 ms and talks long, `sandbox/instant` not at all.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import orjson

from infra import db
from workers.providers import minilm, sandbox_answers
from workers.providers.base import Completion, CompletionRequest, Delta, Embeddings, ProviderUsage
from workers.providers.meter import Meter, characters, tokens

Json = dict[str, Any]

PAUSES = {"sandbox/slow": 0.25, "sandbox/instant": 0.0}
DEFAULT_PAUSE = 0.01


class SandboxProvider:
    """The provider; it holds nothing."""

    name = "sandbox"

    async def close(self) -> None:
        """Nothing to close."""

    async def complete(self, request: CompletionRequest) -> Completion:
        """The whole answer, after the time its words would have taken (at most 1 s)."""
        db.refuse_open_transaction()
        meter = Meter(self.name, request.model)
        message, finish = _answer(request)
        words = len((message["content"] or "").split())
        pause = min(words * PAUSES.get(request.model, DEFAULT_PAUSE), 1.0)
        if pause:
            await asyncio.sleep(pause)
        return Completion(message, finish, _usage(meter, request, message))

    async def stream(self, request: CompletionRequest) -> AsyncGenerator[Delta | Completion]:
        """Word by word; a tool call comes whole."""
        db.refuse_open_transaction()
        meter = Meter(self.name, request.model)
        message, finish = _answer(request)
        pause = PAUSES.get(request.model, DEFAULT_PAUSE)
        for index, call in enumerate(message.get("tool_calls") or ()):
            meter.token()
            yield Delta(tool_calls=[{"index": index, **call}])
        for number, word in enumerate(_words(message["content"] or "")):
            if number:
                await asyncio.sleep(pause)
            meter.token()
            yield Delta(content=word)
        yield Completion(message, finish, _usage(meter, request, message))

    async def embed(self, model: str, texts: list[str], options: Json) -> Embeddings:
        """Vectors of all-MiniLM-L6-v2: 384 dimensions, normalised, the first 256 tokens of each text; with the option
        `whole` all of it."""
        meter = Meter(self.name, model)
        vectors, count = await minilm.embed(texts, options.get("dimensions"), whole=options.get("whole", False))
        return Embeddings(vectors, meter.usage(input_tokens=count, output_tokens=0))


def _answer(request: CompletionRequest) -> tuple[Json, str]:
    """The assistant's message and why it ends."""
    tool = sandbox_answers.wanted_tool(request)
    if tool is not None:
        function = {"name": tool["name"], "arguments": orjson.dumps(sandbox_answers.arguments(tool, request)).decode()}
        digest = hashlib.sha256(orjson.dumps([request.messages, function])).hexdigest()[:24]
        call = {"id": f"call_{digest}", "type": "function", "function": function}
        return {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
    text, finish = _cut(sandbox_answers.text(request), request.options)
    return {"role": "assistant", "content": text}, finish


def _cut(text: str, options: Json) -> tuple[str, str]:
    """The text up to the first `stop` and not beyond `max_tokens`."""
    stops = options.get("stop") or ()
    for stop in [stops] if isinstance(stops, str) else stops:
        text = text.partition(stop)[0]
    most = options.get("max_tokens")
    if most is not None and tokens(len(text)) > most:
        return text[: most * 4], "length"
    return text, "stop"


def _words(text: str) -> Iterator[str]:
    """The text in pieces of one word with the space after it."""
    start = 0
    while start < len(text):
        end = text.find(" ", start) + 1 or len(text)
        yield text[start:end]
        start = end


def _usage(meter: Meter, request: CompletionRequest, message: Json) -> ProviderUsage:
    """Counted the sandbox's own way: four characters are a token; it costs nothing."""
    return meter.usage(
        input_tokens=tokens(characters(request.messages)),
        output_tokens=tokens(characters([message.get("content"), message.get("tool_calls")])),
        request_id="sandbox",
    )
