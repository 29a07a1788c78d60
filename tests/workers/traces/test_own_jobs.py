"""Our own jobs as traces: in the job's own project, and out to a collector."""

import gzip
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from api.app import create_app
from infra import db
from infra.settings import settings
from models import JobStatus, ObservationKind
from tests.fakes.receiver import Receiver, Reply
from tests.workers.jobs.conftest import Core
from workers.jobs import lifecycle, outbox, usage
from workers.jobs.lifecycle import Claimed, Move
from workers.jobs.run import Runner
from workers.jobs.submit import Wish, submit
from workers.jobs.usage import Call
from workers.providers.base import ProviderUsage
from workers.traces import otlp_out, own_jobs
from workers.traces.base import Span, Stored
from workers.traces.decoding import protobuf
from workers.traces.mapping.reading import texts_of
from workers.traces.mapping.usage import counts
from workers.traces.store import store

Json = dict[str, Any]

ANSWER = {
    "message": {"role": "assistant", "content": "Hello to you."},
    "finish_reason": "stop",
    "model": "gpt-4o",
    "provider": "openai",
    "cached": False,
}
ASKED = {
    "model": "sandbox/instant",
    "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Say hello."}],
    "temperature": 0.5,
}
CALLED = ProviderUsage("openai", "gpt-4o", 1000, 200, 400, 50, Decimal("0.0045"), 0.002, 0.001, "resp_1")


