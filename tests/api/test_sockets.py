"""The WebSocket door, with stock Socket.IO clients: the same events, numbered, complete, resumable."""

import asyncio
import json
import time
from datetime import timedelta
from typing import Any

import aiohttp
import httpx
import psutil
import pytest

from api.socket_engine import SESSION_ID
from infra.clock import now, rfc3339
from infra.dev.system import System
from tests.client import HELLO, Client
from tests.conftest import another_project
from tests.socket_client import HANDSHAKE, SECONDS, Listener, listening, made_key

Json = dict[str, Any]
STREAM = {"model": "sandbox", "messages": HELLO, "stream": True}
MANY = 200
AT_ONCE = 12
ROUNDS_AT_MOST = 10

run = asyncio.run


async def _followed(system: System, key: str, *transports: str, **wish: Any) -> Listener:
    """What a client hears that follows something to its end."""
    async with listening(system.url, key, *transports) as listener:
        await listener.follow(**wish)
        await listener.until_heard("subscription.ended")
        assert listener.sio.transport() == (transports[0] if transports else "websocket")
        return listener


def test_stock_clients_follow_jobs_to_their_ends_whichever_process_their_requests_meet(
    system: System, client: Client
) -> None:
    async def follow(job: str) -> str:
        async with listening(system.url, system.api_key) as listener:
            process = SESSION_ID.fullmatch(listener.sio.eio.sid)
            assert process and listener.sio.transport() == "websocket"
            assert await listener.follow(job=job) == {"ok": True, "room": f"job:{job}", "after": 0}
            ended = await listener.until_heard("subscription.ended")
        events = await asyncio.to_thread(lambda: list(client.events(job)))
        assert [event for name, event in listener.heard if event.get("type") == name] == events
        assert ended == {"room": f"job:{job}", "after": len(events)}
        return process[1]

    async def follow_many() -> set[str]:
        jobs = [(await asyncio.to_thread(client.submit, STREAM))["id"] for _ in range(AT_ONCE)]
        return set(await asyncio.gather(*(follow(job) for job in jobs)))

    processes: set[str] = set()
    for _ in range(ROUNDS_AT_MOST):
        processes |= run(follow_many())
        if len(processes) == 2:
            break
    assert len(processes) == 2


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_either_transport_alone_does_it_too(system: System, client: Client, transport: str) -> None:
    for _ in range(4):
        job = client.submit(STREAM)
        heard = run(_followed(system, system.api_key, transport, job=job["id"])).numbers()
        assert heard == list(range(1, len(heard) + 1)) and len(heard) > 4


@pytest.mark.parametrize("cut", [1, 2, 5, 9])
def test_who_was_cut_off_goes_on_after_the_last_event_seen_without_gap_or_repeat(
    system: System, client: Client, cut: int
) -> None:
    job = client.submit(STREAM)["id"]

    async def first() -> list[int]:
        async with listening(system.url, system.api_key, "websocket") as listener:
            await listener.follow(job=job)
            await listener.until(lambda: len(listener.numbers()) >= cut)
            return listener.numbers()[:cut]

    seen = run(first())
    seen += run(_followed(system, system.api_key, job=job, after=seen[-1])).numbers()
    assert seen == list(range(1, len(seen) + 1))


def test_after_the_final_event_there_is_nothing_but_the_end(system: System, client: Client) -> None:
    job = client.run()["id"]
    last = len(list(client.events(job)))
    listener = run(_followed(system, system.api_key, job=job, after=last))
    assert listener.heard == [("subscription.ended", {"room": f"job:{job}", "after": last})]


def test_events_of_a_job_have_aliases_in_the_words_of_its_kind_unless_they_are_turned_off(
    system: System, client: Client
) -> None:
    job = client.run(STREAM)["id"]
    names = run(_followed(system, system.api_key, job=job)).names()
    assert names[:4] == ["job.queued", "completion:queued", "job.started", "completion:start"]
    assert names[-3:] == ["job.succeeded", "completion:complete", "subscription.ended"]
    assert names.count("completion:delta") == names.count("job.delta") > 0

    async def without() -> list[str]:
        async with listening(system.url, system.api_key, aliases=False) as listener:
            await listener.follow(job=job)
            await listener.until_heard("subscription.ended")
            return listener.names()

    assert run(without()) == names[::2]


