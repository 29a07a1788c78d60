"""A job's events: numbered, complete, resumable."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from redis import Redis

from infra.dev.system import System
from infra.redis import live_key
from tests.client import HELLO, Client

Json = dict[str, Any]
STREAM = {"model": "sandbox", "messages": HELLO, "stream": True}


def test_a_stream_has_every_number_once_and_ends_after_the_final_event(client: Client) -> None:
    events = list(client.events(client.submit(STREAM)["id"]))
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert events[0]["type"] == "job.queued" and events[1]["type"] == "job.started"
    assert events[-1]["type"] == "job.succeeded"
    said = "".join(event["data"]["delta"].get("content", "") for event in events if event["type"] == "job.delta")
    job = client.http.get(f"/v1/jobs/{events[0]['data']['job_id']}").json()
    assert said == job["result"]["message"]["content"]


def test_an_event_has_the_envelope_of_the_contract(client: Client) -> None:
    job = client.run()
    event = next(iter(client.events(job["id"])))
    assert set(event) == {"id", "type", "created_at", "project_id", "sequence", "data"}
    assert event["id"].startswith("evt_") and event["project_id"] == job["project_id"]


@pytest.mark.parametrize("cut", [1, 2, 5, 9])
def test_a_stream_that_was_cut_resumes_after_its_last_event_without_gap_or_repeat(client: Client, cut: int) -> None:
    job = client.submit(STREAM)
    seen: list[int] = []
    for event in client.events(job["id"]):
        seen.append(event["sequence"])
        if len(seen) == cut:
            break
    seen += [event["sequence"] for event in client.events(job["id"], after=seen[-1])]
    assert seen == list(range(1, len(seen) + 1))


def test_many_clients_see_the_same_stream(client: Client) -> None:
    job = client.submit(STREAM)

    def watch(_: int) -> list[int]:
        return [event["sequence"] for event in client.events(job["id"])]

    with ThreadPoolExecutor(40) as pool:
        seen = list(pool.map(watch, range(40)))
    assert len({tuple(one) for one in seen}) == 1 and seen[0][-1] == len(seen[0])


def test_a_finished_stream_can_be_read_again_and_after_its_end_there_is_nothing(client: Client) -> None:
    job = client.submit(STREAM)
    first = list(client.events(job["id"]))
    assert list(client.events(job["id"])) == first
    headers = {"Accept": "text/event-stream", "Last-Event-ID": str(len(first))}
    assert client.http.get(f"/v1/jobs/{job['id']}/events", headers=headers).status_code == 204


def test_who_comes_late_to_a_running_stream_gets_every_delta_from_the_first_and_so_for_ten_minutes(
    system: System, client: Client
) -> None:
    job = client.submit({"model": "openai/slow-stream-40", "messages": HELLO, "stream": True})["id"]
    early = client.events(job)
    begun = [next(early) for _ in range(12)]
    assert begun[-1]["type"] == "job.delta"
    assert client.http.get(f"/v1/jobs/{job}").json()["status"] == "running"
    late = list(client.events(job))
    assert late == begun + list(early)
    assert [event["sequence"] for event in late] == list(range(1, len(late) + 1))
    with Redis.from_url(system.environment["REDIS_URL"]) as redis:
        assert 540 < redis.ttl(live_key(UUID(job.removeprefix("job_")))) <= 600


def test_the_json_list_has_the_same_events_page_by_page(client: Client) -> None:
    job = client.submit(STREAM)
    streamed = list(client.events(job["id"]))
    listed: list[Json] = []
    while True:
        query = {"after": listed[-1]["sequence"] if listed else 0, "limit": 4}
        page = client.http.get(f"/v1/jobs/{job['id']}/events", params=query).json()
        listed += page["data"]
        if not page["has_more"]:
            break
    assert listed == streamed


def test_a_number_nobody_can_have_seen_is_refused_by_name(client: Client) -> None:
    job = client.submit()
    answer = client.http.get(f"/v1/jobs/{job['id']}/events", headers={"Last-Event-ID": "soon"})
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == "/Last-Event-ID"
