"""Names that resolve to what must not be called, or change their mind."""

import asyncio
import socket
from contextlib import suppress
from typing import Any

import pytest
from aiohttp.abc import ResolveResult

from infra.errors import TargetRefused, TargetTimeout, TargetUnreachable
from infra.http import GuardedClient
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
