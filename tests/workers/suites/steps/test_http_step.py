"""Steps over HTTP against a real server: what goes out, what comes back, and whatever the other side does."""

import asyncio
import json
from typing import Any

import pytest

from infra.http import GuardedClient
from tests.fakes.steps_target import StepsTarget
from tests.fakes.target import HERE, NOTHING, Names, serving
from tests.infra.test_unreachable import certificate, tls
from tests.workers.files.conftest import Files
from tests.workers.suites.steps.running import OK, TRACE, a_scope, a_world, echoed, ran, run_all, step
from workers.suites.base import BODY_READ, BODY_SHOWN
from workers.suites.steps.step import run_step

__all__ = ["certificate", "tls"]


def test_a_request_is_made_of_the_step_and_its_environment() -> None:
    asked = step(
        "/echo/{id}/x?a=1#end",
        "POST",
        path_params={"id": "7/8 ß"},
        query={"q": ["a b", 2], "none": None, "yes": True},
        headers={"x-team": "mine", "X-N": 5},
        body={"n": "{{n}}", "t": "x{{n}}"},
    )
    result = ran(
        asked, headers={"X-Team": "theirs", "X-Env": "{{env.e}}"}, variables={"e": "on"}, scope={"variables": {"n": 3}}
    )[0]
    came = echoed(result)
    assert (result["verdict"], result["reason"], result["error"]) == ("passed", None, None)
    assert came["path"] == "/api/echo/7%2F8%20%C3%9F/x?a=1&q=a%20b&q=2&yes=true"
    assert json.loads(came["body"]) == {"n": 3, "t": "x3"}
    headers = came["headers"]
    assert (headers["x-team"], headers["x-n"], headers["x-env"]) == ("mine", "5", "on")
    assert headers["content-type"] == "application/json"
    assert headers["traceparent"].startswith(f"00-{TRACE}-") and headers["traceparent"].endswith("-01")
    assert headers["x-test-run-id"].startswith("run_")
    assert result["request"]["url"].endswith("/x?a=1&q=a%20b&q=2&yes=true#end")
    assert result["request"]["body"] == '{"n":3,"t":"x3"}' and result["request"]["bytes"] == 16
    assert ["x-team", "mine"] in result["request"]["headers"]
    assert result["trace_id"] == TRACE and result["tries"] == 1 and result["phase"] == "steps"
    assert 0 < result["response"]["first_byte_milliseconds"] <= result["response"]["milliseconds"] < 5000


@pytest.mark.parametrize(
    ("more", "body", "media_type"),
    [
        ({"text": "a{{n}}"}, "a3", "text/plain; charset=utf-8"),
        (
            {"form": {"a": ["x y", "&"], "b": None, "n": "{{n}}"}},
            "a=x+y&a=%26&n=3",
            "application/x-www-form-urlencoded",
        ),
        ({"body": None}, "null", "application/json"),
        ({"body": [1], "headers": {"content-type": "application/vnd.x+json"}}, "[1]", "application/vnd.x+json"),
        ({"body": 2**70}, str(2**70), "application/json"),
    ],
)
def test_bodies_go_out_with_the_type_that_they_have(more: Any, body: str, media_type: str) -> None:
    came = echoed(ran(step(method="POST", **more), scope={"variables": {"n": 3}})[0])
    assert (came["body"], came["headers"]["content-type"]) == (body, media_type)


def test_each_request_has_a_span_of_its_own_and_a_step_may_say_another_trace() -> None:
    results = ran(step(), step(), step(headers={"traceparent": "00-1-2-00"}))
    spans = [echoed(one)["headers"]["traceparent"] for one in results]
    assert len(set(spans)) == 3 and spans[2] == "00-1-2-00"


def test_repeated_headers_of_the_answer_stay_in_order() -> None:
    result = ran(step("/login", wants={"type": "status", "expected": 302}))[0]
    found = [value for name, value in result["response"]["headers"] if name.lower() == "set-cookie"]
    assert found == ["session=abc123; Path=/; HttpOnly", "other=x; Path=/elsewhere"]


def test_cookies_of_a_session_are_sent_along_and_other_executions_do_not_have_them() -> None:
    logged_in, again = ran(step("/login", redirects=2), step(headers={"Cookie": "mine=1"}))
    assert echoed(logged_in)["headers"]["cookie"] == "session=abc123"
    assert logged_in["response"]["url"].endswith("/echo")
    assert echoed(again)["headers"]["cookie"] == "mine=1; session=abc123; plain=1"
    assert ["Cookie", "mine=1; session=abc123; plain=1"] in again["request"]["headers"]

    async def two() -> Any:
        client = GuardedClient(targets=HERE)
        async with serving(StepsTarget().talk) as target:
            world = a_world(client, base_url=target.url())
            wanted: Any = {"phase": "steps", "trace_id": TRACE}
            await run_step(step("/login", redirects=1), a_scope(world), world, **wanted)
            other = await run_step(step(), a_scope(world), world, **wanted)
            await client.close()
        return other

    assert "cookie" not in echoed(asyncio.run(two()))["headers"]


