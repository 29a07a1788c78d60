"""Name resolution for infra/http.py: in time, off the event loop, and with every answer checked."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor

from aiohttp.abc import AbstractResolver, ResolveResult

from infra.targets import Targets

DNS_SECONDS = 5.0
DNS_THREADS = 32


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
    """The machine's own resolver, in threads of its own: a name server that says nothing holds up nobody else's."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(DNS_THREADS, thread_name_prefix="dns")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses, within DNS_SECONDS; raises OSError."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(DNS_SECONDS):
                return await loop.run_in_executor(self._threads, _look_up, host, port, family)
        except TimeoutError:
            raise OSError(f"no answer within {DNS_SECONDS} s") from None
        except RuntimeError:
            raise OSError("the resolver is closed") from None

    async def close(self) -> None:
        """Waits for nobody."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return [
        ResolveResult(
            hostname=host, host=str(address[0]), port=port, family=kind, proto=protocol, flags=socket.AI_NUMERICHOST
        )
        for kind, _, protocol, _, address in found
    ]
