"""Where an answer may send the guarded client, and what goes along."""

import asyncio
from ipaddress import ip_network

import pytest

from infra.errors import AnswerInvalid, TargetRefused, TargetTimeout
from infra.http import GuardedClient
from infra.targets import Targets
from tests.fakes.target import (
    WEB,
    Names,
    Request,
    Talk,
    Target,
    against,
    always,
    answer,
    got,
    serving,
)

SOON = 0.3


def redirecting(location: str, status: int = 302) -> Talk:
    """From `/` to there; everything else is an answer."""

    async def talk(request: Request, writer: asyncio.StreamWriter) -> None:
        body = b"" if request.method == "HEAD" else b"moved"
        moved = answer(body, status=f"{status} Moved", location=location)
        writer.write(moved if request.path == "/" else answer(body))

    return talk


def test_a_redirect_is_an_answer_unless_asked_for() -> None:
    found, target = got(redirecting("http://10.0.0.1/"))
    assert (found.status, found.headers["location"], found.body) == (302, "http://10.0.0.1/", b"moved")
    assert len(target.requests) == 1


@pytest.mark.parametrize(
    "location",
    ["http://localhost/", "http://127.0.0.1/", "http://169.254.169.254/", "//10.0.0.1/", "http://[::1]/", "file:///etc",
     "http://2130706433/", "http://user@8.8.8.8/", "gopher://8.8.8.8/", "http://8.8.8.8:22/", "javascript:alert(1)",
     "http:\\\\8.8.8.8/", "http://evil.example/", "http:///8.8.8.8", "http://[", "http://a:b/"],
)  # fmt: skip
def test_a_redirect_is_checked_like_a_first_url(location: str) -> None:
    async def use(client: GuardedClient, target: Target) -> None:
        with pytest.raises(TargetRefused):
            await client.request("GET", target.url(host="127.0.0.2"), redirects=3)

    only = Targets((ip_network("127.0.0.2/32"),), WEB)
    names = Names(evil=[["10.0.0.1"]])
    target = against(redirecting(location), use, targets=only, resolver=names, host="127.0.0.2")
    assert len(target.requests) == 1


@pytest.mark.parametrize(
    "location", ["/b?u=http://c", "b?u=http://c", "?u=http://c", "//127.0.0.1:{port}/b?u=http://c"]
)
def test_a_redirect_may_be_relative(location: str) -> None:
    async def talk(request: Request, writer: asyncio.StreamWriter) -> None:
        there = location.format(port=writer.get_extra_info("sockname")[1])
        writer.write(answer() if "?" in request.path else answer(status="307 Moved", location=there))

    found, target = got(talk, redirects=1)
    assert found.status == 200 and found.url == target.url(target.requests[1].path)
    assert target.requests[1].path.endswith("?u=http://c")


def test_no_more_redirects_are_followed_than_asked_for() -> None:
    async def talk(request: Request, writer: asyncio.StreamWriter) -> None:
        number = int(request.path[1:])
        writer.write(answer(status="302 Moved", location=f"/{number - 1}") if number else answer())

    assert got(talk, path="/3", redirects=3)[0].status == 200
    with pytest.raises(AnswerInvalid, match="redirected more than 3 times"):
        got(talk, path="/4", redirects=3)


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [(301, "POST", "GET"), (302, "POST", "GET"), (303, "POST", "GET"), (303, "PUT", "GET"), (303, "HEAD", "HEAD"),
     (301, "PUT", "PUT"), (307, "POST", "POST"), (308, "POST", "POST"), (302, "GET", "GET")],
)  # fmt: skip
def test_a_redirect_changes_the_method_as_in_browsers(status: int, method: str, then: str) -> None:
    body = b"x" if method in ("POST", "PUT") else None
    _, target = got(redirecting("/b", status), method, body=body, headers={"Content-Type": "text/x"}, redirects=1)
    second = target.requests[1]
    assert (second.method, second.body) == (then, (body or b"") if then == method else b"")
    assert ("content-type" in second.headers) == (then == method)


def test_credentials_and_signatures_stay_with_their_origin() -> None:
    secret = {"Authorization": "Bearer x", "Cookie": "a=b", "webhook-signature": "v1,x", "X-Api-Key": "x"}
    headers = {**secret, "Accept": "text/x", "Content-Type": "text/y"}

    async def use(client: GuardedClient, target: Target) -> None:
        async with serving(redirecting(target.url("/there"), 307)) as first:
            found = await client.request("POST", first.url(), headers=headers, body=b"x", redirects=1)
            assert found.url == target.url("/there")

    sent = against(always(answer()), use).requests[0]
    assert (sent.headers["accept"], sent.headers["content-type"], sent.body) == ("text/x", "text/y", b"x")
    assert not {name.lower() for name in secret} & set(sent.headers)
    _, target = got(redirecting("/there"), headers=headers, redirects=1)
    assert {name.lower() for name in secret} <= set(target.requests[1].headers)


def test_the_time_is_for_all_redirects_together() -> None:
    async def talk(_: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.1)
        writer.write(answer(status="302 Moved", location="/again"))

    with pytest.raises(TargetTimeout):
        got(talk, seconds=SOON, redirects=1000)
