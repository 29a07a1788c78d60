"""The kind that finds features, as jobs of the whole system: traces come in over OTLP, features are there afterwards.
What an analysis does in detail: tests/workers/features."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from marshmallow import ValidationError

from infra.dev.system import System
from infra.errors import ModelNotFound, ProviderNotConfigured
from schemas.base import pointers
from schemas.feature_analyze import MOST_TRACES, FeatureAnalyzeIn, FeatureAnalyzeOut
from tests.client import HELLO, Client
from tests.conftest import another_project
from tests.workers.features.analyses import ASKED, spans_of
from tests.workers.traces.sending import send
from workers.kinds import BY_NAME

Json = dict[str, Any]

KIND = BY_NAME["feature.analyze"]
ALL = {"since": "1970-01-01T00:00:00Z"}
EACH = 8
NAMES = "openai/hex-" + b'{"name": "Named by a model", "description": "What users do."}'.hex()
TRACE = "trace_" + "0" * 31 + "1"


@pytest.fixture
def project(system: System) -> Iterator[Any]:
    """Makes projects without traces, each with a client of its own."""
    with ExitStack() as opened:
        yield lambda: opened.enter_context(Client(system.url, another_project(system)))


def talk(client: Client, first: int = 0) -> None:
    """Users ask for three things, behind one endpoint and one prompt."""
    send(client, [one for number in range(EACH) for name in ASKED for one in spans_of(name, first + number)])


@contextmanager
def held(client: Client) -> Iterator[None]:
    """No analysis of the project begins within, as one job has the place of all."""
    slow = {"model": "openai/hang", "messages": HELLO}
    job = client.submit(slow, concurrency_key=KIND.name, concurrency_limit=1)
    yield
    assert client.http.post(f"/v1/jobs/{job['id']}/cancel").status_code in (200, 202)


def analysed(client: Client, **input: Any) -> Json:
    """The result of an analysis."""
    job = client.wait(client.submit(input, kind=KIND.name)["id"], 60)
    assert job["status"] == "succeeded", job
    assert FeatureAnalyzeOut().validate(job["result"]) == {}
    result: Json = job["result"]
    return result


def features(client: Client) -> dict[str, Json]:
    """The project's features by their names."""
    return {one["name"]: one for one in client.http.get("/v1/features").json()["data"]}


def places(client: Client) -> dict[str, str | None]:
    """The feature of each trace."""
    traces = client.http.get("/v1/traces", params={"limit": 100}).json()["data"]
    return {one["id"]: one["feature"] and one["feature"]["id"] for one in traces}


def test_traces_become_features_and_the_same_again_changes_nothing(project: Any) -> None:
    client = project()
    with held(client):
        talk(client)
        job = client.submit(ALL, kind=KIND.name)
    found = client.wait(job["id"], 60)["result"]
    assert FeatureAnalyzeOut().validate(found) == {}
    assert (found["traces"], found["unassigned"], len(found["new"]), found["model_calls"]) == (3 * EACH, 0, 3, 0)
    named = features(client)
    assert set(named) == {"Get order status", "Start refund", "Search plant guide"}
    assert {one["id"] for one in named.values()} == set(found["new"])
    assert [(one["named_by"], one["traces"]) for one in named.values()] == [("rule", EACH)] * 3
    told = [one["type"] for one in client.events(job["id"])]
    assert "job.progress" in told and told[-1] == "job.succeeded"

    before = places(client)
    again = analysed(client, **ALL, again=True)
    assert (again["traces"], again["new"], places(client)) == (3 * EACH, [], before)
    talk(client, first=100)
    assert analysed(client, **ALL)["new"] == []
    assert {name: one["id"] for name, one in features(client).items()} == {
        name: one["id"] for name, one in named.items()
    }
    assert sum(one["traces"] for one in features(client).values()) == 6 * EACH


