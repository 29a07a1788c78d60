"""An AI provider over real HTTP on loopback: OpenAI's chat and embeddings, Anthropic's messages, streamed and not.

The model's name is the script (see REFUSALS and `_answer`); `…-once` fails the first time and answers after that. A
message that begins with `script:<name>` overrides it, for a model whose name has a price. `limited-5…` takes five calls
at once and five more in two seconds, says so in its headers and refuses what comes sooner; `unspoken-5…` does not say.
`hex-7b7d` answers `{}`, as its hex digits say.
`quote-503` refuses with that status and repeats the question in its error. `order-3-1` answers `{"order": [3, 1]}`. A
text to embed that has `refuse-this` in it has its whole call refused, one with `zero-vector` or `five-numbers` gets
such a vector.
Every call is recorded in `calls`, every connection the client dropped while being answered in `drops`.
"""

import asyncio
import json
import re
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

from aiohttp import web

from infra.settings import ProviderSettings

Json = dict[str, Any]
KEY = "sk-secret-of-the-fake"
CONTEXT = "This model's maximum context length is 8192 tokens; your messages have 9000."
# Model → (status, headers, OpenAI's error object).
REFUSALS: dict[str, tuple[int, dict[str, str], Json]] = {
    "fail-429": (429, {"retry-after": "7"}, {"message": "Slow down.", "type": "rate_limit_error"}),
    "fail-429-ms": (429, {"retry-after-ms": "1500", "retry-after": "2"}, {"message": "Slow down."}),
    "fail-429-reset": (429, {"x-ratelimit-reset-requests": "1m2.5s"}, {"message": "Slow down."}),
    "no-money": (429, {}, {"message": "You exceeded your quota.", "code": "insufficient_quota"}),
    "fail-500": (500, {}, {"message": "The server had an error."}),
    "fail-401": (401, {}, {"message": f"Incorrect API key provided: {KEY}.", "code": "invalid_api_key"}),
    "fail-404": (404, {}, {"message": "The model `fail-404` does not exist.", "code": "model_not_found"}),
    "context-too-long": (400, {}, {"message": CONTEXT, "code": "context_length_exceeded"}),
    "content-filter": (400, {}, {"message": "Refused by our content policy.", "code": "content_policy_violation"}),
    "bad-request": (400, {}, {"message": "temperature: must be friendlier", "type": "invalid_request_error"}),
}


@dataclass(slots=True)
class Call:
    """One request as it came; `peer` is the client's port, the same for calls on one connection."""

    path: str
    headers: dict[str, str]
    body: Json
    peer: Any = None


@dataclass(slots=True)
class Answer:
    """What a script answers: text, tool calls, thinking; `pause` seconds between words."""

    text: str = ""
    calls: list[Json] = field(default_factory=list)
    reasoning: str = ""
    pause: float = 0.0


LIMITED = re.compile(r"(?P<how>limited|unspoken)-(?P<limit>\d+)")
SLOW_STREAM = re.compile(r"slow-stream(?:-(\d+))?")
REFILL_SECONDS = 2.0


class Bucket:
    """A limit on requests, as vendors keep it."""

    def __init__(self, limit: int) -> None:
        self.limit, self.level, self.at = limit, float(limit), monotonic()

    def take(self) -> bool:
        """Whether one more request may come now."""
        now = monotonic()
        self.level = min(self.limit, self.level + (now - self.at) * self.limit / REFILL_SECONDS)
        self.at = now
        if self.level < 1:
            return False
        self.level -= 1
        return True

    def headers(self, path: str) -> dict[str, str]:
        """The state in the headers of the vendor whose path it is."""
        reset = (self.limit - self.level) * REFILL_SECONDS / self.limit
        said = {"limit": str(self.limit), "remaining": str(int(self.level))}
        if path != "/v1/messages":
            return {f"x-ratelimit-{n}-requests": v for n, v in {**said, "reset": f"{reset * 1000:.0f}ms"}.items()}
        moment = (datetime.now(UTC) + timedelta(seconds=reset)).isoformat().replace("+00:00", "Z")
        return {f"anthropic-ratelimit-requests-{n}": v for n, v in {**said, "reset": moment}.items()}


