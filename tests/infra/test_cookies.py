"""Cookies of one session over the guarded client: whose they are, and how long."""

from typing import Any

from infra.cookies import Cookies
from infra.http import GuardedClient
from tests.fakes.target import EVERYTHING_HERE, Names, Request, Target, against, always, answer


def test_a_cookie_goes_back_to_its_own_host_and_path_until_it_ends() -> None:
    sets = ["a=1; Path=/", "b=2; Path=/deep", 'q="x y"; Path=/', 'j={"a":1,"b":[2]}; Path=/', "gone=1; Max-Age=0",
            "foreign=1; Domain=other.example", "secure=1; Path=/; Secure"]  # fmt: skip
    replies = {
        "/set": answer(status="200 OK\r\n" + "\r\n".join(f"set-cookie: {one}" for one in sets)),
        "/unset": answer(set_cookie="a=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT"),
    }
    cookies = Cookies()

    async def talk(request: Request, writer: Any) -> None:
        writer.write(replies.get(request.path, answer()))

    async def use(client: GuardedClient, target: Target) -> None:
        for path in ("/set", "/", "/deep/x", "/unset", "/"):
            found = await client.request("GET", target.url(path, host="shop.example"), cookies=cookies)
            assert 0 < found.head_seconds <= found.seconds
        await client.request("GET", target.url(host="other.example"), cookies=cookies)
        await client.request("GET", target.url(host="shop.example"))

    names = Names(shop=[["127.0.0.1"]], other=[["127.0.0.1"]])
    target = against(talk, use, resolver=names)
    values = 'q="x y"; j={"a":1,"b":[2]}'
    assert [one.headers.get("cookie") for one in target.requests] == [
        None, f"a=1; {values}", f"a=1; {values}; b=2", f"a=1; {values}", values, None, None,
    ]  # fmt: skip
    assert cookies.get("b") == "2" and cookies.get("a") is None


def test_what_a_redirect_sets_is_sent_to_where_it_leads_and_a_given_cookie_to_no_other_host() -> None:
    replies = [
        answer(status="302 Found", location="/in", set_cookie="s=1"),
        answer(status="302 Found", location="http://other.example:{port}/"),
        answer(),
    ]

    async def talk(request: Request, writer: Any) -> None:
        port = request.headers["host"].partition(":")[2]
        writer.write(replies.pop(0).replace(b"{port}", port.encode()))

    async def use(client: GuardedClient, target: Target) -> None:
        url, headers = target.url("/login", host="shop.example"), {"cookie": "mine=1; s=own"}
        await client.request("GET", url, headers=headers, redirects=5, cookies=Cookies())

    names = Names(shop=[["127.0.0.1"]], other=[["127.0.0.1"]])
    target = against(talk, use, resolver=names, targets=EVERYTHING_HERE)
    assert [one.headers.get("cookie") for one in target.requests] == ["mine=1; s=own", "mine=1; s=own", None]


def test_a_cookie_that_would_break_a_header_is_not_sent() -> None:
    cookies = Cookies()

    async def use(client: GuardedClient, target: Target) -> None:
        for _ in range(2):
            await client.request("GET", target.url(), cookies=cookies)

    target = against(always(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nset-cookie: a=\xc3\xa4; Path=/\r\n\r\n"), use)
    assert "cookie" not in target.requests[1].headers