@pytest.fixture(autouse=True)
def traced(core: Core, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Jobs are traced; called with other settings, in that way."""
    core.sql("TRUNCATE observations, traces, trace_resources")

    def switch(jobs: bool = True, out: str = "") -> None:
        monkeypatch.setenv("TRACE_JOBS", str(jobs))
        monkeypatch.setenv("OTLP_EXPORT_ENDPOINT", out)
        monkeypatch.setenv("OTLP_EXPORT_HEADERS", "api-key=secret" if out else "")
        settings.cache_clear()
        otlp_out.exporter._made = None

    switch()
    own_jobs.tracer._made = None
    yield switch
    monkeypatch.undo()
    settings.cache_clear()
    own_jobs.come_with(None)
    own_jobs.tracer._made = otlp_out.exporter._made = None


def finish(
    core: Core, one: Claimed, target: JobStatus = JobStatus.SUCCEEDED, *calls: ProviderUsage, **changes: Any
) -> None:
    """What the committer writes at an attempt's end."""
    event = "job.retrying" if target == JobStatus.QUEUED else f"job.{target}"
    move = Move(one.job_id, JobStatus.RUNNING, target, event, attempt=one.attempt, **changes)
    with db.transaction() as session:
        happened = outbox.tell(session, lifecycle.move(session, [move]))
        assert len(happened) == 1
        usage.record(
            session, [Call(one.job_id, one.project_id, one.attempt, n, used) for n, used in enumerate(calls, 1)]
        )


def spans(core: Core, project: UUID, trace: UUID) -> list[Stored]:
    """The observations of that trace once all is written: the root, attempts, calls."""
    assert own_jobs.tracer().flush(10)
    found = core.do(store().of_traces, project, [trace]).get(trace, [])
    floors = ("job", "attempt", "chat")
    return sorted(found, key=lambda one: (floors.index(one.name.split()[0]), one.started_at, one.name))


def asked(core: Core, project: UUID, **wish: Any) -> UUID:
    """A new job."""
    with db.transaction() as session:
        return submit(session, kind="completion", payload=ASKED, project_id=project, wish=Wish(**wish)).id


def test_a_finished_job_becomes_a_trace_of_its_attempt_and_its_calls(core: Core) -> None:
    project = core.project()
    job = asked(core, project, metadata={"session_id": "s-1", "team": "blue"}, request_id="req-12345678")
    (one,) = core.claim(1)
    finish(core, one, JobStatus.SUCCEEDED, CALLED, CALLED, result=ANSWER)
    root, attempt, first, second = spans(core, project, job)
    assert [one.name for one in (root, attempt, first, second)] == ["job completion", "attempt 1", *["chat gpt-4o"] * 2]
    assert (root.kind, root.status, root.parent_id, root.session_id) == (ObservationKind.CHAIN, "ok", None, "s-1")
    assert root.attributes["switchyard.request.id"] == "req-12345678"
    assert root.attributes["switchyard.job.metadata.team"] == "blue"
    assert (attempt.parent_id, first.parent_id) == (root.span_id, attempt.span_id)
    assert (first.kind, first.provider, first.model) == (ObservationKind.GENERATION, "openai", "gpt-4o")
    assert (first.input_tokens, first.output_tokens, first.cached_tokens, first.reasoning_tokens) == (
        1000,
        200,
        400,
        50,
    )
    assert first.cost == Decimal("0.0045")
    assert counts([root, attempt, first, second]) == {2, 3}


def test_the_last_call_of_a_completion_carries_what_was_said(core: Core) -> None:
    project = core.project()
    job = asked(core, project)
    (one,) = core.claim(1)
    finish(core, one, JobStatus.SUCCEEDED, CALLED, CALLED, result=ANSWER)
    found = spans(core, project, job)
    said = texts_of(found[-1])
    assert (said.system, said.messages[0].text, said.finish_reason) == ("Be kind.", "Say hello.", "stop")
    assert said.answer is not None and said.answer.text == "Hello to you."
    assert said.parameters == {"temperature": 0.5}
    assert texts_of(found[-2]).messages == []
    assert texts_of(found[0]).input == ASKED


@pytest.mark.parametrize("kept", ["hashes", "none"])
def test_of_a_private_job_nothing_that_was_said_is_traced(core: Core, kept: str) -> None:
    project = core.project(store=kept)
    job = asked(core, project)
    (one,) = core.claim(1)
    finish(core, one, JobStatus.SUCCEEDED, CALLED, result={"sha256": "0" * 64, "bytes": 9})
    found = spans(core, project, job)
    assert [one.name for one in found] == ["job completion", "attempt 1", "chat gpt-4o"]
    written = str([one.attributes for one in found])
    assert "hello" not in written.lower() and "sha256" not in written and found[2].input_tokens == 1000


def test_each_attempt_is_a_span_with_its_own_error(core: Core) -> None:
    project = core.project()
    job = asked(core, project)
    error = {"code": "provider_unavailable", "message": "It is away.", "retryable": True}
    (one,) = core.claim(1)
    finish(core, one, JobStatus.QUEUED, CALLED, error=error, data={"error": error})
    (one,) = core.claim(1)
    finish(core, one, JobStatus.FAILED, error=error, data={"error": error})
    root, first, second, call = spans(core, project, job)
    assert [one.name for one in (first, second, call)] == ["attempt 1", "attempt 2", "chat gpt-4o"]
    assert call.parent_id == first.span_id
    assert [one.status for one in (root, first, second)] == ["error"] * 3
    assert (root.status_message, root.attributes["error.type"]) == ("It is away.", "provider_unavailable")


def test_the_same_job_written_again_adds_nothing(core: Core) -> None:
    project = core.project()
    job = asked(core, project)
    (one,) = core.claim(1)
    finish(core, one, JobStatus.SUCCEEDED, CALLED, result=ANSWER)
    before = spans(core, project, job)
    own_jobs.trace([job])
    assert len(spans(core, project, job)) == len(before) == 3


def test_a_job_stands_in_the_trace_of_whoever_submitted_it(core: Core) -> None:
    project, trace = core.project(), UUID("4bf92f3577b34da6a3ce929d0e0e4736")
    own_jobs.come_with(f"00-{trace.hex}-00f067aa0ba902b7-01")
    asked(core, project)
    own_jobs.come_with("00-nonsense-01")
    other = asked(core, project)
    for one in core.claim(2):
        finish(core, one, result=ANSWER)
    root = spans(core, project, trace)[0]
    assert (root.name, root.parent_id) == ("job completion", 0x00F067AA0BA902B7)
    assert spans(core, project, other)[0].parent_id is None


def test_each_request_says_anew_in_whose_trace_it_is() -> None:
    app, given = create_app(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    for sent, heard in (({"traceparent": given}, given), ({}, None), ({"traceparent": "00-0-0-00"}, None)):
        with app.test_request_context("/v1/jobs", headers=sent):
            app.preprocess_request()
            assert own_jobs.traceparent() == heard


def test_an_answer_that_was_kept_is_a_call_that_cost_nothing(core: Core) -> None:
    project = core.project()
    job = asked(core, project)
    (one,) = core.claim(1)
    finish(core, one, result={**ANSWER, "cached": True})
    call = spans(core, project, job)[-1]
    assert (call.kind, call.model, call.cost, call.input_tokens) == (
        ObservationKind.GENERATION,
        "gpt-4o",
        Decimal(0),
        None,
    )


def test_the_analysis_of_traces_is_not_traced_itself(core: Core) -> None:
    project = core.project()
    job = asked(core, project)
    (one,) = core.claim(1)
    core.sql("UPDATE jobs SET kind = 'feature.analyze' WHERE id = :id", id=job)
    finish(core, one, result={})
    assert spans(core, project, job) == []


def test_with_the_switch_off_nobody_notes_anything(core: Core, traced: Callable[..., None]) -> None:
    traced(jobs=False)
    core.submit(core.project())
    (one,) = core.claim(1)
    finish(core, one, result=ANSWER)
    assert own_jobs.tracer._made is None and core.sql("SELECT count(*) FROM traces")[0][0] == 0


def test_a_store_that_refuses_costs_traces_which_are_counted_and_no_job(core: Core) -> None:
    project = core.project()
    core.sql("ALTER TABLE trace_resources RENAME TO away")
    try:
        job = asked(core, project)
        (one,) = core.claim(1)
        finish(core, one, result=ANSWER)
        assert own_jobs.tracer().flush(10)
    finally:
        core.sql("ALTER TABLE away RENAME TO trace_resources")
    assert own_jobs.tracer().dropped == 1
    assert core.sql("SELECT status FROM jobs WHERE id = :id", id=job)[0].status == "succeeded"


def test_while_the_database_is_away_traces_wait(core: Core, traced: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    project = core.project()
    traced(jobs=False)
    job = asked(core, project)
    (one,) = core.claim(1)
    finish(core, one, result=ANSWER)
    traced()
    with monkeypatch.context() as away:
        away.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
        renew()
        own_jobs.tracer().put([job])
        assert not own_jobs.tracer().flush(0.6)
    renew()
    assert len(spans(core, project, job)) == 2 and own_jobs.tracer().dropped == 0


def renew() -> None:
    """Connects anew, to where the environment says."""
    settings.cache_clear()
    db.engine().dispose()
    db.engine._made = None


def test_a_worker_traces_what_it_runs_before_it_ends(core: Core) -> None:
    project = core.project()
    job = asked(core, project)
    runner = Runner(["completions"], 4)
    runner.start()
    deadline = time.monotonic() + 10
    while core.sql("SELECT status FROM jobs WHERE id = :id", id=job)[0].status != "succeeded":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    runner.stop(5.0)
    runner._loop.close()
    assert len(core.sql("SELECT FROM observations")) == 3
    call = spans(core, project, job)[-1]
    assert (call.kind, call.provider, call.cost) == (ObservationKind.GENERATION, "sandbox", Decimal(0))
    assert texts_of(call).messages[0].text == "Say hello."


def test_a_process_that_ends_sends_what_it_has_traced_but_waits_for_no_slow_collector(
    core: Core, traced: Callable[..., None]
) -> None:
    with Receiver() as receiver:
        receiver.script(
            "/v1/traces", Reply(503, delay=0.3, headers={"Retry-After": "0"}), Reply(200), Reply(200, delay=1.5)
        )
        traced(jobs=True, out=receiver.url(""))
        core.submit(core.project(), 2)
        one, other = core.claim(2)
        finish(core, one, result=ANSWER)
        own_jobs.flush(10)
        assert len(receiver.at("/v1/traces")) == 2
        assert core.sql("SELECT count(*) FROM observations")[0][0] == 2
        finish(core, other, result=ANSWER)
        begun = time.monotonic()
        own_jobs.flush(0.5)
        assert time.monotonic() - begun < 1.2
        assert otlp_out.exporter().flush(10)
        assert core.sql("SELECT count(*) FROM observations")[0][0] == 4


def received(receiver: Receiver, count: int) -> list[bytes]:
    """The bodies of the first so many requests, unpacked."""
    deadline = time.monotonic() + 10
    while len(receiver.at("/v1/traces")) < count:
        assert time.monotonic() < deadline, [one.path for one in receiver.requests]
        time.sleep(0.01)
    found = receiver.at("/v1/traces")
    return [gzip.decompress(one.body) if one.body[:2] == b"\x1f\x8b" else one.body for one in found]


def read_back(core: Core, job: UUID) -> list[Span]:
    """What is to be sent of a job."""
    return [span for spans in own_jobs.read([job]).values() for span in spans]


def test_a_collector_gets_the_same_spans_and_again_when_it_was_busy(core: Core, traced: Callable[..., None]) -> None:
    with Receiver() as receiver:
        receiver.script("/v1/traces", Reply(503, headers={"Retry-After": "0"}), Reply(200))
        traced(jobs=True, out=receiver.url(""))
        project = core.project()
        job = asked(core, project)
        (one,) = core.claim(1)
        finish(core, one, JobStatus.SUCCEEDED, CALLED, result=ANSWER)
        stored = spans(core, project, job)
        first, again = received(receiver, 2)
        sent = receiver.at("/v1/traces")[0].headers
    assert first == again and (sent["api-key"], sent["content-type"]) == ("secret", "application/x-protobuf")
    out = protobuf.decode(again).spans
    assert sorted((one.name, str(one.attributes)) for one in out) == sorted(
        (one.name, str(dict(one.attributes))) for one in read_back(core, job)
    )
    assert len(stored) == len(out) == 3
    assert {one.trace_id for one in out} == {job.bytes}


def test_what_a_collector_refuses_is_dropped_and_counted(core: Core, traced: Callable[..., None]) -> None:
    with Receiver() as receiver:
        receiver.script("/v1/traces", Reply(400), Reply(200))
        traced(jobs=False, out=receiver.url("/v1/traces"))
        core.submit(core.project(), 2)
        for one in core.claim(2):
            finish(core, one, result=ANSWER)
            assert own_jobs.tracer().flush(10)
        received(receiver, 2)
    assert otlp_out.exporter().dropped == 2
    assert core.sql("SELECT count(*) FROM traces")[0][0] == 0