class FakeProvider:
    """The server, in a thread of its own; `with FakeProvider() as provider:`."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.drops: list[str] = []
        self.dropped_at: dict[str, float] = {}
        self.refused: Counter[str] = Counter()
        self.busiest = 0
        self._now = 0
        self._seen: Counter[str] = Counter()
        self._buckets: dict[str, Bucket] = {}
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.port = 0

    def __enter__(self) -> "FakeProvider":
        self._thread.start()
        self._ready.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    @property
    def url(self) -> str:
        """The server's root; OpenAI's API is under /v1 of it."""
        return f"http://127.0.0.1:{self.port}"

    def settings(self, *, path: str = "/v1", key: str | None = KEY) -> ProviderSettings:
        """What points a provider at this server."""
        return ProviderSettings(key, f"{self.url}{path}")

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application()
        app.on_response_prepare.append(self._say_limits)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/embeddings", self._embeddings)
        app.router.add_post("/v1/messages", self._messages)
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=2048)
        self._loop.run_until_complete(site.start())
        self.port = runner.addresses[0][1]
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def _begin(self, request: web.Request) -> tuple[Json, web.Response | None]:
        """Records the call; the refusal, if the script is one."""
        body = await request.json()
        model = body["model"]
        peer = request.transport.get_extra_info("peername") if request.transport else None
        self.calls.append(Call(request.path, dict(request.headers), body, peer))
        model = _script(body)
        self._seen[model] += 1
        script = model.removesuffix("-once")
        if script in REFUSALS and (script == model or self._seen[model] == 1):
            status, headers, error = REFUSALS[script]
            return body, web.json_response({"error": error}, status=status, headers=headers)
        if not self._room(model):
            self.refused[model] += 1
            return body, web.json_response({"error": {"message": "Rate limit reached."}}, status=429)
        if script.startswith("quote-") and (script == model or self._seen[model] == 1):
            error = {"message": f"Cannot answer this: {body['messages'][-1]['content']}"}
            return body, web.json_response({"error": error}, status=int(script.removeprefix("quote-")))
        if model == "html":
            return body, web.Response(text="<html>502 Bad Gateway</html>", status=502, content_type="text/html")
        if model == "not-json":
            return body, web.Response(text="hello", content_type="application/json")
        if model == "drop" and request.transport is not None:
            request.transport.close()
        self._now += 1
        self.busiest = max(self.busiest, self._now)
        try:
            await asyncio.sleep({"slow-1s": 1.0, "slow-100ms": 0.1, "hang": 60.0}.get(model, 0.0))
        except asyncio.CancelledError:
            self._dropped(body["model"])
            raise
        finally:
            self._now -= 1
        return body, None

    def _room(self, model: str) -> bool:
        found = LIMITED.match(model)
        return found is None or self._buckets.setdefault(model, Bucket(int(found["limit"]))).take()

    async def _say_limits(self, request: web.Request, response: web.StreamResponse) -> None:
        if not self._buckets:
            return
        model = (await request.json())["model"]
        if model in self._buckets and model.startswith("limited"):
            response.headers.update(self._buckets[model].headers(request.path))

    def _dropped(self, model: str) -> None:
        self.drops.append(model)
        self.dropped_at[model] = monotonic()

    def _answer(self, body: Json, tools: list[Json]) -> Answer:
        """What the script says to this request; an echo if it is none."""
        model = _script(body)
        if model in ("bad-json", "bad-json-once"):
            good = model == "bad-json-once" and self._seen[model] > 1
            return Answer('{"name": "Ada", "age": 36}' if good else '{"name": 7}')
        if model == "good-json":
            return Answer('{"name": "Ada", "age": 36}')
        if re.fullmatch(r"order(-\d+)+", model):
            return Answer(json.dumps({"order": [int(number) for number in model.split("-")[1:]]}))
        if model.startswith("hex-"):
            return Answer(bytes.fromhex(model.removeprefix("hex-")).decode())
        if model == "tools":
            return Answer(
                calls=[{"id": f"call_{n}", "name": t["name"], "input": {"n": n}} for n, t in enumerate(tools)]
            )
        if model == "reasoning":
            return Answer("Forty-two.", reasoning="Let me think.")
        if slow := SLOW_STREAM.fullmatch(model):
            return Answer(" ".join(f"word{number}" for number in range(int(slow[1] or 200))), pause=0.05)
        if model == "fast-stream":
            return Answer(" ".join(f"word{number}" for number in range(200)))
        if model == "burst-then-silence":
            return Answer("one two three four", pause=-1)
        last = body["messages"][-1]["content"]
        said = last if isinstance(last, str) else " ".join(part.get("text", "") for part in last)
        return Answer(f"You said: {said}")

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body, refusal = await self._begin(request)
        if refusal is not None:
            return refusal
        answer = self._answer(body, [tool["function"] for tool in body.get("tools", ())])
        model = body["model"]
        headers = {"x-request-id": f"req_{len(self.calls)}"}
        if body.get("stream"):
            return await self._stream(request, model, headers, _chat_events(body, answer), answer.pause)
        message: Json = {"role": "assistant", "content": answer.text or None, "refusal": None}
        if answer.reasoning:
            message["reasoning_content"] = answer.reasoning
        if answer.calls:
            message["tool_calls"] = [_chat_call(call) for call in answer.calls]
        finish = "content_filter" if model == "content-filtered-answer" else _chat_finish(answer)
        if model == "content-filtered-answer":
            message["content"] = None
        said: Json = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model}
        said["choices"] = [{"index": 0, "message": message, "finish_reason": finish}]
        if model != "no-usage":
            said["usage"] = USAGE
        return web.json_response(said, headers=headers)

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        body, refusal = await self._begin(request)
        if refusal is not None:
            return refusal
        answer = self._answer(body, body.get("tools", []))
        headers = {"request-id": f"req_{len(self.calls)}"}
        if body.get("stream"):
            events = _message_events(answer)
            return await self._stream(request, body["model"], headers, events, answer.pause)
        stop = "tool_use" if answer.calls else "end_turn"
        said = {"id": "msg_1", "type": "message", "role": "assistant", "model": body["model"], "stop_reason": stop}
        return web.json_response({**said, "content": _blocks(answer), "usage": ANTHROPIC_USAGE}, headers=headers)

    async def _embeddings(self, request: web.Request) -> web.Response:
        body, refusal = await self._begin(request)
        if refusal is not None:
            return refusal
        if any("refuse-this" in text for text in body["input"]):
            error = {"message": "The input has something that is not allowed.", "type": "invalid_request_error"}
            return web.json_response({"error": error}, status=400)
        rows = [
            {"object": "embedding", "index": index, "embedding": _embedding(text)}
            for index, text in enumerate(body["input"])
        ]
        return web.json_response(
            {"object": "list", "data": rows[::-1], "usage": {"prompt_tokens": 5, "total_tokens": 5}}
        )

    async def _stream(
        self, request: web.Request, model: str, headers: dict[str, str], events: list[str], pause: float
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={**headers, "content-type": "text/event-stream"})
        await response.prepare(request)
        try:
            for number, event in enumerate(events):
                if model == "cut-stream" and number == 3 and request.transport is not None:
                    request.transport.close()
                    return response
                if model == "ends-early" and number == 3:
                    break
                if model == "error-in-stream" and number == 3:
                    event = 'event: error\ndata: {"error": {"message": "Overloaded", "type": "overloaded_error"}}\n\n'
                await response.write(event.encode())
                if pause > 0:
                    await asyncio.sleep(pause)
                elif pause < 0 and number == 3:
                    await asyncio.sleep(0.5)
        except (asyncio.CancelledError, ConnectionResetError):
            self._dropped(model)
            raise
        return response


USAGE = {
    "prompt_tokens": 20,
    "completion_tokens": 10,
    "total_tokens": 30,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 3},
}
EMPTY_BLOCKS: dict[str, Json] = {
    "text": {"text": ""},
    "thinking": {"thinking": "", "signature": ""},
    "tool_use": {"input": {}},
}
ANTHROPIC_USAGE = {
    "input_tokens": 10,
    "cache_read_input_tokens": 4,
    "cache_creation_input_tokens": 6,
    "output_tokens": 10,
}


def _embedding(text: str) -> list[float]:
    if "zero-vector" in text:
        return [0.0, 0.0, 0.0]
    return [1.0] * 5 if "five-numbers" in text else [float(len(text)), 1.0, 0.0]


def _script(body: Json) -> str:
    """The model's name, unless the last message names another script."""
    said = body["messages"][-1]["content"] if body.get("messages") else ""
    named = re.match(r"script:(\S+)", said) if isinstance(said, str) else None
    return named[1] if named else str(body["model"])


