"""What the WebSocket door refuses: callers without a good key, wrong subscriptions, and what is not Socket.IO."""

import asyncio
import json
from typing import Any

import aiohttp
import httpx
import pytest

from api.app import create_app
from api.socket_engine import MESSAGE_AT_MOST
from infra.dev.system import System
from tests.client import Client
from tests.socket_client import HANDSHAKE, SECONDS, listening, made_key

Json = dict[str, Any]
NO_JOB = "job_" + "0" * 32
run = asyncio.run


async def _refusal(system: System, token: str | None, *transports: str, **auth: Any) -> Json:
    async with listening(system.url, token, *transports, **auth) as listener:
        assert listener.refused is not None
        found: Json = listener.refused
        return found


@pytest.mark.parametrize("transports", [(), ("websocket",), ("polling",)])
@pytest.mark.parametrize("token", [None, "", "sy_live_nobody", "\0", "sy_live_" + "0" * 60, "ü", "x" * 900])
def test_without_a_good_key_nobody_connects(system: System, token: str | None, transports: tuple[str, ...]) -> None:
    refused = run(_refusal(system, token, *transports))
    assert refused["data"]["code"] == "unauthenticated" and refused["message"] == refused["data"]["message"]


def test_a_key_needs_the_scope_and_a_handshake_known_fields(system: System, client: Client) -> None:
    blind = made_key(client, scopes=["jobs:write"])["key"]
    assert run(_refusal(system, blind))["data"]["code"] == "forbidden"
    refused = run(_refusal(system, system.api_key, colour="blue"))["data"]
    assert refused["code"] == "unknown_field" and refused["errors"][0]["pointer"] == "/colour"
    refused = run(_refusal(system, system.api_key, aliases="yes"))["data"]
    assert refused["code"] == "invalid_input" and refused["errors"][0]["pointer"] == "/aliases"


def test_what_belongs_to_others_does_not_exist(system: System, client: Client, stranger: Client) -> None:
    job = client.submit()
    key = stranger.http.headers["Authorization"].removeprefix("Bearer ")

    async def look() -> None:
        async with listening(system.url, key) as listener:
            for wish in ({"job": job["id"]}, {"job": NO_JOB}, {"project": job["project_id"]}):
                answer = await listener.ask("subscribe", wish)
                assert answer["ok"] is False and answer["error"]["code"] == "not_found"

    run(look())


@pytest.mark.parametrize(
    ("wish", "pointer"),
    [
        ({}, ""),
        ([], ""),
        ("job", ""),
        (7, ""),
        (None, ""),
        ({"job": "job_1"}, "/job"),
        ({"job": 7}, "/job"),
        ({"job": NO_JOB, "after": -1}, "/after"),
        ({"job": NO_JOB, "after": "1"}, "/after"),
        ({"job": NO_JOB, "after": True}, "/after"),
        ({"job": NO_JOB, "after": 2**40}, "/after"),
        ({"job": NO_JOB, "types": ["job.failed"]}, "/types"),
        ({"job": NO_JOB, "project": True}, "/project"),
        ({"job": NO_JOB, "colour": "blue"}, "/colour"),
        ({"project": False}, "/project"),
        ({"project": True, "after": 3}, "/after"),
        ({"project": True, "after": "soon"}, "/after"),
        ({"project": True, "after": "9223372036854775807." + "0" * 32}, "/after"),
        ({"project": True, "types": ["no.such"]}, "/types"),
        ({"project": True, "types": []}, "/types"),
        ({"project": True, "types": ["job.\0"]}, "/types"),
        ({"user": False}, "/user"),
    ],
)
def test_a_wrong_subscription_is_refused_by_name(system: System, wish: Any, pointer: str) -> None:
    async def ask() -> None:
        async with listening(system.url, system.api_key, "websocket") as listener:
            answer = await listener.ask("subscribe", wish)
            assert answer["ok"] is False and answer["error"]["message"]
            places = {one["pointer"] for one in answer["error"].get("errors", [{"pointer": ""}])}
            assert any(place == pointer or place.startswith(f"{pointer}/") for place in places), answer

    run(ask())


def test_unknown_events_and_missing_or_spare_arguments_are_answered(system: System) -> None:
    async def ask() -> None:
        async with listening(system.url, system.api_key) as listener:
            answers = [
                await listener.ask("dance", {}),
                await listener.ask("subscribe"),
                await listener.ask("subscribe", {"project": True}, {"user": True}),
                await listener.ask("unsubscribe", {"room": "job:" + NO_JOB}),
                await listener.ask("unsubscribe", {}),
            ]
            codes = [answer["error"]["code"] for answer in answers]
            assert codes == ["not_found", "invalid_input", "invalid_input", "not_found", "invalid_input"]

    run(ask())


NONSENSE: list[Any] = [
    "",
    "x",
    "9",
    "²",
    "4",
    "42",
    "4x",
    '4{"a":1}',
    "42{}",
    "42[]",
    "42[{}]",
    '42["connect",{},{"token":"x"}]',
    '42["disconnect","x"]',
    "44[]",
    "45",
    '451-["subscribe",{"_placeholder":true,"num":0}]',
    "42" + "[" * 30_000,
    "42/" + "a" * 1000,
    "4" + "0" * (MESSAGE_AT_MOST + 1),
    b"\x04binary",
]


@pytest.mark.parametrize("nonsense", NONSENSE, ids=lambda one: repr(one[:20]))
def test_what_is_not_socket_io_ends_the_connection_and_nothing_else(system: System, nonsense: Any) -> None:
    async def send() -> None:
        async with aiohttp.ClientSession(trust_env=False) as http:
            url = f"{system.url}/socket.io/?EIO=4&transport=websocket"
            async with http.ws_connect(url) as socket, asyncio.timeout(SECONDS):
                await socket.receive()
                await socket.send_str("40" + json.dumps({"token": system.api_key}))
                assert (await socket.receive()).data.startswith("40{")
                await (socket.send_bytes if isinstance(nonsense, bytes) else socket.send_str)(nonsense)
                while (await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                    pass

    run(send())


@pytest.mark.parametrize("body", [b"", b"x", b"4x", b"\xff", b"6", b"\x1e".join([b"6"] * 50), b"42[]"])
def test_nonsense_in_a_post_is_taken_or_refused_and_never_a_crash(system: System, body: bytes) -> None:
    with httpx.Client(base_url=system.url, trust_env=False) as http:
        session = json.loads(http.get(HANDSHAKE).text[1:])["sid"]
        assert http.post(f"{HANDSHAKE}&sid={session}", content=body).status_code in (200, 400)


@pytest.mark.parametrize("owner", ["0" * 12, "../../etc/x", "x"])
def test_the_session_of_a_process_that_is_gone_is_unknown_so_that_the_client_connects_anew(
    system: System, owner: str
) -> None:
    answer = httpx.get(f"{system.url}{HANDSHAKE}", params={"sid": f"{owner}-{'a' * 24}"}, trust_env=False)
    assert answer.status_code == 400 and "Invalid session" in answer.text


def test_a_message_that_is_too_long_is_refused(system: System) -> None:
    answer = httpx.post(system.url + HANDSHAKE, content=b"4" * (MESSAGE_AT_MOST + 1), trust_env=False)
    assert answer.status_code == 413 and answer.json()["code"] == "body_too_large"


def test_a_server_that_cannot_give_a_connection_away_says_so() -> None:
    answer = create_app().test_client().get(HANDSHAKE)
    assert answer.status_code == 501 and answer.get_json()["code"] == "not_implemented"
