"""Name resolution for infra/http.py: in time, off the event loop, and with every answer checked."""

import asyncio
import socket
from collections.abc import Sequence
from contextlib import suppress

import pycares
from aiohttp.abc import AbstractResolver, ResolveResult

from infra.targets import Targets

DNS_SECONDS = 5.0
TRIES = 5
# c-ares remembers every answer for as long as its sender says; somebody's endless names must not fill the memory.
ANSWERS_REMEMBERED = 10_000


class CheckedResolver(AbstractResolver):
    """Passes on another resolver's answer, if every address in it may be called."""

    def __init__(self, resolver: AbstractResolver, targets: Targets) -> None:
        self._resolver, self._targets = resolver, targets

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses; raises OSError or TargetRefused."""
        found = await self._resolver.resolve(host, port, family)
        if not found:
            raise OSError(f"{host} has no address")
        for one in found:
            self._targets.check(host, one["host"], port)
        return found

    async def close(self) -> None:
        """Closes the other one."""
        await self._resolver.close()


class SystemResolver(AbstractResolver):
    """The machine's name servers and /etc/hosts, asked by c-ares: nobody who waits for an answer takes a thread, so
    names that nobody answers for hold up no others, however many. Whatever else nsswitch.conf lists does not count."""

    def __init__(self, servers: Sequence[str] = ()) -> None:
        """`servers`, as `127.0.0.1:53`, instead of the machine's."""
        self._servers = list(servers)
        self._channel: pycares.Channel | None = None
        self._asked = 0
        self._is_closed = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses, within DNS_SECONDS; raises OSError."""
        if self._is_closed:
            raise OSError("the resolver is closed")
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[ResolveResult]] = loop.create_future()

        def settle(result: pycares.AddrInfoResult | None, error: int | None) -> None:
            if found.done():
                return
            if error is not None or result is None:
                found.set_exception(OSError(pycares.errno.strerror(error or 0)))
            else:
                found.set_result([_shown(host, port, node) for node in result.nodes])

        def answered(result: pycares.AddrInfoResult | None, error: int | None) -> None:
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(settle, result, error)

        try:
            self._opened().getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM, callback=answered)
            async with asyncio.timeout(DNS_SECONDS):
                return await found
        except TimeoutError:
            raise OSError(f"no answer within {DNS_SECONDS} s") from None
        except (pycares.AresError, UnicodeError) as error:
            raise OSError(f"cannot be looked up: {error}") from None

    async def close(self) -> None:
        """Waits for nobody."""
        self._is_closed = True
        if self._channel is not None:
            self._channel.close()

    def _opened(self) -> pycares.Channel:
        """A channel of this process, since none survives a fork; one that is left goes with its last answer."""
        if self._channel is None or self._asked >= ANSWERS_REMEMBERED:
            self._channel, self._asked = pycares.Channel(servers=self._servers, tries=TRIES), 0
        self._asked += 1
        return self._channel


def _shown(host: str, port: int, node: pycares.AddrInfoNode) -> ResolveResult:
    address = node.addr[0]
    text = address.decode() if isinstance(address, bytes) else str(address)
    return ResolveResult(
        hostname=host, host=text, port=port, family=node.family, proto=node.protocol, flags=socket.AI_NUMERICHOST
    )
