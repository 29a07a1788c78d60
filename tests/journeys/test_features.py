"""Traces and features as a team lives them, over HTTP alone: from the first trace to a change that was noticed."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from standardwebhooks import Webhook

from infra.dev.system import System
from tests.client import Client
from tests.conftest import another_project
from tests.fakes.assistant import INSTRUCTIONS, Assistant
from tests.fakes.receiver import Receiver

Json = dict[str, Any]

# What users ask for, by the tool that does it.
ASKED = {
    "get_order_status": ["where is my order {n}", "has order {n} been shipped yet?", "track parcel {n}", "order {n}?"],
    "start_refund": [
        "I want a refund for {n}",
        "my money back for {n} please",
        "refund {n}",
        "can I return number {n}?",
    ],
    "search_plant_guide": [
        "how often do ferns want water",
        "do roses like sun",
        "my lemon drops leaves",
        "prune lavender",
    ],
}
# A prompt is steady when it was seen twenty times.
BEFORE, AFTER = 24, 12


@pytest.fixture(scope="module")
def client(system: System) -> Iterator[Client]:
    """A user with a project of their own."""
    with Client(system.url, another_project(system)) as connected:
        yield connected


@pytest.fixture(scope="module")
def assistant(system: System, client: Client) -> Iterator[Assistant]:
    """Their product, which sends its traces here."""
    with Assistant(system.url, client.http.headers["Authorization"].removeprefix("Bearer ")) as started:
        yield started


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_from_a_trace_to_a_change_that_is_noticed_and_tested(client: Client, assistant: Assistant) -> None:
    with Receiver() as receiver:
        wish = {"url": receiver.url("/features"), "event_types": ["feature.*"]}
        secret = sent(client, "/webhook_endpoints", wish, status=201)["secret"]

        # Traces come from the stock SDK, and features appear by themselves.
        talk(assistant, "before", BEFORE)
        orders = until(lambda: feature_of(client, "get_order_status"), "a feature of orders")
        assert {one["state"] for one in got(client, "/features")["data"]} == {"detected"}
        assert got(client, "/features/at_risk")["data"] == []

        # Its tests: one drafted from a trace and approved, one by hand.
        trace = got(client, "/traces", feature_id=orders["id"], limit=1)["data"][0]
        drafts = done(client, f"/traces/{trace['id']}/suggested_tests")["drafts"]
        assert {got(client, f"/test_cases/{one}")["state"] for one in drafts} == {"draft"}
        asserted = [{"type": "contains", "expected": "on its way"}]
        asked = {"method": "POST", "url": f"{assistant.url}/chat", "body": {"session": "t", "message": "order 12?"}}
        case = {"name": "an order is found", "feature_id": orders["id"], "steps": [{**asked, "assert": asserted}]}
        case_id = sent(client, "/test_cases", case, status=201)["id"]

        # Somebody edits the system prompt. The feature is at risk, and it is said why.
        assistant.instructions = INSTRUCTIONS.replace("Answer in two sentences at most.", "Answer in great detail.")
        talk(assistant, "after", AFTER)
        risk = until(lambda: at_risk(client, orders["id"]), "the feature is at risk")
        drift = next(one for one in risk["drifts"] if one["root_cause"] == "SYSTEM_CHANGED")
        assert "-Answer in two sentences at most." in drift["diff"] and "+Answer in great detail." in drift["diff"]
        assert drift["confidence"] >= 0.8 and case_id in {one["id"] for one in risk["test_cases"]}

        # Its tests are run again, by one call; they are green, so it is at risk no more.
        result = done(client, f"/features/{orders['id']}/rerun_tests")
        assert (result["verdict"], result["passed"]) == ("passed", 1), result
        until(lambda: not got(client, f"/features/{orders['id']}")["at_risk"], "the feature is at risk no more")

        wanted = {"feature.detected", "feature.at_risk", "feature.resolved"}
        until(lambda: wanted <= told(receiver, secret, orders["id"]), "the webhooks came")
        listed = got(client, "/events", types=",".join(sorted(wanted)), limit=100)["data"]
        assert wanted <= {one["type"] for one in listed if one["data"]["feature_id"] == orders["id"]}


def talk(assistant: Assistant, when: str, count: int) -> None:
    """What users ask, in their own words and sessions."""
    for number in range(count):
        for said in ASKED.values():
            assistant.chat(f"{when} {number % 9}", said[number % 4].format(n=1000 + number), name=f"User{number}")
    assistant.sent()


def feature_of(client: Client, tool: str) -> Json | None:
    """The feature of the traces that called this tool, once there is one."""
    answer = client.http.get("/v1/observations", params={"name": f"execute_tool {tool}", "limit": 1}).json()["data"]
    if not answer:
        return None
    found = got(client, f"/traces/{answer[0]['trace_id']}")["feature"]
    return None if found is None else got(client, f"/features/{found['id']}")


def at_risk(client: Client, feature_id: str) -> Json | None:
    return next((one for one in got(client, "/features/at_risk")["data"] if one["id"] == feature_id), None)


def told(receiver: Receiver, secret: str, feature_id: str) -> set[str]:
    """The types of event that webhooks told of that feature, each with a good signature."""
    for one in receiver.at("/features"):
        Webhook(secret).verify(one.body, one.headers)
    events = [one.event for one in receiver.at("/features")]
    return {event["type"] for event in events if event["data"]["feature_id"] == feature_id}


def until(ask: Callable[[], Any], what: str) -> Any:
    """What is asked, once there is something."""
    end = time.monotonic() + 90
    while not (found := ask()):
        assert time.monotonic() < end, f"in vain: {what}"
        time.sleep(0.2)
    return found


def got(client: Client, path: str, **query: Any) -> Json:
    answer = client.http.get(f"/v1{path}", params=query)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def sent(client: Client, path: str, body: Json | None = None, *, status: int) -> Json:
    answer = client.http.post(f"/v1{path}", json=body or {})
    assert answer.status_code == status, answer.text
    found: Json = answer.json()
    return found


def done(client: Client, path: str) -> Json:
    """The result of the job that this starts."""
    job = sent(client, path, status=202)
    while job["finished_at"] is None:
        job = client.wait(job["id"])
    assert job["status"] == "succeeded", job
    result: Json = job["result"]
    return result
