"""Observations in PostgreSQL: written once, found again, whoever else writes at the same time."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from infra import db
from models import Trace
from tests.workers.jobs.conftest import Core
from tests.workers.traces.sending import event, new_trace, send, span
from workers.traces.base import Span, Stored
from workers.traces.receiving import receive
from workers.traces.store import store
from workers.traces.store.rows import signed


def of_traces(core: Core, project: UUID, *traces: bytes) -> dict[UUID, list[Stored]]:
    ids = [UUID(bytes=one) for one in traces]
    found: dict[UUID, list[Stored]] = core.do(store().of_traces, project, ids)
    return found


def trace_of(core: Core, project: UUID, one: Span) -> Any:
    with db.transaction() as session:
        return session.scalars(Trace.in_project(project).where(Trace.id == UUID(bytes=one.trace_id))).one()


def test_a_span_comes_back_as_it_was_sent(core: Core) -> None:
    project = core.project()
    one = span(
        "tab\t newline\n back\\slash \\N",
        status=2,
        message="broken\r\n\\.",
        kind=3,
        parent="ffffffffffffffff",
        events=[event("e", 5, a="\\n")],
        links=[{"trace_id": "ab" * 16, "span_id": "cd" * 8, "attributes": {}}],
        resource={"service.name": "shop\t", "otel.scope.name": "lib"},
        attributes={
            "text": 'quote " back \\ tab \t',
            "whole": 2**63 - 1,
            "part": 0.1,
            "none": None,
            "deep": {"a": [{}]},
        },
    )
    one.start = 1_763_000_000_123_456_789
    one.end = one.start + 1_500_999
    assert send(core, [one], project=project).added == 1
    ((found,),) = of_traces(core, project, one.trace_id).values()
    assert (found.trace_id.bytes, found.span_id, found.parent_id) == (one.trace_id, signed(one.span_id), -1)
    assert (found.name, found.status, found.status_message) == (one.name, "error", one.status_message)
    assert (found.attributes, found.events, found.links, found.resource) == (
        one.attributes,
        one.events,
        one.links,
        one.resource,
    )
    assert found.started_at == datetime(2025, 11, 13, 2, 13, 20, 123456, tzinfo=UTC)
    assert (found.duration_us, found.span_kind, found.service) == (1500, 3, "shop")


def test_u_0000_becomes_a_replacement_character(core: Core) -> None:
    project, one = core.project(), span("a\0b", {"k\0": "v\0", "escaped": "\\u0000"}, message="\0")
    send(core, [one], project=project)
    ((found,),) = of_traces(core, project, one.trace_id).values()
    assert (found.name, found.status_message) == ("a\ufffdb", "\ufffd")
    assert found.attributes == {"k\ufffd": "v\ufffd", "escaped": "\\u0000"}


def test_the_observations_of_many_traces_are_each_in_the_order_of_their_beginning(core: Core) -> None:
    project = core.project()
    roots = [span(f"root {number}") for number in range(20)]
    children = [span("child", parent=one, start=second) for one in roots for second in (3, 1, 2)]
    send(core, [*children, *roots], project=project)
    found = of_traces(core, project, *(one.trace_id for one in roots))
    assert len(found) == 20
    for one in roots:
        starts = [row.started_at for row in found[UUID(bytes=one.trace_id)]]
        assert (len(starts), starts) == (4, sorted(starts))


def test_a_trace_is_found_whole_however_far_its_clocks_are_apart(core: Core) -> None:
    project, trace = core.project(), new_trace()
    core.do(store().make_days, 30, datetime.now(UTC))
    now = datetime.now(UTC)
    for moment in (now, datetime(1970, 1, 2, tzinfo=UTC), now - timedelta(days=3), datetime(2070, 1, 1, tzinfo=UTC)):
        send(core, [span("when", trace=trace, start=moment)], project=project)
    (rows,) = of_traces(core, project, bytes.fromhex(trace)).values()
    assert [row.started_at.year for row in rows][:: len(rows) - 1] == [1970, 2070]
    assert [row.started_at for row in rows[1:3]] == [now - timedelta(days=3), now]


def test_what_is_there_already_is_not_added_again(core: Core) -> None:
    project, spans = core.project(), [span(str(number)) for number in range(10)]
    assert send(core, spans[:7], project=project).added == 7
    assert send(core, spans, project=project).added == 3
    received = send(core, [*spans, *spans], project=project)
    assert (received.accepted, received.added) == (20, 0)


def test_spans_that_only_share_their_ids_are_both_kept(core: Core) -> None:
    project, one = core.project(), span("one")
    other = span("other", trace=one.trace_id.hex(), id=one.span_id.hex())
    assert send(core, [one, other], project=project).added == 2
    assert send(core, [other, one], project=project).added == 0


def test_only_what_is_new_raises_the_revision_of_its_trace(core: Core) -> None:
    project = core.project()
    first, second = span("first"), span("second")
    send(core, [first, second], project=project)
    before = trace_of(core, project, first)
    send(core, [first, span("late", parent=second, start=-5)], project=project)
    after, other = trace_of(core, project, first), trace_of(core, project, second)
    assert (after.revision, other.revision) == (1, 2)
    assert after.received_at == before.received_at
    assert other.first_received_at < other.received_at
    assert (other.started_at, other.began_from) == (other.began_from, other.began_until - timedelta(seconds=5))


def test_a_projects_traces_are_its_own(core: Core) -> None:
    mine, theirs, one = core.project(), core.project(), span("same")
    assert send(core, [one], project=mine).added == send(core, [one], project=theirs).added == 1
    assert core.do(store().delete, theirs, [UUID(bytes=one.trace_id)]) == 1
    assert of_traces(core, theirs, one.trace_id) == {}
    ((kept,),) = of_traces(core, mine, one.trace_id).values()
    assert kept.resource == {"service.name": "test"}


def test_a_resource_is_kept_once_and_again_when_its_first_transaction_failed(core: Core) -> None:
    project, resource = core.project(), {"service.name": "rolled back"}
    with pytest.raises(ZeroDivisionError), db.transaction() as session:
        receive(session, project, [span("lost", resource=resource)])
        raise ZeroDivisionError
    one = span("kept", resource=resource)
    for _ in range(2):
        send(core, [one, span("another", resource=dict(resource))], project=project)
    ((found,),) = of_traces(core, project, one.trace_id).values()
    assert found.resource == resource
    assert core.sql("SELECT count(*) FROM trace_resources WHERE project_id = :p", p=project)[0][0] == 1


def test_the_same_spans_from_many_at_once_are_kept_once(core: Core) -> None:
    project, spans = core.project(), [span(str(number)) for number in range(300)]
    start = threading.Barrier(6)

    def deliver(turn: int) -> int:
        start.wait()
        return send(core, spans if turn % 2 else spans[::-1], project=project).added

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(deliver, range(6))) == 300
    assert core.sql("SELECT count(*) FROM observations WHERE project_id = :p", p=project)[0][0] == 300
    assert core.sql("SELECT sum(revision) FROM traces WHERE project_id = :p", p=project)[0][0] == 300


def test_one_who_waits_for_another_that_is_rolled_back_writes_in_its_place(core: Core) -> None:
    project, one = core.project(), span("contended")
    with ThreadPoolExecutor(1) as thread:
        with pytest.raises(ZeroDivisionError), db.transaction() as session:
            receive(session, project, [one])
            waiting = thread.submit(send, core, [one], project=project)
            while not core.sql("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
                assert not waiting.done()
                time.sleep(0.01)
            raise ZeroDivisionError
        assert waiting.result(10).added == 1


def test_thousands_of_spans_are_written_in_several_statements(core: Core) -> None:
    project, root = core.project(), span("root")
    spans = [root, *(span("child", parent=root, start=number) for number in range(9_000))]
    assert send(core, spans, project=project).added == 9_001
    assert trace_of(core, project, root).revision == 1
    (rows,) = of_traces(core, project, root.trace_id).values()
    assert len(rows) == 9_001
