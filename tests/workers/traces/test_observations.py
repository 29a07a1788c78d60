"""Observations across traces and of one, page by page; trees of large and odd traces."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from infra import db
from infra.errors import InvalidParameter
from schemas.observation import ObservationsQuery
from tests.workers.jobs.conftest import Core
from tests.workers.traces.sending import event, new_trace, send, span
from workers.traces import observations, queries, rolling_up

Json = dict[str, Any]

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
CALL = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini", "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 5}  # fmt: skip


@pytest.fixture
def project(core: Core) -> UUID:
    core.sql("TRUNCATE traces, observations")
    return core.project()


def page(project: UUID, **wanted: Any) -> Json:
    with db.transaction() as session:
        return observations.list_observations(session, project, ObservationsQuery().load(wanted))


def walk(project: UUID, **wanted: Any) -> list[str]:
    """The names of all, by pages."""
    names: list[str] = []
    found = page(project, **wanted)
    while True:
        names += [one["name"] for one in found["data"]]
        assert found["has_more"] == (found["cursor"] is not None)
        if not found["has_more"]:
            return names
        found = page(project, **wanted, after=found["cursor"])


def tree(project: UUID, trace_id: bytes, *, whole: bool = False) -> Json:
    with db.transaction() as session:
        trace = queries.get_trace(session, project, UUID(bytes=trace_id))
        return observations.tree_of(session, trace, whole=whole)


@pytest.mark.parametrize("others", [0, 500])
def test_observations_of_years_are_found_by_time_whatever_their_traces(core: Core, project: UUID, others: int) -> None:
    core.sql(
        "INSERT INTO traces (project_id, id, first_received_at, received_at, started_at) SELECT :project,"
        " gen_random_uuid(), now(), now(), now() - n * interval '1 hour' FROM generate_series(1, :others) n",
        project=project, others=others,
    )  # fmt: skip
    times = [timedelta(days=-20_000), timedelta(0), timedelta(microseconds=1), timedelta(seconds=5), timedelta(days=3),
             timedelta(days=40), timedelta(days=16_000)]  # fmt: skip
    some = [span(f"at {number}", start=BEGAN + at) for number, at in enumerate(times)]
    # One begins long after its trace did.
    late = span("late", trace=some[1].trace_id.hex(), start=BEGAN + timedelta(days=50))
    send(core, [*some, late], project=project)
    send(core, [span("another's", start=BEGAN)], project=core.project())
    inorder = ["at 0", "at 1", "at 2", "at 3", "at 4", "at 5", "late", "at 6"]
    for limit in ("1", "3", "100"):
        assert walk(project, limit=limit) == inorder[::-1]
        assert walk(project, limit=limit, order="asc", whole="true") == inorder
    bounds = {"started_after": "2026-03-01T00:00:00Z", "started_before": "2026-03-04T00:00:00Z"}
    assert walk(project, **bounds) == ["at 3", "at 2", "at 1"]
    assert walk(project, **bounds, order="asc", limit="2") == ["at 1", "at 2", "at 3"]
    assert walk(project, name="at 4") == ["at 4"] and walk(project, name="nothing") == []
    assert walk(core.project()) == []


def test_each_filter_finds_what_it_says(core: Core, project: UUID) -> None:
    root = span("root", start=BEGAN, ms=900)
    call = span("call", CALL, parent=root, ms=500)
    tool = span("tool", parent=root, status=2, gen_ai__operation__name="execute_tool")
    send(core, [root, call, tool], project=project)
    wanted: Json = {"kind": "generation", "model": "gpt-4o-mini"}
    for name, value in wanted.items():
        assert walk(project, **{name: value}) == ["call"]
    assert walk(project, status="error") == ["tool"]
    assert walk(project, min_duration_ms="500") == ["call", "root"]
    assert walk(project, max_duration_ms="500", kind="generation") == ["call"]


def test_usage_counts_where_it_is_nobody_elses_and_is_unknown_before_it_is_added_up(core: Core, project: UUID) -> None:
    agent = span("agent", {**CALL, "gen_ai.operation.name": "invoke_agent"}, start=BEGAN)
    send(core, [agent, span("call", CALL, parent=agent), span("plain", parent=agent)], project=project)
    counts = {one["name"]: one["counts"] for one in page(project)["data"]}
    assert counts == {"agent": None, "call": None, "plain": False}
    assert {one["name"]: one["counts"] for one in tree(project, agent.trace_id)["tree"]}["agent"] is False
    rolling_up.roll_up()
    counts = {one["name"]: one["counts"] for one in page(project)["data"]}
    assert counts == {"agent": False, "call": True, "plain": False}


def test_a_tree_has_what_was_said_and_long_texts_are_cut(core: Core, project: UUID) -> None:
    root = span("root", start=BEGAN, events=[event("note", what="x" * 5000)], user__note="y" * 5000)
    said = {"gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": "z" * 9000}]}])}
    send(core, [root, span("call", {**CALL, **said}, parent=root), span("late", trace=root.trace_id.hex(),
         parent="00000000000000ff", start=BEGAN + timedelta(seconds=1))], project=project)  # fmt: skip
    found = tree(project, root.trace_id)
    assert found["tree_complete"] and [one["depth"] for one in found["tree"]] == [0, 1, 0]
    top, call, orphan = sorted(found["tree"], key=lambda one: ("root", "call", "late").index(one["name"]))
    assert (top["position"], call["position"], orphan["position"]) == ("root", "child", "orphan")
    assert orphan["parent_id"] == "00000000000000ff" and call["parent_id"] == top["id"]
    assert len(top["attributes"]["user.note"]) == 1000 == len(top["events"][0]["attributes"]["what"])
    assert top["truncated"] and call["truncated"] and not orphan["truncated"]
    assert len(json.dumps(call["input"])) < 5000 and top["resource"] == {"service.name": "test"}
    whole = {one["name"]: one for one in tree(project, root.trace_id, whole=True)["tree"]}
    assert len(whole["root"]["attributes"]["user.note"]) == 5000 and not whole["root"]["truncated"]
    assert "z" * 9000 in json.dumps(whole["call"]["input"])


def test_a_trace_of_a_thousand_spans_is_shown_at_once(core: Core, project: UUID) -> None:
    root = span("root", start=BEGAN)
    said = {**CALL, "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "Where is it? " * 30,
            "gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.content": "Here. " * 50}  # fmt: skip
    send(core, [root, *(span(f"call {number}", said, parent=root) for number in range(999))], project=project)
    tree(project, root.trace_id)
    took = []
    for _ in range(3):
        began = time.process_time()
        assert len(tree(project, root.trace_id)["tree"]) == 1000
        took.append(time.process_time() - began)
    assert min(took) < 0.5


def test_bodies_end_a_page_before_they_fill_the_memory(core: Core, project: UUID) -> None:
    trace, noise = new_trace(), "".join(chr(0x4E00 + n * 7919 % 20000) for n in range(300_000))
    some = [span(f"{number}", trace=trace, start=BEGAN + timedelta(seconds=number), text=noise[number * 9 :])
            for number in range(30)]  # fmt: skip
    for one in some:
        send(core, [one], project=project)
    assert len(page(project, whole="true", limit="100")["data"]) < 30
    assert walk(project, whole="true", limit="100", order="asc") == [str(number) for number in range(30)]
    found = tree(project, some[0].trace_id, whole=True)
    assert not found["tree_complete"] or len(found["tree"]) == 30


def test_a_cursor_of_no_time_is_refused(project: UUID) -> None:
    with pytest.raises(InvalidParameter):
        page(project, after="obs_7f" + "f" * 78)
