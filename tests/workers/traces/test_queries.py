"""Traces are found by what they are, page by page, by their own project alone; rare ones, too."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest

from infra import db
from infra.errors import InvalidParameter
from models import Feature, Trace
from schemas.trace import TracesQuery
from tests.workers.jobs.conftest import Core
from tests.workers.traces.sending import send, span
from workers.paging import Window
from workers.traces import queries, rolling_up

Json = dict[str, Any]

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)


class Traces:
    """A project's traces, in a database that has one more of each in another project."""

    def __init__(self, core: Core) -> None:
        self.core, self.project, self.other = core, core.project(), core.project()

    def add(self, name: str, at: float = 0, ms: float = 100, **attributes: Any) -> UUID:
        """One that has begun so many seconds after BEGAN."""
        more = {one: attributes.pop(one) for one in ("status", "resource") if one in attributes}
        for project in (self.other, self.project):
            root = span(name, start=BEGAN + timedelta(seconds=at), ms=ms, **more, **attributes)
            send(self.core, [root], project=project)
        return UUID(bytes=root.trace_id)

    def found(self, limit: int = 20, after: UUID | None = None, order: str = "desc", **wanted: Any) -> list[str]:
        """Their names."""
        loaded = TracesQuery().load(wanted)
        with db.transaction() as session:
            page = queries.list_traces(session, self.project, loaded, Window(limit, after, order))
            return [one.name for one in page.rows] + (["…"] if page.has_more else [])


@pytest.fixture
def traces(core: Core) -> Traces:
    core.sql("TRUNCATE traces, observations, trace_series, trace_metrics, trace_sessions, features")
    return Traces(core)


def roll_up() -> None:
    assert rolling_up.roll_up() > 0


def test_pages_follow_the_time_they_began_and_miss_none(traces: Traces) -> None:
    ids = {name: traces.add(name, at=at) for at, name in enumerate("abcde")}
    same = {traces.add(f"same {number}", at=9) for number in range(3)}
    roll_up()
    assert traces.found() == traces.found(order="asc")[::-1]
    assert traces.found(2, ids["c"]) == ["b", "a"]
    assert traces.found(2, ids["c"], "asc") == ["d", "e", "…"]
    first = traces.found(2, order="desc")
    assert first[-1] == "…" and all(name.startswith("same") for name in first[:2])
    walked: list[str] = []
    named = dict(traces.core.sql("SELECT name, id FROM traces WHERE project_id = :project", project=traces.project))
    while walked[-1:] != ["last"]:
        page = traces.found(3, named[walked[-1]] if walked else None)
        walked += page[:-1] if page[-1] == "…" else [*page, "last"]
    walked.remove("last")
    assert len(walked) == len(set(walked)) == len(ids) + len(same)


def test_a_cursor_of_no_trace_is_refused(traces: Traces) -> None:
    with pytest.raises(InvalidParameter) as refused:
        traces.found(after=UUID(int=5))
    assert refused.value.errors[0]["pointer"] == "/after"


def test_each_filter_finds_what_it_says(traces: Traces) -> None:
    call = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini", "gen_ai.provider.name": "openai",
            "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 500,
            "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "Where is my parcel?",
            "gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.content": "On its way."}  # fmt: skip
    traces.add("call", at=10, ms=5000, attributes=call, session__id="s1", user__id="ann")
    traces.add("failed", at=20, status=2, resource={"service.name": "billing", "deployment.environment.name": "dev"})
    traces.add("old", at=-90_000, resource={"service.name": "shop", "service.version": "1.0"})
    roll_up()
    one: Json = {
        "session_id": "s1", "user_id": "ann", "model": "gpt-4o-mini", "min_duration_ms": "5000", "min_tokens": "1500",
        "min_cost_usd": "0.0001", "q": "parcel WHERE",
    }  # fmt: skip
    for name, value in one.items():
        assert traces.found(**{name: value}) == ["call"], name
    assert traces.found(q="On its way") == ["call"] and traces.found(q="nowhere") == []
    failed: Json = {"status": "error", "service": "billing", "environment": "dev", "has_errors": "true"}
    for name, value in failed.items():
        assert traces.found(**{name: value}) == ["failed"], name
    old: Json = {"release": "1.0", "service": "shop", "started_before": "2026-02-28T12:00:00Z"}
    for name, value in old.items():
        assert traces.found(**{name: value}) == ["old"], name
    assert traces.found(has_errors="false") == ["call", "old"]
    assert traces.found(max_duration_ms="100") == ["failed", "old"]
    assert traces.found(max_cost_usd="1") == ["call"], "where a cost is unknown, it is neither much nor little"
    assert traces.found(started_after="2026-03-01T00:00:10Z", started_before="2026-03-01T00:00:20Z") == ["call"]
    assert traces.found(model="gpt-4o-mini", status="error") == []
    assert traces.found(model="s:billing") == [], "a model may be called like a facet"


