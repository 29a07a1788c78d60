"""The one client for URLs that a user gave: it calls what infra/targets.py allows, and nothing else.

The address that is connected to is the address that was checked: every answer of DNS is, and so is each socket's.
"""

import asyncio
import io
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from ssl import create_default_context
from time import monotonic
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver
from multidict import CIMultiDict

from infra.cookies import Cookies
from infra.errors import AnswerInvalid, AnswerTooLarge, BadInput, TargetRefused, TargetTimeout, TargetUnreachable
from infra.redirects import REDIRECTS, Request, redirected
from infra.resolver import CheckedResolver, SystemResolver
from infra.targets import Targets, check_url
from infra.unreachable import AddressRefused, translated

__all__ = ["Answer", "GuardedClient", "check_headers", "check_url"]

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
MEGABYTE = 1024 * 1024

# How the message is framed and where it goes is not the caller's to say.
OURS = frozenset(
    ("host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect",
     "proxy-authorization", "proxy-connection")
)  # fmt: skip
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e]*")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `headers` know no case, keep their order, and repeat in `items()`; `cut`: the body is longer than
    was read; `url`: after redirects. `head_seconds` went by until the headers were there."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: bool
    seconds: float
    url: str
    head_seconds: float


class GuardedClient:
    """A pool of connections for one event loop. `targets` is the installation's rule unless given."""

    def __init__(
        self,
        *,
        targets: Targets | None = None,
        resolver: AbstractResolver | None = None,
        connections: int = 1000,
        connections_per_host: int = 64,
    ) -> None:
        self._targets = targets or Targets.of_settings()
        self._resolver = CheckedResolver(resolver or SystemResolver(), self._targets)
        self._connections, self._connections_per_host = connections, connections_per_host
        self._url = lru_cache(maxsize=4096)(self._targets.url)
        self._session: aiohttp.ClientSession | None = None
        self._is_closed = False

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        seconds: float = 15.0,
        at_most: int = 10 * MEGABYTE,
        cut: bool = False,
        redirects: int = 0,
        cookies: Cookies | None = None,
    ) -> Answer:
        """The answer, whatever its status, within `seconds` for everything.

        A body of more than `at_most` bytes, counted after decompression, is cut there or raises AnswerTooLarge. At most
        `redirects` redirects are followed; with none, one is an answer like any other. `cookies` are sent along, and
        learn from each answer, also from one that redirects.

        Raises BadInput, TargetRefused, TargetUnreachable, TargetTimeout, AnswerTooLarge or AnswerInvalid.
        """
        if method not in METHODS:
            raise BadInput(f"The method must be one of {', '.join(METHODS)}.")
        if headers:
            check_headers(headers)
        request = Request(method, self._url(url), headers, body)
        begun = monotonic()
        try:
            async with asyncio.timeout(seconds):
                for left in range(redirects, -1, -1):
                    found = await self._exchange(request, at_most, cut, begun, follow=redirects > 0, cookies=cookies)
                    if isinstance(found, Answer):
                        return found
                    if left:
                        request = redirected(request, *found, parse=self._url)
        except TimeoutError:
            raise TargetTimeout(f"{request.url.host} did not answer within {seconds:g} s.") from None
        except (aiohttp.ClientError, OSError) as error:
            raise translated(error, request.url) from None
        raise AnswerInvalid(f"{request.url.host} redirected more than {redirects} times.")

    async def close(self) -> None:
        """Closes the connections; later requests are refused."""
        self._is_closed = True
        if self._session is not None:
            await self._session.close()
        await self._resolver.close()

    async def _exchange(
        self, request: Request, at_most: int, cut: bool, begun: float, *, follow: bool, cookies: Cookies | None
    ) -> Answer | tuple[int, str]:
        """The answer, or the status and Location of a redirect to follow."""
        body: bytes | io.BytesIO | None = request.body
        if isinstance(body, bytes) and len(body) > MEGABYTE:
            body = io.BytesIO(body)  # goes out in pieces, so that the loop is not held up
        headers = _with(cookies, request) if cookies else request.headers
        async with self._opened().request(
            request.method, request.url, headers=headers, data=body, allow_redirects=False
        ) as response:
            head_seconds = monotonic() - begun
            if cookies is not None:
                cookies.learn(request.url, response.headers)
            if follow and response.status in REDIRECTS and (location := response.headers.get("Location")):
                return response.status, location
            content, was_cut = await _read(response.content, at_most)
            if was_cut and not cut:
                raise AnswerTooLarge(f"The answer of {request.url.host} is longer than {at_most} bytes.")
            seconds, url = monotonic() - begun, str(request.url)
            return Answer(response.status, response.headers, content, was_cut, seconds, url, head_seconds)

    def _opened(self) -> aiohttp.ClientSession:
        if self._is_closed:
            raise TargetUnreachable("Nothing is called any more: this process is ending.")
        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=self._connections,
                limit_per_host=self._connections_per_host,
                resolver=self._resolver,
                ttl_dns_cache=0,  # look-ups of a name at the same moment are one; nothing is kept
                socket_factory=self._socket,
                ssl=create_default_context(),
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "Switchyard"},
                timeout=aiohttp.ClientTimeout(total=None),
                trust_env=False,
            )
        return self._session

    def _socket(self, info: Any) -> socket.socket:
        """A socket for an address that aiohttp is about to connect to: the last look, whoever resolved it."""
        family, kind, protocol, _, address = info
        try:
            self._targets.check(address[0], address[0], address[1])
        except TargetRefused:
            raise AddressRefused from None
        return socket.socket(family=family, type=kind, proto=protocol)


def check_headers(headers: Mapping[str, str], pointer: str = "/headers") -> None:
    """Raises BadInput, with `errors` under that pointer, for a malformed header or one that is not theirs to set."""
    for name, value in headers.items():
        if name.lower() in OURS:
            problem = f"{name} is set by Switchyard itself."
        elif not _TOKEN.fullmatch(name):
            problem = "The name of a header consists of letters, digits and hyphens."
        elif not _VALUE.fullmatch(value):
            problem = "The value of a header is printable ASCII, on one line."
        else:
            continue
        at = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
        raise BadInput(problem, errors=[{"pointer": at, "detail": problem}])


def _with(cookies: Cookies, request: Request) -> Mapping[str, str] | None:
    """The headers, with those cookies that go there."""
    headers = CIMultiDict(request.headers or {})
    cookie = cookies.header(request.url, headers.get("Cookie"))
    if cookie is None:
        return request.headers
    headers["Cookie"] = cookie
    return headers


async def _read(content: aiohttp.StreamReader, at_most: int) -> tuple[bytes, bool]:
    """The first bytes, and whether there are more."""
    pieces: list[bytes] = []
    size = 0
    while size <= at_most and (piece := await content.readany()):
        pieces.append(piece)
        size += len(piece)
    body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    return (body, False) if size <= at_most else (body[:at_most], True)
