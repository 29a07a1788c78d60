"""Requests that authenticate, and tokens that are asked for once."""

import asyncio
import base64
import json
from typing import Any

import pytest

from infra.http import GuardedClient
from tests.fakes.steps_target import StepsTarget
from tests.fakes.target import HERE, Request, serving
from tests.workers.suites.steps.running import TRACE, a_scope, a_world, echoed, ran, run_all, step
from workers.suites.steps.step import run_step

SECRETS = {"pass": "pass-wörd", "client": "s3cret/+ßsecret"}
OAUTH = {
    "type": "oauth2", "token_url": "/token", "client_id": "me", "client_secret": "{{secret.client}}",
    "scopes": ["read", "write"], "audience": "api",
}  # fmt: skip
BEARER = {"type": "bearer", "token": "{{secret.pass}}"}


@pytest.mark.parametrize(
    ("auth", "name", "value"),
    [
        (BEARER | {"token": "tok"}, "authorization", "Bearer tok"),
        ({"type": "basic", "username": "{{user}}", "password": "pö"}, "authorization",
         "Basic " + base64.b64encode("ada:pö".encode()).decode()),
        ({"type": "api_key", "name": "X-Key", "value": "k"}, "x-key", "k"),
        ({"type": "api_key", "name": "key", "value": "k", "in": "cookie"}, "cookie", "key=k"),
    ],
)  # fmt: skip
def test_a_request_authenticates_as_its_step_says(auth: Any, name: str, value: str) -> None:
    scope = {"variables": {"user": "ada"}}
    assert echoed(ran(step(auth=auth), scope=scope)[0])["headers"][name] == value
    assert echoed(ran(step(auth="mine"), auth={"mine": auth}, scope=scope)[0])["headers"][name] == value
    default: Any = {"auth": {"mine": auth}, "default_auth": "mine", "scope": scope}
    assert echoed(ran(step(), **default)[0])["headers"][name] == value
    assert name not in echoed(ran(step(auth=False), **default)[0])["headers"]


def test_a_whole_url_to_another_host_gets_nothing_that_is_meant_for_the_environments() -> None:
    around: Any = {"auth": {"mine": BEARER | {"token": "tok"}}, "default_auth": "mine", "headers": {"X-Mine": "1"}}
    there: Any = [
        lambda target: step(target.url("/api/echo")),
        lambda target: step(target.url("/api/echo"), auth="mine"),
    ]
    plain, asked = ran(*there, base_url="http://127.0.0.1:9/api", **around)
    assert not {"authorization", "x-mine"} & echoed(plain)["headers"].keys()
    assert echoed(asked)["headers"]["authorization"] == "Bearer tok"
    (ours,) = ran(there[0], **around)
    assert (echoed(ours)["headers"]["authorization"], echoed(ours)["headers"]["x-mine"]) == ("Bearer tok", "1")


def test_an_api_key_may_be_in_the_query() -> None:
    auth = {"type": "api_key", "name": "key", "value": "{{secret.pass}}", "in": "query"}
    results, target, _ = run_all(step("/echo?a=1", auth=auth), secrets=SECRETS)
    assert target.requests[0].path == "/api/echo?a=1&key=pass-w%C3%B6rd"
    assert results[0]["request"]["url"].endswith("/echo?a=1&key=(secret:pass)")


def test_a_step_that_sets_the_header_itself_is_left_alone_and_credentials_are_not_shown() -> None:
    mine, theirs = ran(
        step(auth=BEARER, headers={"authorization": "Own 1"}), step(auth=BEARER), secrets={"pass": "abc"}
    )
    assert echoed(mine)["headers"]["authorization"] == "Own 1"
    assert ["authorization", "Own 1"] in mine["request"]["headers"]
    assert ["Authorization", "Bearer (secret)"] in theirs["request"]["headers"]


@pytest.mark.parametrize("client_auth", ["basic", "body"])
def test_a_token_is_asked_for_once_and_shown_nowhere(client_auth: str) -> None:
    api = StepsTarget()
    auth = {"api": {**OAUTH, "client_auth": client_auth}}
    asked = [step("/protected", auth="api") for _ in range(3)]
    results, target, _ = run_all(*asked, api=api, auth=auth, secrets=SECRETS)
    assert [one["verdict"] for one in results] == ["passed"] * 3
    assert [one.path for one in target.requests] == ["/api/token"] + ["/api/protected"] * 3
    assert b"scope=read%20write" in target.requests[0].body and b"audience=api" in target.requests[0].body
    assert "token-number" not in json.dumps(results)
    assert json.loads(results[0]["response"]["body"]) == {"token": "(secret)"}