def test_a_batch_is_followed_to_its_end(system: System, client: Client) -> None:
    jobs = [{"kind": "completion", "input": {"model": "sandbox/instant", "messages": HELLO}}] * 3
    batch = client.http.post("/v1/batches", json={"jobs": jobs}).json()["id"]
    listener = run(_followed(system, system.api_key, batch=batch))
    assert listener.numbers() == list(range(1, len(listener.numbers()) + 1))
    assert listener.names()[-2:] == ["batch.completed", "subscription.ended"]


def test_a_project_is_followed_by_type_and_from_a_cursor_on(system: System) -> None:
    key = another_project(system)

    async def follow(client: Client) -> None:
        async with listening(system.url, key, aliases=False) as listener:
            begun = await listener.follow(project=True, types=["job.succeeded", "job.failed"])
            jobs = [(await asyncio.to_thread(client.run))["id"] for _ in range(3)]
            await listener.until_told(3)
        seen = [event for _, event in listener.heard]
        assert [event["data"]["job_id"] for event in seen] == jobs
        assert {(event["type"], event["room"]) for event in seen} == {("job.succeeded", begun["room"])}
        async with listening(system.url, key, aliases=False) as listener:
            for after, left in ((begun["after"], 3), (seen[0]["cursor"], 2), ("start", 3)):
                listener.heard.clear()
                await listener.follow(
                    project=begun["room"].removeprefix("project:"),
                    after=after,
                    types=["job.succeeded"],
                )
                await listener.until_told(left)
                assert [event for _, event in listener.heard] == seen[-left:]

    with Client(system.url, key) as client:
        run(follow(client))


def test_a_user_hears_of_the_jobs_of_its_own_key_only(system: System, client: Client) -> None:
    key = made_key(client, scopes=["jobs:read", "jobs:write"])

    async def follow(mine: Client) -> None:
        async with listening(system.url, key["key"]) as listener:
            assert (await listener.follow(user=True))["room"] == f"user:{key['id']}"
            await asyncio.to_thread(client.run)
            job = (await asyncio.to_thread(mine.run))["id"]
            await listener.until_heard("completion:complete")
        assert {event["data"]["job_id"] for _, event in listener.heard} == {job}
        assert [name for name in listener.names() if name.startswith("job.")] == [
            "job.queued", "job.started", "job.succeeded",
        ]  # fmt: skip

    with Client(system.url, key["key"]) as mine:
        run(follow(mine))


@pytest.mark.parametrize("transports", [(), ("polling",)])
def test_a_revoked_key_ends_its_connections(system: System, client: Client, transports: tuple[str, ...]) -> None:
    key = made_key(client, scopes=["jobs:read"])

    async def revoke() -> None:
        async with listening(system.url, key["key"], *transports) as listener:
            await listener.follow(project=True)
            await asyncio.to_thread(client.http.delete, f"/v1/api_keys/{key['id']}")
            assert (await listener.until_heard("connection.ended"))["code"] == "unauthenticated"
            await listener.until(lambda: listener.reason != "")

    run(revoke())


def test_an_expired_key_ends_its_connections(system: System, client: Client) -> None:
    key = made_key(client, expires_at=rfc3339(now() + timedelta(seconds=1.5)))["key"]

    async def wait() -> None:
        async with listening(system.url, key) as listener:
            await listener.until_heard("connection.ended")
            await listener.until(lambda: listener.reason != "")

    run(wait())


