"""Names that resolve to what must not be called, or change their mind."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from aiohttp.abc import ResolveResult

from infra.errors import TargetRefused, TargetTimeout, TargetUnreachable
from infra.http import GuardedClient
from infra.resolver import SystemResolver
from infra.targets import Targets
from tests.fakes.target import (
    EVERYTHING_HERE,
    NOTHING,
    Names,
    Target,
    against,
    always,
    answer,
)

SOON = 0.3
MANY = 500


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "[::ffff:127.0.0.1]", "2130706433", "127.1"])
def test_this_machine_is_not_called_unless_it_is_allowed(host: str) -> None:
    async def use(client: GuardedClient, target: Target) -> None:
        with pytest.raises(TargetRefused):
            await client.request("GET", target.url(host=host))

    assert not against(always(answer()), use, targets=NOTHING).connections


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.2"], ["10.0.0.1"], ["169.254.169.254"], ["::1"], ["fd00::1"], ["::ffff:10.0.0.1"], ["64:ff9b::a00:1"],
        ["127.0.0.1", "10.0.0.1"], ["10.0.0.1", "127.0.0.1"], ["127.0.0.1", "fe80::1"], ["0.0.0.0"], ["::"],
        ["fe80::1%lo"], ["2002:a00:1::"], ["127.0.0.1", "8.8.8.8"],
    ],
)  # fmt: skip
def test_a_name_is_refused_for_any_one_of_its_addresses_and_none_is_told(addresses: list[str]) -> None:
    async def use(client: GuardedClient, target: Target) -> None:
        with pytest.raises(TargetRefused) as refused:
            await client.request("GET", target.url(host="evil.example"))
        assert "evil.example" in refused.value.detail and not refused.value.errors
        assert not any(one in refused.value.detail for one in addresses)

    assert not against(always(answer()), use, resolver=Names(evil=[addresses])).connections


def test_a_name_that_changes_to_this_machine_at_the_second_look_up_is_refused_then() -> None:
    names = Names(evil=[["127.0.0.1"], ["127.0.0.2"]])

    async def use(client: GuardedClient, target: Target) -> None:
        assert (await client.request("GET", target.url(host="evil.example"))).status == 200
        with pytest.raises(TargetRefused, match=r"evil.example resolves to a loopback address"):
            await client.request("GET", target.url(host="evil.example"))

    target = against(always(answer(connection="close")), use, resolver=names)
    assert (target.connections, len(names.asked)) == (1, 2)


def test_while_a_connection_is_kept_nobody_asks_for_its_address_again() -> None:
    names = Names(evil=[["127.0.0.1"], ["10.0.0.1"]])

    async def use(client: GuardedClient, target: Target) -> None:
        for _ in range(3):
            assert (await client.request("GET", target.url(host="evil.example"))).status == 200

    assert against(always(answer()), use, resolver=names).connections == 1
    assert names.asked == ["evil.example"]


def test_look_ups_of_one_name_at_the_same_moment_are_one() -> None:
    names = Names(busy=[["127.0.0.1"]])

    async def use(client: GuardedClient, target: Target) -> None:
        url = target.url(host="busy.example")
        await asyncio.gather(*(client.request("GET", url) for _ in range(20)))

    against(always(answer()), use, resolver=names)
    assert len(names.asked) == 1


def test_the_socket_has_the_last_word_even_if_the_name_server_was_believed() -> None:
    class Naive(Targets):
        """Believes what names resolve to."""

        def check(self, host: str, address: str, port: int) -> None:
            if host == address:
                Targets.check(self, host, address, port)

    for addresses in (["127.0.0.1"], ["127.0.0.1", "127.0.0.1"]):

        async def use(client: GuardedClient, target: Target) -> None:
            with pytest.raises(TargetRefused, match=r"evil.example has an address"):
                await client.request("GET", target.url(host="evil.example"))

        naive = Naive((), (range(1, 65536),))
        resolver = Names(evil=[addresses])
        assert not against(always(answer()), use, targets=naive, resolver=resolver).connections


def has_ipv6() -> bool:
    """Whether this machine can call itself so; many containers cannot."""
    with suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


@pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6 here")
def test_a_name_that_only_has_an_ipv6_address_is_called() -> None:
    async def use(client: GuardedClient, target: Target) -> None:
        assert (await client.request("GET", target.url(host="six.example"))).body == b"ok"

    against(always(answer()), use, targets=EVERYTHING_HERE, resolver=Names(six=[["::1"]]), host="::1")


def test_the_machines_own_resolver_is_asked_and_checked() -> None:
    async def use(client: GuardedClient, target: Target) -> None:
        assert (await client.request("GET", target.url(host="localhost"))).status == 200
        with pytest.raises(TargetUnreachable, match=r"The name nowhere.invalid cannot be resolved"):
            await client.request("GET", "http://nowhere.invalid/")

    against(always(answer()), use, targets=EVERYTHING_HERE)


def test_a_name_without_an_address_is_unreachable() -> None:
    async def use(client: GuardedClient, _: Target) -> None:
        for name in ("gone", "empty"):
            with pytest.raises(TargetUnreachable, match=f"The name {name}.example cannot be resolved") as found:
                await client.request("GET", f"http://{name}.example/")
            assert found.value.retryable and found.value.status == 502

    against(always(answer()), use, resolver=Names(empty=[[]]))


def test_a_name_server_that_says_nothing_is_not_waited_for() -> None:
    class Silent(Names):
        async def resolve(self, *_: Any) -> list[ResolveResult]:
            await asyncio.Event().wait()
            return []

    async def use(client: GuardedClient, _: Target) -> None:
        with pytest.raises(TargetTimeout):
            await client.request("GET", "http://slow.example/", seconds=SOON)

    against(always(answer()), use, resolver=Silent())


class NameServer(asyncio.DatagramProtocol):
    """Says nothing of names that begin with `hang`, and 127.0.0.1 of every other."""

    transport: asyncio.DatagramTransport

    def __init__(self) -> None:
        self.hanging: set[bytes] = set()
        self.many_hang = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if data[13:17] == b"hang":
            self.hanging.add(data[12 : data.index(b"\0", 12)])
            if len(self.hanging) >= MANY:
                self.many_hang.set()
            return
        end = data.index(b"\0", 12) + 5
        kind = data[end - 4 : end - 2]
        record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04\x7f\x00\x00\x01" if kind == b"\x00\x01" else b""
        counts = b"\x00\x01" + (b"\x00\x01" if record else b"\x00\x00") + bytes(4)
        self.transport.sendto(data[:2] + b"\x81\x80" + counts + data[12:end] + record, addr)


@asynccontextmanager
async def name_server() -> AsyncIterator[tuple[NameServer, SystemResolver]]:
    """A silent name server, and a resolver that asks it."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    resolver = SystemResolver([f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"])
    try:
        yield server, resolver
    finally:
        await resolver.close()
        transport.close()