def test_what_is_rare_is_found_behind_thousands_of_others(traces: Traces, core: Core) -> None:
    traces.add(
        "rare", at=-1000, ms=60_000, user__id="rare user", resource={"service.name": "rare", "service.version": "0.1"}
    )
    roll_up()
    core.sql(
        "INSERT INTO traces (project_id, id, first_received_at, received_at, rolled_up, started_at, name, duration_ms,"
        " cost) SELECT :project, gen_random_uuid(), now(), now(), 1,"
        " CAST(:began AS timestamptz) + n * interval '1 second', 'one of many', 20, 0.01"
        " FROM generate_series(1, 25000) n",
        project=traces.project, began=BEGAN,
    )  # fmt: skip
    rare: list[Json] = [{"user_id": "rare user"}, {"service": "rare"}, {"release": "0.1"}, {"min_duration_ms": "59999"}]
    for wanted in rare:
        assert traces.found(**wanted) == ["rare"], wanted
        assert traces.found(order="asc", **wanted) == ["rare"], wanted
    assert traces.found(user_id="nobody") == []
    assert traces.found(3, name="one of many") == ["one of many"] * 3 + ["…"]
    assert traces.found(min_cost_usd="0.0101") == []
    assert len(traces.found(100, min_cost_usd="0.01")) == 101


def test_a_merged_feature_stands_for_the_one_it_was_merged_into(traces: Traces) -> None:
    for name in ("before", "after", "another's"):
        traces.add(name)
    roll_up()
    with db.transaction() as session:
        made = [Feature(project_id=traces.project, updated_at=BEGAN, key=key, name=key, named_by="rule")
                for key in ("old", "new", "other")]  # fmt: skip
        session.add_all(made)
        session.flush()
        old, new, other = made
        old.merged_into, old.state = new.id, "merged"
        of = {"before": old, "after": new, "another's": other}
        for trace in session.scalars(Trace.in_project(traces.project)):
            trace.feature_id = of[trace.name].id
        ids = [one.public_id for one in made]
    for wanted in ids[:2]:
        assert sorted(traces.found(feature_id=wanted)) == ["after", "before"]
    assert traces.found(feature_id=ids[2]) == ["another's"]
    with db.transaction() as session:
        rows = session.scalars(Trace.in_project(traces.project)).all()
        named = queries.features_of(session, traces.project, rows)
    assert {trace.name: named[trace.feature_id].key for trace in rows if trace.feature_id} == {
        "before": "new", "after": "new", "another's": "other"
    }  # fmt: skip


def test_amounts_on_the_edge_of_a_step_are_found(traces: Traces) -> None:
    exact = [Decimal(2) ** power for power in range(1, 17, 5)]
    for number, ms in enumerate(exact):
        traces.add(f"{ms}", at=number, ms=float(ms))
    roll_up()
    for ms in exact:
        assert f"{ms}" in traces.found(min_duration_ms=str(ms), max_duration_ms=str(ms))
    assert all(int(one) < int(other) for one, other in pairwise(traces.found(order="asc", min_duration_ms="2")))


def test_a_trace_that_lasts_for_centuries_is_found_by_how_long_it_lasts(traces: Traces) -> None:
    traces.add("centuries", ms=500 * 365 * 86_400_000)
    roll_up()
    assert traces.found(min_duration_ms="1e6") == traces.found(min_duration_ms="1.5e13") == ["centuries"]