def test_who_leaves_a_room_hears_no_more_and_who_enters_again_begins_again(system: System, client: Client) -> None:
    job = client.submit({"model": "openai/slow-stream-40", "messages": HELLO, "stream": True})["id"]

    async def leave() -> None:
        async with listening(system.url, system.api_key, aliases=False) as listener:
            await listener.follow(job=job)
            await listener.until(lambda: len(listener.numbers()) >= 3)
            assert (await listener.ask("unsubscribe", {"job": job}))["ok"] is True
            left_with = listener.numbers()
            await asyncio.to_thread(client.wait, job)
            assert (await listener.ask("unsubscribe", {"job": job}))["error"]["code"] == "not_found"
            assert listener.numbers() == left_with
            listener.heard.clear()
            await listener.follow(job=job, after=left_with[-1] - 1)
            await listener.until_heard("subscription.ended")
            assert listener.numbers()[0] == left_with[-1]

    run(leave())


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_process_that_ends_sends_its_clients_to_others_where_they_go_on(
    system: System, client: Client, transport: str
) -> None:
    job = client.submit({"model": "openai/slow-stream-40", "messages": HELLO, "stream": True})["id"]

    async def survive(bystander: aiohttp.ClientWebSocketResponse) -> list[int]:
        async with listening(system.url, system.api_key, transport, comes_back=True, aliases=False) as listener:
            await listener.follow(job=job)

            async def go_on() -> None:
                await listener.follow(job=job, after=listener.numbers()[-1])

            listener.sio.on("connect", go_on)
            await listener.until_told(3)
            first = SESSION_ID.fullmatch(listener.sio.eio.sid)
            for worker in workers:
                worker.terminate()
            while (await bystander.receive()).type is aiohttp.WSMsgType.TEXT:
                pass
            assert bystander.closed
            await listener.until_heard("subscription.ended")
            second = SESSION_ID.fullmatch(listener.sio.eio.sid)
            assert first and second and first[1] != second[1]
            return listener.numbers()

    async def beside_another() -> list[int]:
        url = f"{system.url}/socket.io/?EIO=4&transport=websocket"
        async with aiohttp.ClientSession(trust_env=False) as http, http.ws_connect(url) as bystander:
            return await survive(bystander)

    workers = psutil.Process(system["api"].pid).children()
    seen = run(beside_another())
    psutil.wait_procs(workers, SECONDS)
    listed = client.http.get(f"/v1/jobs/{job}/events", params={"limit": 1000}).json()["data"]
    assert seen == [event["sequence"] for event in listed]


def test_answers_close_their_connection_allow_any_origin_and_no_cookies(system: System) -> None:
    headers = {"Origin": "https://example.com", "X-Request-Id": "my-own-request"}
    answer = httpx.get(system.url + HANDSHAKE, headers=headers, trust_env=False)
    assert answer.headers["Connection"] == "close"
    assert answer.headers["X-Request-Id"] == "my-own-request"
    assert answer.headers["Access-Control-Allow-Origin"] == "https://example.com"
    assert not {"access-control-allow-credentials", "set-cookie"} & set(answer.headers)
    answer = httpx.options(system.url + HANDSHAKE, headers=headers, trust_env=False)
    assert answer.status_code == 200 and "POST" in answer.headers["Access-Control-Allow-Methods"]


def test_idle_clients_hold_no_threads(system: System, client: Client) -> None:
    async def idle() -> None:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), trust_env=False) as http:

            async def connect() -> aiohttp.ClientWebSocketResponse:
                socket = await http.ws_connect(f"{system.url}/socket.io/?EIO=4&transport=websocket")
                await socket.receive()
                await socket.send_str("40" + json.dumps({"token": system.api_key}))
                assert (await socket.receive()).data.startswith("40{")
                return socket

            sockets = await asyncio.gather(*(connect() for _ in range(MANY)))
            opened = [json.loads((await (await http.get(system.url + HANDSHAKE)).text())[1:]) for _ in range(40)]
            polls = [asyncio.create_task(_poll(http, system, one["sid"])) for one in opened]
            begun = time.monotonic()
            job = await asyncio.to_thread(client.run)
            assert job["status"] == "succeeded" and time.monotonic() - begun < 10
            for poll in polls:
                poll.cancel()
            await asyncio.gather(*polls, *(socket.close() for socket in sockets), return_exceptions=True)

    run(idle())


async def _poll(http: aiohttp.ClientSession, system: System, session: str) -> None:
    async with http.get(f"{system.url}{HANDSHAKE}&sid={session}") as answer:
        await answer.read()