def _data(value: Any, name: str | None = None) -> str:
    return (f"event: {name}\n" if name else "") + f"data: {json.dumps(value)}\n\n"


def _chat_call(call: Json) -> Json:
    function = {"name": call["name"], "arguments": json.dumps(call["input"])}
    return {"id": call["id"], "type": "function", "function": function}


def _chat_finish(answer: Answer) -> str:
    return "tool_calls" if answer.calls else "stop"


def _chat_events(body: Json, answer: Answer) -> list[str]:
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    if answer.reasoning:
        deltas.append({"reasoning_content": answer.reasoning})
    deltas += [{"content": f"{word} "} for word in answer.text.split()]
    for index, call in enumerate(answer.calls):
        made = _chat_call(call)
        text = made["function"]["arguments"]
        start = {**made, "index": index, "function": {"name": call["name"], "arguments": ""}}
        deltas.append({"tool_calls": [start]})
        deltas += [{"tool_calls": [{"index": index, "function": {"arguments": part}}]} for part in (text[:3], text[3:])]
    chunk: Json = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
    chunks = [{**chunk, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": _chat_finish(answer)}]})
    if body.get("stream_options", {}).get("include_usage") and body["model"] != "no-usage":
        chunks.append({**chunk, "choices": [], "usage": USAGE})
    return [*map(_data, chunks), "data: [DONE]\n\n"]


def _blocks(answer: Answer) -> list[Json]:
    blocks: list[Json] = []
    if answer.reasoning:
        blocks.append({"type": "thinking", "thinking": answer.reasoning, "signature": "signed"})
    if answer.text:
        blocks.append({"type": "text", "text": answer.text})
    return [*blocks, *({"type": "tool_use", **call} for call in answer.calls)]


def _message_events(answer: Answer) -> list[str]:
    usage = {**ANTHROPIC_USAGE, "output_tokens": 1}
    events: list[Json] = [{"type": "message_start", "message": {"id": "msg_1", "usage": usage}}, {"type": "ping"}]
    for index, block in enumerate(_blocks(answer)):
        kind = block["type"]
        empty = EMPTY_BLOCKS[kind]
        events.append({"type": "content_block_start", "index": index, "content_block": {**block, **empty}})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in _block_deltas(block)]
        events.append({"type": "content_block_stop", "index": index})
    stop = {"stop_reason": "tool_use" if answer.calls else "end_turn"}
    events.append({"type": "message_delta", "delta": stop, "usage": {"output_tokens": 10}})
    return [_data(event, event["type"]) for event in [*events, {"type": "message_stop"}]]


def _block_deltas(block: Json) -> list[Json]:
    if block["type"] == "text":
        return [{"type": "text_delta", "text": f"{word} "} for word in block["text"].split()]
    if block["type"] == "thinking":
        signed = {"type": "signature_delta", "signature": "signed"}
        return [{"type": "thinking_delta", "thinking": block["thinking"]}, signed]
    text = json.dumps(block["input"])
    return [{"type": "input_json_delta", "partial_json": part} for part in (text[:3], text[3:])]
