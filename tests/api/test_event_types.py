"""The event catalogue over HTTP, and that what the system writes is of the shapes it promises."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from schemas.catalogue import BY_NAME
from tests.client import HELLO, Client

Json = dict[str, Any]
# Models of its own: others' failures would have opened the circuit breakers of shared ones.
HANGING, FAILING = (
    {"model": "openai/for-the-catalogue", "messages": [{"role": "user", "content": f"script:{script}"}]}
    for script in ("hang", "fail-500")
)
NAMES = sorted(BY_NAME)


@pytest.fixture(scope="module")
def known(client: Client) -> dict[str, Json]:
    """The catalogue as it is served."""
    return {one["name"]: one for one in client.http.get("/v1/event_types", params={"limit": 100}).json()["data"]}


def test_the_catalogue_is_a_list_like_any_other(client: Client) -> None:
    walked: list[str] = []
    query: Json = {"limit": 7}
    while True:
        page = client.http.get("/v1/event_types", params=query).json()
        walked += [one["name"] for one in page["data"]]
        assert page["first_id"] == page["data"][0]["id"] and page["last_id"] == walked[-1]
        if not page["has_more"]:
            break
        query["after"] = page["last_id"]
    assert walked == NAMES
    backwards = client.http.get("/v1/event_types", params={"order": "desc", "after": NAMES[3]}).json()
    assert [one["name"] for one in backwards["data"]] == NAMES[2::-1] and not backwards["has_more"]


@pytest.mark.parametrize("name", NAMES)
def test_a_type_says_what_its_events_are_and_shows_one(client: Client, known: dict[str, Json], name: str) -> None:
    one = client.http.get(f"/v1/event_types/{name}").json()
    assert one == known[name]
    assert one["object"] == "event_type" and one["webhooks"] == (name != "job.delta")
    assert one["example"]["type"] == name
    Draft202012Validator(one["schema"], validate_formats=True).validate(one["example"])
    assert not Draft202012Validator(one["schema"]).is_valid({**one["example"], "type": "something.else"})


@pytest.mark.parametrize("name", ["job", "job.*", "nothing", "job.nothing", "JOB.FAILED"])
def test_another_type_does_not_exist(client: Client, name: str) -> None:
    answer = client.http.get(f"/v1/event_types/{name}")
    assert answer.status_code == 404 and answer.json()["code"] == "not_found"


@pytest.mark.parametrize("query", [{"limit": "0"}, {"order": "up"}, {"family": "job"}])
def test_a_list_of_something_else_is_refused(client: Client, query: Json) -> None:
    assert client.http.get("/v1/event_types", params=query).status_code == 422


def all_events(client: Client, path: str) -> list[Json]:
    found: list[Json] = client.http.get(f"{path}/events", params={"limit": 1000}).json()["data"]
    return found


def lives(client: Client) -> Iterator[list[Json]]:
    """The events of jobs that end in every way there is."""
    hanging, late = client.submit(HANGING), client.submit(HANGING, deadline_s=1)
    planned = client.submit(run_at="2999-01-01T00:00:00Z")
    streamed = client.submit({"model": "sandbox", "messages": HELLO, "stream": True})
    retried = client.submit(FAILING, max_attempts=2)
    failed = client.submit({"model": "openai/bad-request", "messages": HELLO})
    private = client.submit(store="none")
    deadline = time.monotonic() + 20
    while client.http.get(f"/v1/jobs/{hanging['id']}").json()["status"] != "running":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    for job in (hanging, planned):
        client.http.post(f"/v1/jobs/{job['id']}/cancel")
    for job in (hanging, late, planned, streamed, retried, failed, private):
        assert client.wait(job["id"])["finished_at"]
        yield all_events(client, f"/v1/jobs/{job['id']}")


def test_every_event_of_a_job_is_as_the_catalogue_says(client: Client, known: dict[str, Json]) -> None:
    events = [event for life in lives(client) for event in life]
    assert {event["type"] for event in events} == {name for name in NAMES if name.startswith("job.")} - {"job.progress"}
    for event in events:
        check(event, known)


def test_every_event_of_a_batch_is_as_the_catalogue_says(client: Client, known: dict[str, Json]) -> None:
    line = {"kind": "completion", "input": {"model": "sandbox/instant", "messages": HELLO}}
    hanging = {"kind": "completion", "input": HANGING}
    done, stopped = (client.http.post("/v1/batches", json={"jobs": jobs}).json() for jobs in ([line] * 3, [hanging]))
    client.http.post(f"/v1/batches/{stopped['id']}/cancel")
    seen = set()
    for batch in (done, stopped):
        client.http.get(f"/v1/batches/{batch['id']}", params={"wait": 30})
        for event in all_events(client, f"/v1/batches/{batch['id']}"):
            check(event, known)
            seen.add(event["type"])
    assert {"batch.created", "batch.completed", "batch.cancelled"} <= seen


def check(event: Json, known: dict[str, Json]) -> None:
    """The event is valid, and has nothing that its schema does not name."""
    Draft202012Validator(known[event["type"]]["schema"], validate_formats=True).validate(event)
    assert set(event["data"]) <= set(BY_NAME[event["type"]].data().fields)
