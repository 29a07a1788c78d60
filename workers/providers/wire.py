"""Bytes through a vendor's SDK: one client per event loop, JSON in, JSON or server-sent events out.

The SDKs know addresses, headers and authentication; their answer objects are what costs. Measured, CPU per call with
64 in flight (openai 3.52 on aiohttp): `create()` 1.31 ms, `with_raw_response` 0.86, `client.post` to a plain Response
0.61 (bare aiohttp 0.10); a stream of 20 chunks 3.4 ms as SDK objects, 1.2 read from the bytes. Hence `client.post`.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import aiohttp
import httpx2
import orjson

from infra.errors import ProviderError, ProviderRateLimited
from workers.providers import errors, pace

Json = dict[str, Any]

# 600 jobs in flight on one loop, with room: the SDKs' own limit of 1000 also counts idle connections.
LIMITS = httpx2.Limits(max_connections=4096, max_keepalive_connections=1024, keepalive_expiry=30.0)
CONNECT_SECONDS = 10.0
DRAIN_SECONDS = 0.05


class SdkClient(Protocol):
    """What both official SDKs' async clients can do."""

    async def close(self) -> None:
        """Closes the connections."""

    @property
    def post(self) -> Callable[..., Any]:
        """Sends with the SDK's address, headers and authentication."""


@dataclass(frozen=True, slots=True)
class Sdk:
    """A vendor's SDK: how to make a client (with this HTTP timeout), and its classes for errors."""

    client: Callable[[httpx2.Timeout], SdkClient]
    status_error: type[Exception]
    timeout_error: type[Exception]
    connection_error: type[Exception]
    stream_class: type[Any]


class Wire:
    """The way to one vendor. `secret` is its key, to be kept out of every error."""

    def __init__(self, provider: str, sdk: Sdk, *, secret: str | None, timeout_seconds: float) -> None:
        self._provider = provider
        self._sdk = sdk
        self._secret = secret
        self._timeout = timeout_seconds
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, SdkClient] = WeakKeyDictionary()

    async def post(self, path: str, body: Json, *, model: str) -> tuple[Json, Mapping[str, str]]:
        """The answer to a call, parsed, and its headers."""
        try:
            response = await self._client().post(path, cast_to=httpx2.Response, content=orjson.dumps(body))
            pace.learn(self._provider, model, response.headers)
            return _object(orjson.loads(response.content)), response.headers
        except Exception as error:
            raise self._translated(error, model) from None

    async def events(
        self, path: str, body: Json, *, model: str, headers: dict[str, str] | None = None
    ) -> AsyncGenerator[Json]:
        """The `data:` objects of a streamed answer; closing the generator closes the connection at once.

        `headers`, if given, is filled with the answer's headers. An error inside the stream is raised.
        """
        response: httpx2.Response | None = None
        try:
            response = await self._client().post(
                path,
                cast_to=httpx2.Response,
                content=orjson.dumps(body),
                stream=True,
                stream_cls=self._sdk.stream_class,
            )
            pace.learn(self._provider, model, response.headers)
            if headers is not None:
                headers.update(response.headers)
            async with aclosing(_events(response.aiter_bytes())) as events:
                async for event in events:
                    if event.get("error"):
                        raise self._refused(None, response.headers, event, model)
                    yield event
        except Exception as error:
            raise self._translated(error, model) from None
        finally:
            if response is not None:
                await response.aclose()

    async def close(self) -> None:
        """Closes this event loop's client."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.close()

    def _client(self) -> SdkClient:
        """This loop's client, made at its first call: making one costs 130 ms (certificates)."""
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            timeout = httpx2.Timeout(self._timeout, connect=min(CONNECT_SECONDS, self._timeout))
            client = self._clients[loop] = self._sdk.client(timeout)
        return client

    def _refused(self, status: int | None, headers: Mapping[str, str], body: Any, model: str) -> ProviderError:
        error = errors.refused(
            provider=self._provider, model=model, status=status, headers=headers, body=body, secret=self._secret
        )
        if isinstance(error, ProviderRateLimited):
            pace.refused(self._provider, model, headers)
        return error

    def _translated(self, error: Exception, model: str) -> Exception:
        """A ProviderError for whatever the SDK, its HTTP client or the JSON parser raised."""
        where: Any = {"provider": self._provider, "model": model, "secret": self._secret}
        if isinstance(error, ProviderError):
            return error
        if isinstance(error, self._sdk.status_error):
            response: httpx2.Response = getattr(error, "response")  # noqa: B009 - both SDKs' class has it
            return self._refused(response.status_code, response.headers, _body(response), model)
        if isinstance(error, orjson.JSONDecodeError):
            return errors.unreachable(reason="its answer is not JSON", **where)
        if isinstance(error, (self._sdk.connection_error, httpx2.HTTPError, httpx2.StreamError, OSError)):
            cause = _cause(error)
            if _timed_out(cause) or (cause is error and isinstance(error, self._sdk.timeout_error)):
                return errors.too_slow(provider=self._provider, model=model, seconds=self._timeout)
            return errors.unreachable(reason=str(cause), **where)
        return error


def _object(value: Any) -> Json:
    """A vendor's JSON answer is an object; anything else is as useless as a broken one."""
    if not isinstance(value, dict):
        raise orjson.JSONDecodeError("not an object", "", 0)
    return value


def _body(response: httpx2.Response) -> Any:
    """An error's body as JSON, or its text where it is none (a proxy's page is not worth showing)."""
    try:
        return orjson.loads(response.content)
    except (orjson.JSONDecodeError, httpx2.ResponseNotRead):
        pass
    try:
        text = response.text
    except httpx2.ResponseNotRead:
        return None
    return None if "<html" in text.lower() else text


def _cause(error: BaseException) -> BaseException:
    """What the network said first. The SDKs' transport calls a dropped connection a timeout; aiohttp does not."""
    while error.__cause__ is not None:
        error = error.__cause__
        if isinstance(error, aiohttp.ClientError):
            break
    return error


def _timed_out(cause: BaseException) -> bool:
    return isinstance(cause, (TimeoutError, httpx2.TimeoutException)) and not isinstance(
        cause, aiohttp.ServerDisconnectedError
    )


async def _events(chunks: AsyncIterator[bytes]) -> AsyncGenerator[Json]:
    """Server-sent events as JSON objects, up to `[DONE]` or Anthropic's `message_stop`."""
    tail = b""
    async for chunk in chunks:
        lines = (tail + chunk).split(b"\n")
        tail = lines.pop()
        for line in lines:
            if not line.startswith(b"data:"):
                continue
            data = line[5:].strip()
            if data == b"[DONE]":
                await _drained(chunks)
                return
            event = _object(orjson.loads(data))
            yield event
            if event.get("type") == "message_stop":
                await _drained(chunks)
                return


async def _drained(chunks: AsyncIterator[bytes]) -> None:
    """Reads the end of the body, which follows at once, so that the connection can be used again."""
    deadline = perf_counter() + DRAIN_SECONDS
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            async for _ in chunks:
                if perf_counter() > deadline:
                    return
