"""The guarded client against real servers that lie, drip and never end."""

import asyncio
import gzip
import socket
import tracemalloc
from collections.abc import Callable
from time import monotonic
from typing import Any

import pytest

from infra.errors import AnswerTooLarge, BadInput, TargetTimeout, TargetUnreachable
from infra.http import MEGABYTE, GuardedClient, check_headers
from tests.fakes.target import (
    Names,
    Request,
    Talk,
    Target,
    against,
    always,
    answer,
    dripping,
    got,
    pieces,
    serving,
)

SOON = 0.3


def test_a_request_arrives_as_given_and_its_answer_comes_back() -> None:
    found, target = got(
        always(answer(b"thanks", status="418 I'm a teapot", x_color="red", set_cookie="a=b")),
        "POST",
        "/hook?x=%2F",
        headers={"Webhook-Id": "msg_1", "content-type": "application/json"},
        body=b'{"a":1}',
    )
    assert (found.status, found.body, found.cut, found.headers["X-COLOR"]) == (418, b"thanks", False, "red")
    assert 0 < found.seconds < 5 and found.url == target.url("/hook?x=%2F")
    sent = target.requests[0]
    assert (sent.method, sent.path, sent.body) == ("POST", "/hook?x=%2F", b'{"a":1}')
    assert sent.headers["host"] == f"127.0.0.1:{target.port}" and sent.headers["user-agent"] == "Switchyard"
    assert (sent.headers["webhook-id"], sent.headers["content-type"]) == ("msg_1", "application/json")


def test_a_path_goes_out_as_it_was_written() -> None:
    for path in ("/a/../%2e%2E/b%2Fc//d;e?x=%2F&y=+%7e&z", "/?", "?a=/../b", '/"<>{}|^`'):
        target = got(always(answer()), path=path + "#fragment")[1]
        assert target.requests[0].path == ("/" + path.rstrip("?")).replace("//", "/", 1)
    assert got(always(answer()), path="/späße?ü=ß")[1].requests[0].path == "/sp%C3%A4%C3%9Fe?%C3%BC=%C3%9F"


def test_connections_are_kept_and_cookies_are_not() -> None:
    async def use(client: GuardedClient, target: Target) -> None:
        for _ in range(5):
            await client.request("POST", target.url(host="shop.example"), body=b"x")

    names = Names(shop=[["127.0.0.1"]])
    target = against(always(answer(set_cookie="session=1; Path=/")), use, resolver=names)
    assert (target.connections, len(target.requests)) == (1, 5)
    assert not any("cookie" in one.headers for one in target.requests)


def test_a_large_body_goes_out_whole() -> None:
    body = b"x" * (3 * MEGABYTE)
    assert got(always(answer()), "PUT", body=body)[1].requests[0].body == body


def test_a_host_that_says_nothing_holds_up_no_other() -> None:
    called = asyncio.Event()

    async def silent(*_: Any) -> None:
        called.set()
        await asyncio.Event().wait()

    async def use(client: GuardedClient, target: Target) -> None:
        async with serving(silent) as dead:
            waiting = [asyncio.create_task(client.request("GET", dead.url(), seconds=60)) for _ in range(8)]
            await asyncio.wait_for(called.wait(), 20)
            assert (await client.request("GET", target.url())).status == 200
            assert dead.connections <= 2 and not any(one.done() for one in waiting)
            for one in waiting:
                one.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    against(always(answer()), use, connections=3, connections_per_host=2)


def test_a_closed_client_calls_nobody() -> None:
    async def use(client: GuardedClient, target: Target) -> None:
        await client.request("GET", target.url())
        await client.close()
        with pytest.raises(TargetUnreachable):
            await client.request("GET", target.url())

    assert len(against(always(answer()), use).requests) == 1


def test_proxy_variables_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    assert got(always(answer()))[0].status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "10.0.0.1"}, {"hOST": "a"}, {"Content-Length": "1"}, {"Transfer-Encoding": "chunked"},
        {"Connection": "close"}, {"Upgrade": "h2c"}, {"Expect": "100-continue"}, {"Proxy-Authorization": "x"},
        {"X-A": "b\r\nHost: 10.0.0.1"}, {"X-A": "b\nc"}, {"X-A": "b\rc"}, {"X-A": "\x00"}, {"X-A": "späße"},
        {"X-A\r\nHost": "b"}, {"X A": "b"}, {"": "b"}, {"X-A:": "b"}, {"X-Ä": "b"}, {"X-A\x00": "b"}, {"X/~": "\x7f"},
        {"X-A": "\ud800"},
    ],
)  # fmt: skip
def test_headers_that_would_change_where_or_how_a_request_goes_are_refused(headers: dict[str, str]) -> None:
    async def use(client: GuardedClient, target: Target) -> None:
        with pytest.raises(BadInput):
            await client.request("GET", target.url(), headers=headers)

    assert not against(always(answer()), use).connections