def test_steps_that_need_a_token_at_the_same_time_ask_for_one() -> None:
    api = StepsTarget()

    async def run() -> list[Any]:
        client = GuardedClient(targets=HERE)
        async with serving(api.talk) as target:
            world = a_world(client, base_url=target.url("/api"), auth={"a": OAUTH}, secrets=SECRETS)
            one = step("/protected", auth="a")
            found = await asyncio.gather(
                *(run_step(one, a_scope(world), world, phase="steps", trace_id=TRACE) for _ in range(10))
            )
            await client.close()
        return found

    assert {one["verdict"] for one in asyncio.run(run())} == {"passed"}
    assert len(api.tokens) == 1


@pytest.mark.parametrize(("expires_in", "tokens"), [(3600, 1), ("3600", 1), (None, 1), ("soon", 1), (0, 2), (-5, 2)])
def test_a_token_is_used_until_it_ends(expires_in: Any, tokens: int) -> None:
    api = StepsTarget(expires_in=expires_in)
    results = ran(*[step("/protected", auth=OAUTH)] * 2, api=api, secrets=SECRETS)
    assert ([one["verdict"] for one in results], len(api.tokens)) == (["passed", "passed"], tokens)


def test_a_token_that_is_refused_is_asked_for_anew_once() -> None:
    api = StepsTarget()
    revoke = {"id": "x", "kind": "completion", "model": "m", "messages": [{"role": "user", "content": "x"}]}

    async def revoked(payload: Any) -> Any:
        api.revoked.update(api.tokens)
        return {"message": {"content": ""}, "finish_reason": "stop"}

    asked = step("/protected", auth=OAUTH)
    results = ran(asked, revoke, asked, api=api, secrets=SECRETS, complete=revoked)
    assert [one["verdict"] for one in results] == ["passed"] * 3 and len(api.tokens) == 2
    fresh = StepsTarget(revoked={"token-number-0"})
    result = ran(asked, api=fresh, secrets=SECRETS)[0]
    assert (result["verdict"], len(fresh.tokens)) == ("failed", 1)


@pytest.mark.parametrize(
    ("auth", "secrets", "reason"),
    [
        (OAUTH, {"client": "wrong-secret"}, "answered 401: invalid_client: Who are you?; check the auth of the step."),
        ({**OAUTH, "token_url": "/echo"}, SECRETS, "gave no access_token."),
        ({**OAUTH, "token_url": "/text"}, SECRETS, "gave no access_token."),
        ({**OAUTH, "token_url": "/hang"}, SECRETS, "did not answer within"),
        ({**OAUTH, "token_url": "http://10.0.0.1/"}, SECRETS, "ALLOW_PRIVATE_TARGETS"),
        (OAUTH, {}, "The environment has no secret client"),
    ],
)
def test_a_token_that_is_not_to_be_had_is_an_error_with_a_sentence(auth: Any, secrets: Any, reason: str) -> None:
    results, target, _ = run_all(
        step("/protected", auth=auth, timeout_s=0.2 if "within" in reason else 30), secrets=secrets
    )
    assert results[0]["verdict"] == "errored" and reason in results[0]["reason"]
    assert not any("protected" in one.path for one in target.requests)


class Chatty(StepsTarget):
    """Its token endpoint says which secret it does not know."""

    def _token(self, request: Request, _: dict[str, str]) -> bytes:
        said = {"error": "invalid_client", "error_description": f"{self.client[1]} is not known"}
        return self._json(said, status="400 Bad")


def test_no_half_of_a_secret_is_left_where_a_token_endpoints_error_is_cut() -> None:
    secret = "canary-" + "k7" * 200
    (result,) = ran(step("/protected", auth=OAUTH), api=Chatty(client=("me", secret)), secrets={"client": secret})
    assert "answered 400: invalid_client: (secret:client) is not known" in result["reason"]
    assert "canary" not in json.dumps(result)