def test_hundreds_of_names_that_nobody_answers_for_hold_up_no_other() -> None:
    async def run() -> None:
        async with name_server() as (server, resolver):
            hanging = [asyncio.create_task(resolver.resolve(f"hang{n}.example.", 80)) for n in range(MANY)]
            async with asyncio.timeout(5.0):
                await server.many_hang.wait()
            async with asyncio.timeout(2.0):
                found = await resolver.resolve("good.example.", 80)
            assert [(one["host"], one["port"]) for one in found] == [("127.0.0.1", 80)]
            assert not any(task.done() for task in hanging)
            for task in hanging:
                task.cancel()
            await asyncio.gather(*hanging, return_exceptions=True)

    asyncio.run(run())


def test_a_closed_resolver_lets_those_who_wait_go_and_asks_nobody() -> None:
    async def run() -> None:
        async with name_server() as (_, resolver):
            waiting = asyncio.create_task(resolver.resolve("hang.example.", 80))
            await asyncio.sleep(0)
            await resolver.close()
            async with asyncio.timeout(2.0):
                with pytest.raises(OSError, match="cancelled"):
                    await waiting
                with pytest.raises(OSError, match="closed"):
                    await resolver.resolve("good.example.", 80)

    asyncio.run(run())


def test_a_process_ends_although_a_name_was_never_answered() -> None:
    program = """
import asyncio, socket
from infra.resolver import SystemResolver
silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
silent.bind(("127.0.0.1", 0))
async def run():
    resolver = SystemResolver([f"127.0.0.1:{silent.getsockname()[1]}"])
    task = asyncio.create_task(resolver.resolve("hang.example.", 80))
    await asyncio.sleep(0.05)
    task.cancel()
asyncio.run(run())
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=4.0)