def test_analyses_asked_for_at_the_same_time_find_each_feature_once(project: Any) -> None:
    client = project()
    talk(client)
    jobs = [client.submit(ALL, kind=KIND.name)["id"] for _ in range(3)]
    results = [client.wait(job, 60)["result"] for job in jobs]
    assert sum(len(one["new"]) for one in results) in (0, 3)  # one may have begun by itself
    assert [one["traces"] for one in features(client).values()] == [EACH] * 3
    assert None not in places(client).values()


def test_a_model_names_features_for_no_more_than_the_job_may_cost(project: Any) -> None:
    asked, capped = project(), project()
    with held(asked), held(capped):
        talk(asked)
        talk(capped)
        first = asked.submit({**ALL, "model": NAMES}, kind=KIND.name)
        second = capped.submit({**ALL, "model": "openai/gpt-4o"}, kind=KIND.name, max_cost="0.000001")
    job = asked.wait(first["id"], 60)
    assert (job["status"], job["result"]["model_calls"], job["result"]["warnings"]) == ("succeeded", 3, [])
    assert job["usage"]["input_tokens"] > 0
    named = asked.http.get("/v1/features").json()["data"]
    assert {(one["name"], one["named_by"]) for one in named} == {("Named by a model", "model")}

    job = capped.wait(second["id"], 60)
    assert (job["status"], job["result"]["model_calls"]) == ("succeeded", 0)
    assert "max_cost" in job["result"]["warnings"][0]
    assert set(features(capped)) == {"Get order status", "Start refund", "Search plant guide"}


def test_a_project_without_traces_has_no_features_and_what_is_not_its_own_is_skipped(project: Any) -> None:
    client, other = project(), project()
    assert analysed(client, again=False)["traces"] == analysed(client, **ALL)["traces"] == 0
    talk(other)
    (trace, *_) = places(other)
    result = analysed(client, trace_ids=[trace, TRACE, TRACE])
    assert (result["traces"], result["skipped"], result["features"]) == (0, 2, [])
    assert features(client) == {}


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"trace_ids": []}, "/input/trace_ids"),
        ({"trace_ids": ["feat_1"]}, "/input/trace_ids/0"),
        ({"trace_ids": [TRACE], "since": "2026-01-31T00:00:00Z"}, "/input/trace_ids"),
        ({"since": "2026-01-31T00:00:00Z", "until": "2026-01-31T00:00:00Z"}, "/input/until"),
        ({"since": "yesterday"}, "/input/since"),
        ({"again": "yes"}, "/input/again"),
        ({"model": "nobody/model"}, "/input/model"),
        ({"sure": True}, "/input/sure"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(client: Client, wrong: Json, pointer: str) -> None:
    answer = client.http.post("/v1/jobs", json={"kind": KIND.name, "input": wrong})
    assert answer.status_code in (404, 422), answer.text
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]


def test_a_model_that_cannot_be_asked_is_refused() -> None:
    assert KIND.check is not None
    KIND.check({"model": None})
    KIND.check({"model": "sandbox"})
    for model, error in (("openai/", ModelNotFound), ("xai/grok-4", ProviderNotConfigured)):
        with pytest.raises(error) as refused:
            KIND.check({"model": model})
        assert refused.value.detail


def test_the_example_is_accepted_and_no_more_traces_are_than_are_read_at_once() -> None:
    assert FeatureAnalyzeIn().validate(KIND.example) == {}
    with pytest.raises(ValidationError) as refused:
        FeatureAnalyzeIn().load({"trace_ids": [TRACE] * (MOST_TRACES + 1)})
    assert [one["pointer"] for one in pointers(refused.value.messages)] == ["/trace_ids"]


def test_analyses_of_a_project_wait_for_each_other() -> None:
    assert KIND.serial is not None
    assert KIND.serial({}) == KIND.serial(ALL)


def test_only_a_model_without_a_price_cannot_be_capped() -> None:
    assert KIND.priced is not None
    assert KIND.priced({}) and KIND.priced({"model": "openai/gpt-4o"}) and KIND.priced({"model": "sandbox"})
    assert not KIND.priced({"model": NAMES})