def test_a_target_that_hangs_is_an_error_after_the_steps_time() -> None:
    for path in ("/hang", "/drip"):
        result = ran(step(path, timeout_s=0.15))[0]
        assert (result["verdict"], result["error"]["code"]) == ("errored", "target_timeout")
        assert result["reason"] == "127.0.0.1 did not answer within 0.15 s."
        assert result["response"] is None and result["request"]["method"] == "GET"
        assert result["milliseconds"] >= 150


@pytest.mark.parametrize(("path", "encoding"), [("/endless", "utf-8"), ("/huge", "base64")])
def test_an_answer_without_end_is_cut_and_judged(files: Files, path: str, encoding: str) -> None:
    result = ran(step(path), project=files.project)[0]
    body = result["response"]
    assert (result["verdict"], body["bytes"], body["cut"], body["encoding"]) == ("passed", BODY_READ, True, encoding)
    assert len(body["body"]) <= BODY_SHOWN * 4 / 3 + 4


def test_what_may_not_be_called_is_an_error_that_says_what_an_operator_can_do() -> None:
    for url, hint in (
        ("http://10.1.2.3/", "ALLOW_PRIVATE_TARGETS"),
        ("http://127.0.0.2/", "ALLOW_PRIVATE_TARGETS"),
        ("http://example.com:22/", "ALLOWED_TARGET_PORTS"),
        ("http://inside.example/", "ALLOW_PRIVATE_TARGETS"),
    ):
        client = {"resolver": Names(inside=[["10.0.0.1"]]), "targets": NOTHING}
        result = ran(step(url), client=client)[0]
        assert (result["verdict"], result["error"]["code"]) == ("errored", "target_refused"), url
        assert hint in result["reason"], url
        assert "10.0.0.1" not in json.dumps(result)


def test_a_redirect_to_a_private_address_is_not_followed() -> None:
    for to in ("http://169.254.169.254/latest/meta-data", "http://10.0.0.1/", "file:///etc/passwd"):
        result = ran(step("/redirect", query={"to": to}, redirects=3))[0]
        assert (result["verdict"], result["error"]["code"]) == ("errored", "target_refused"), to
    result = ran(step("/redirect", query={"to": "http://10.0.0.1/"}, wants={"type": "status", "expected": 302}))[0]
    assert result["verdict"] == "passed"


def test_a_certificate_that_nobody_vouches_for_is_an_error(tls: Any) -> None:
    result = ran(lambda target: step(target.url("/echo", scheme="https")), tls=tls)[0]
    assert (result["verdict"], result["error"]["code"]) == ("errored", "target_unreachable")
    assert "certificate" in result["reason"]


@pytest.mark.parametrize(
    ("more", "part"),
    [
        ({"headers": {"Host": "x"}}, "is set by Switchyard itself. (/headers/Host)"),
        ({"headers": {"X-A": "a\nb"}}, "printable ASCII"),
        ({"url": "http://u:p@127.0.0.1/"}, "user name or password"),
        ({"url": "http://"}, "must begin with http"),
        ({"url": "/{{zip}}"}, "The variable zip is not set"),
        ({"headers": {"X": "{{secret.zip}}"}}, "no secret zip"),
        ({"query": {"a": "{{7*7}}"}}, "'7*7' names no value"),
        ({"auth": "admin"}, "no auth 'admin'"),
    ],
)  # fmt: skip
def test_what_cannot_be_sent_is_an_error_with_a_sentence(more: Any, part: str) -> None:
    results, target, _ = run_all({**step(), **more})
    assert (results[0]["verdict"], target.requests) == ("errored", [])
    assert part in results[0]["reason"]


def test_a_path_needs_a_base_url() -> None:
    result = ran(step(), base_url=None)[0]
    assert "there is no base_url" in result["reason"]
    assert ran(lambda target: step(target.url("/echo")), base_url=None)[0]["verdict"] == "passed"


def test_what_is_put_into_a_url_is_quoted_where_a_url_could_not_hold_it_and_not_looked_at_again() -> None:
    values = {"a": "x y\\z", "b": "{id}{{a}}"}
    asked = step("/echo/{{a}}/{id}", path_params={"id": "{{b}}"})
    assert echoed(ran(asked, scope={"variables": values})[0])["path"] == ("/api/echo/x%20y%5Cz/%7Bid%7D%7B%7Ba%7D%7D")


def test_a_cancelled_step_lets_the_cancellation_through() -> None:
    async def cancelled() -> None:
        client, called = GuardedClient(targets=HERE), asyncio.Event()

        async def silent(*_: Any) -> None:
            called.set()
            await asyncio.Event().wait()

        async with serving(silent) as target:
            world = a_world(client, base_url=target.url())
            task = asyncio.create_task(run_step(step("/hang"), a_scope(world), world, phase="steps", trace_id=TRACE))
            await asyncio.wait_for(called.wait(), 20)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await client.close()

    asyncio.run(cancelled())


def test_a_step_over_http_without_assertions_passes_with_whatever_status() -> None:
    asked = step("/nothing")
    del asked["assert"]
    assert ran(asked)[0]["verdict"] == "passed"
    assert ran(step("/nothing"))[0]["verdict"] == "failed"
    assert OK in [step()["assert"][0]]
