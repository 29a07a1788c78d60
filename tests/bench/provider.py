"""A fake OpenAI over real HTTP, so fast that it is never the bottleneck (one core: > 20,000 requests/s).

    python -m tests.bench.provider [--port 0]      prints "http://127.0.0.1:<port>/v1"

Speaks POST /v1/chat/completions (whole and streamed), POST /v1/embeddings, GET /stats, POST /reset. The model's name
says how it behaves, its parts joined with "-": `fast` answers at once, `sleep-1s` / `sleep-20ms` waits first,
`stream-20` has 20 chunks, `first-50ms` the delay to the first of them, `gap-10ms` the delay between two:
`stream-20-first-50ms-gap-10ms`. Every answer's text begins with the epoch second at which it was sent, so that a client
on the same machine knows how long the way from the provider to itself took.
"""

import argparse
import asyncio
import json
import re
import time
from asyncio import Transport
from functools import lru_cache
from typing import Any

MODEL = re.compile(rb'"model"\s*:\s*"([^"]*)"')
STREAMED = re.compile(rb'"stream"\s*:\s*true')
USAGE = '"usage":{"prompt_tokens":5,"completion_tokens":20,"total_tokens":25}'
DONE = b"data: [DONE]\n\n"


class Plan:
    """How a model behaves: seconds before the answer or the first chunk, chunks, seconds between two."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.sleep = self._seconds("sleep") + self._seconds("first")
        self.gap = self._seconds("gap")
        found = re.search(r"stream-(\d+)", model)
        self.chunks = int(found[1]) if found else 20

    def _seconds(self, word: str) -> float:
        found = re.search(word + r"-(\d+)(ms|s)", self.model)
        return int(found[1]) / (1000 if found[2] == "ms" else 1) if found else 0.0


@lru_cache(1024)
def plan(model: bytes) -> Plan:
    return Plan(model.decode())


def whole(model: str) -> bytes:
    return (
        f'{{"id":"chatcmpl-bench","object":"chat.completion","created":{int(time.time())},"model":"{model}","choices":'
        f'[{{"index":0,"finish_reason":"stop","message":{{"role":"assistant","content":"{time.time():.6f} hello"}}}}],'
        f"{USAGE}}}"
    ).encode()


def piece(model: str, delta: str, finish: str = "null", extra: str = "") -> bytes:
    return (
        f'data: {{"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1,"model":"{model}","choices":'
        f'[{{"index":0,"delta":{delta},"finish_reason":{finish}}}]{extra}}}\n\n'
    ).encode()


def embeddings(model: str) -> bytes:
    vector = ",".join(["0.05"] * 384)
    data = f'[{{"object":"embedding","index":0,"embedding":[{vector}]}}]'
    return (
        f'{{"object":"list","model":"{model}","data":{data},"usage":{{"prompt_tokens":5,"total_tokens":5}}}}'.encode()
    )


def answer(body: bytes, status: str = "200 OK") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
        status.encode(),
        len(body),
        body,
    )


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


class Counts:
    """What was asked of the provider since the last POST /reset."""

    requests = 0
    open = 0
    open_peak = 0


class Connection(asyncio.Protocol):
    """One keep-alive connection: answers its requests one after the other."""

    transport: Transport
    busy = False
    buffer = b""
    task: "asyncio.Task[None] | None" = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        if self.task:
            self.task.cancel()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while not self.busy and (request := self._next()):
            self._serve(*request)

    def _next(self) -> tuple[bytes, bytes] | None:
        """The request line and body of the next whole request in the buffer, which is removed from it."""
        head, separator, rest = self.buffer.partition(b"\r\n\r\n")
        if not separator:
            return None
        lower = head.lower()
        if b"transfer-encoding: chunked" in lower:
            end = rest.find(b"0\r\n\r\n")
            if end < 0:
                return None
            parts = rest[:end].split(b"\r\n")
            body, rest = b"".join(parts[1::2]), rest[end + 5 :]
        else:
            at = lower.find(b"content-length:")
            length = int(lower[at + 15 :].split(b"\r", 1)[0]) if at >= 0 else 0
            if len(rest) < length:
                return None
            body, rest = rest[:length], rest[length:]
        self.buffer = rest
        return head.split(b"\r\n", 1)[0], body

    def _serve(self, line: bytes, body: bytes) -> None:
        found = MODEL.search(body)
        how = plan(found[1] if found else b"fast")
        if b"/chat/completions" in line:
            Counts.requests += 1
            if STREAMED.search(body):
                self._later(self._stream(how, b'"include_usage"' in body))
            elif how.sleep:
                self._later(self._slow(how))
            else:
                self.transport.write(answer(whole(how.model)))
        elif b"/embeddings" in line:
            Counts.requests += 1
            self.transport.write(answer(embeddings(how.model)))
        elif b"/stats" in line or b"/reset" in line:
            if b"/reset" in line:
                Counts.requests, Counts.open_peak = 0, Counts.open
            stats = {"requests": Counts.requests, "open": Counts.open, "open_peak": Counts.open_peak}
            self.transport.write(answer(json.dumps(stats).encode()))
        else:
            self.transport.write(answer(b'{"error":{"message":"no such path"}}', "404 Not Found"))

    def _later(self, work: Any) -> None:
        self.busy = True
        self.task = asyncio.get_running_loop().create_task(self._run(work))

    async def _run(self, work: Any) -> None:
        Counts.open += 1
        Counts.open_peak = max(Counts.open_peak, Counts.open)
        try:
            await work
        finally:
            Counts.open -= 1
            self.busy = False
        self.data_received(b"")

    async def _slow(self, how: Plan) -> None:
        await asyncio.sleep(how.sleep)
        self.transport.write(answer(whole(how.model)))

    async def _stream(self, how: Plan, usage: bool) -> None:
        self.transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        await asyncio.sleep(how.sleep)
        text = f"{time.time():.6f} "
        for number in range(how.chunks):
            if number and how.gap:
                await asyncio.sleep(how.gap)
            self.transport.write(chunk(piece(how.model, f'{{"role":"assistant","content":"{text}"}}')))
            text = f"word{number} "
        last = piece(how.model, "{}", '"stop"')
        if usage:
            last += piece(how.model, "{}", "null", "," + USAGE).replace(
                b'"choices":[{"index":0,"delta":{},"finish_reason":null}]', b'"choices":[]'
            )
        self.transport.write(chunk(last + DONE) + b"0\r\n\r\n")


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port, backlog=4096)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    try:
        import uvloop

        runner = uvloop.run
    except ImportError:
        runner = asyncio.run  # type: ignore[assignment]
    runner(serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