def test_a_wrong_header_is_pointed_at() -> None:
    with pytest.raises(BadInput) as refused:
        check_headers({"fine": "yes", "a/b~c": "no"}, "/custom_headers")
    assert refused.value.errors[0]["pointer"] == "/custom_headers/a~1b~0c"
    check_headers({"Authorization": "Bearer x", "X-Tab": "a\tb"})


@pytest.mark.parametrize("method", ["CONNECT", "TRACE", "get", "GET / HTTP/1.1\r\nX: ", "", "BREW"])
def test_other_methods_are_refused(method: str) -> None:
    async def use(client: GuardedClient, target: Target) -> None:
        with pytest.raises(BadInput):
            await client.request(method, target.url())

    assert not against(always(answer()), use).connections


def chunked(body: bytes, size: int = 70_000) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    coded = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + coded + b"0\r\n\r\n"


def until_closed(body: bytes) -> Talk:
    async def talk(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + body)
        writer.close()

    return talk


FRAMED = {"length": lambda body: always(answer(body)), "chunks": lambda body: always(chunked(body)),
          "close": until_closed}  # fmt: skip


@pytest.mark.parametrize("framed", FRAMED.values(), ids=FRAMED)
def test_a_body_is_read_to_the_last_byte_that_is_allowed_and_no_further(framed: Callable[[bytes], Talk]) -> None:
    body = bytes(range(256)) * 1000
    assert got(framed(body), at_most=len(body))[0].body == body
    with pytest.raises(AnswerTooLarge, match=r"is longer than 255999 bytes") as refused:
        got(framed(body), at_most=len(body) - 1)
    assert not refused.value.retryable
    for most in (len(body) - 1, 100, 0):
        found = got(framed(body), at_most=most, cut=True)[0]
        assert (found.body, found.cut) == (body[:most], True)
    found = got(framed(body), at_most=len(body), cut=True)[0]
    assert (found.body, found.cut) == (body, False)


def test_ten_megabytes_are_the_most_unless_said_otherwise() -> None:
    assert len(got(always(answer(b"x" * 10 * MEGABYTE)))[0].body) == 10 * MEGABYTE
    with pytest.raises(AnswerTooLarge):
        got(always(answer(b"x" * (10 * MEGABYTE + 1))))


def test_an_endless_body_is_cut_and_its_connection_dropped() -> None:
    async def talk(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await pieces(writer, b"x" * 65536)

    async def use(client: GuardedClient, target: Target) -> None:
        for _ in range(2):
            found = await client.request("POST", target.url(), at_most=1000, cut=True)
            assert (len(found.body), found.cut) == (1000, True)
        with pytest.raises(AnswerTooLarge):
            await client.request("POST", target.url(), at_most=MEGABYTE)

    assert against(talk, use).connections == 3


@pytest.mark.parametrize("layers", [1, 2])
def test_a_bomb_is_stopped_by_what_it_unpacks_to(layers: int) -> None:
    bomb = b"\x00" * 100 * MEGABYTE
    for _ in range(layers):
        bomb = gzip.compress(bomb)
    talk = always(answer(bomb, content_encoding=", ".join(["gzip"] * layers)))

    async def use(client: GuardedClient, target: Target) -> None:
        tracemalloc.start()
        if layers == 1:
            with pytest.raises(AnswerTooLarge):
                await client.request("GET", target.url(), at_most=MEGABYTE)
        found = await client.request("GET", target.url(), at_most=1000, cut=True)
        assert len(found.body) <= 1000
        assert tracemalloc.get_traced_memory()[1] < 10 * MEGABYTE
        tracemalloc.stop()

    against(talk, use)


def test_what_is_compressed_is_unpacked() -> None:
    assert got(always(answer(gzip.compress(b"hello"), content_encoding="gzip")))[0].body == b"hello"


@pytest.mark.parametrize(
    "talk",
    [
        dripping(b"", b""),
        dripping(b"HTTP/1.1 200 OK\r\nx-a: ", b"b"),
        dripping(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n", b"b"),
        dripping(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\nb\r\n"),
        dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["silence", "headers", "body", "chunks", "interim answers"],
)
@pytest.mark.parametrize("cut", [False, True])
def test_an_answer_that_drips_ends_with_the_time(talk: Talk, cut: bool) -> None:
    begun = monotonic()
    with pytest.raises(TargetTimeout, match=r"127.0.0.1 did not answer within 0.3 s") as found:
        got(talk, seconds=SOON, cut=cut)
    assert SOON <= monotonic() - begun < 10
    assert found.value.retryable and found.value.status == 504


def test_a_receiver_that_does_not_read_ends_with_the_time() -> None:
    async def use(client: GuardedClient, _: Target) -> None:
        with socket.create_server(("127.0.0.1", 0)) as deaf, pytest.raises(TargetTimeout):
            url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
            await client.request("POST", url, body=b"x" * 20 * MEGABYTE, seconds=SOON)

    against(always(answer()), use)
