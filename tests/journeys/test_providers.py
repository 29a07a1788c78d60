"""Providers' limits and prices through both doors: what a user's job does about them."""

from time import monotonic, sleep
from typing import Any
from uuid import uuid4

import pytest

from tests.client import HELLO, Client
from tests.fakes.provider import FakeProvider

Json = dict[str, Any]
# The last of so many waits for four seconds.
MORE = 14


def says(script: str) -> list[Json]:
    """Messages that make the provider behave like that, whatever the model is called."""
    return [{"role": "user", "content": f"script:{script}"}]


def begun(client: Client, job: Json, event: str = "job.started") -> None:
    """Waits until the job's stream has such an event."""
    assert any(one["type"] == event for one in client.events(job["id"]))


def dropped(provider: FakeProvider, model: str) -> float:
    """When the provider saw the connection of this model's call closed."""
    end = monotonic() + 10
    while model not in provider.dropped_at and monotonic() < end:
        sleep(0.005)
    return provider.dropped_at[model]


@pytest.mark.slow
@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
def test_jobs_beyond_a_known_rate_limit_wait_for_their_turn_without_costing_an_attempt(
    client: Client, provider: FakeProvider, vendor: str
) -> None:
    model = f"limited-5-{uuid4().hex}"
    ask = {"model": f"{vendor}/{model}", "messages": HELLO}
    client.run(ask)
    jobs = [client.submit(ask) for _ in range(MORE)]
    ends = [client.wait(job["id"], 60) for job in jobs]
    assert {end["status"] for end in ends} == {"succeeded"}
    # Two seconds' worth of five is less than what may happen on a busy machine: a refusal or two are no surprise.
    assert provider.refused[model] <= 2
    assert sum(end["max_attempts"] - end["attempt"] == 2 for end in ends) >= MORE - 2
    events = [event for job in jobs for event in client.http.get(f"/v1/jobs/{job['id']}/events").json()["data"]]
    held = [event["data"] for event in events if event["type"] == "job.retrying"]
    paced = [one for one in held if "error" not in one]
    assert paced and {one["reason"] for one in paced} == {"provider_rate_limit"}
    assert all(one["delay_seconds"] > 2 for one in paced)


def test_a_busy_model_falls_to_the_next_at_once(client: Client, provider: FakeProvider) -> None:
    model = f"openai/fail-429-{uuid4().hex}"
    ask = {"model": model, "messages": says("fail-429"), "fallback_models": ["sandbox/instant"]}
    client.run(ask)
    asked = len(provider.calls)
    job = client.run(ask)
    assert job["status"] == "succeeded" and job["result"]["provider"] == "sandbox" and job["attempt"] == 1
    assert job["result"]["attempts"][0]["error"]["code"] == "provider_rate_limited"
    assert len(provider.calls) == asked


def test_a_stream_is_cut_when_it_costs_more_than_the_job_may(client: Client, provider: FakeProvider) -> None:
    ask = {"model": "openai/gpt-4.1-nano", "messages": says("slow-stream"), "stream": True}
    job = client.submit(ask, max_cost="0.00001")
    end = client.wait(job["id"])
    assert end["status"] == "failed" and end["error"]["code"] == "cost_limit_exceeded" and not end["error"]["retryable"]
    assert end["result"]["message"]["content"].startswith("word0 word1")
    assert 0.000009 < float(end["usage"]["cost_usd"]) < 0.000012
    assert dropped(provider, "gpt-4.1-nano")
    again = client.http.post(f"/v1/jobs/{job['id']}/retry")
    assert again.status_code < 300
    calls = len(provider.calls)
    assert client.wait(job["id"])["error"]["code"] == "cost_limit_exceeded"
    assert len(provider.calls) == calls, "what the first attempt cost is not there to be spent again"


@pytest.mark.parametrize(("script", "streamed"), [("slow-stream", True), ("hang", False), ("hang", True)])
def test_a_cancelled_call_is_closed_within_a_second_and_what_was_used_is_billed(
    client: Client, provider: FakeProvider, script: str, streamed: bool
) -> None:
    model = f"cancelled-{uuid4().hex}"
    job = client.submit({"model": f"openai/{model}", "messages": says(script), "stream": streamed})
    begun(client, job, "job.delta" if script == "slow-stream" else "job.started")
    while not any(call.body["model"] == model for call in provider.calls):
        sleep(0.005)
    client.http.post(f"/v1/jobs/{job['id']}/cancel").raise_for_status()
    asked = monotonic()
    assert dropped(provider, model) - asked < 1
    end = client.wait(job["id"])
    assert end["status"] == "cancelled"
    if script == "slow-stream":
        assert end["result"]["finish_reason"] == "cancelled"
        assert end["result"]["message"]["content"].startswith("word0")
        assert end["usage"]["output_tokens"] > 0


def test_a_job_that_waits_for_its_turn_is_cancelled_within_a_second_and_never_sent(
    client: Client, provider: FakeProvider
) -> None:
    model = f"limited-1-{uuid4().hex}"
    ask = {"model": f"openai/{model}", "messages": HELLO}
    client.run(ask)
    job = client.submit(ask)
    begun(client, job)
    client.http.post(f"/v1/jobs/{job['id']}/cancel").raise_for_status()
    asked = monotonic()
    assert client.wait(job["id"])["status"] == "cancelled"
    assert monotonic() - asked < 1.5
    assert sum(call.body["model"] == model for call in provider.calls) == 1
