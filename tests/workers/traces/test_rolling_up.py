"""What traces add up to: the same, in whatever order and however often their spans come."""

import random
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from infra import db
from tests.workers.jobs.conftest import Core
from tests.workers.traces.products import NOON, call, products, said
from tests.workers.traces.sending import new_trace, send, span
from workers.traces import metric_rows, rolling_up, trace_rows
from workers.traces.adding_up import add_up
from workers.traces.base import CLIENT, SERVER, Span
from workers.traces.contributions import Contribution
from workers.traces.rolling_up import roll_up
from workers.traces.store import store

Json = dict[str, Any]

TABLES = {
    "traces": "id, started_at, duration_ms, name, status, service, session_id, user_id, release, environment, models, "
    "tags, observations, generations, errors, input_tokens, output_tokens, cost, unpriced, repeats, input, output, "
    "words, feature_id, revision - rolled_up AS behind",
    "trace_metrics": "hours, at, series, count, input_tokens, output_tokens, trim_scale(cost), priced, unpriced, "
    "encode(durations, 'hex')",
    "trace_sessions": "id, first_seen_at, last_seen_at, user_id, environment, traces, observations, errors, "
    "input_tokens, output_tokens, trim_scale(cost), priced, unpriced",
}


def rows(core: Core, project: UUID) -> Json:
    """Everything that a roll-up writes."""
    return {
        table: sorted(map(repr, core.sql(f"SELECT {columns} FROM {table} WHERE project_id = :p", p=project)))
        for table, columns in TABLES.items()
    }


def the_trace(core: Core, project: UUID) -> Any:
    """The only trace."""
    (found,) = core.sql("SELECT * FROM traces WHERE project_id = :p", p=project)
    return found


def rolled(core: Core, project: UUID, spans: list[Span]) -> Any:
    """The trace that these are."""
    send(core, spans, project=project)
    roll_up()
    return the_trace(core, project)


def test_a_trace_adds_up_to_what_its_spans_say(core: Core, project: UUID) -> None:
    resource = {"service.name": "shop", "service.version": "1.2", "deployment.environment.name": "prod"}
    root = span("POST /chat", start=NOON, ms=900, resource=resource, session__id="s 1", user__id="ann")
    agent = span("invoke_agent", parent=root, ms=800, resource=resource, gen_ai__operation__name="invoke_agent",
                 gen_ai__usage__input_tokens=300, gen_ai__usage__output_tokens=30)  # fmt: skip
    first = call(agent, tokens=(100, 10), resource=resource, attributes=said("where is my order?", "one moment"))
    second = call(
        agent, start=0.3, tokens=(200, 20), resource=resource, attributes=said("order 7?", "it is on its way")
    )
    failed = span("lookup", parent=agent, start=0.2, status=2, resource=resource)
    found = rolled(core, project, [root, agent, first, second, failed])
    assert (found.name, found.status, found.service, found.release, found.environment) == (
        "POST /chat", "unset", "shop", "1.2", "prod"
    )  # fmt: skip
    assert (found.session_id, found.user_id, found.models) == ("s 1", "ann", ["gpt-4o"])
    assert (found.started_at, found.duration_ms) == (NOON, 900.0)
    assert (found.observations, found.generations, found.errors) == (5, 2, 1)
    # The agent's usage repeats that of its calls.
    assert (found.input_tokens, found.output_tokens, found.unpriced) == (300, 30, 0)
    assert found.cost == Decimal("0.00105")
    assert len(found.repeats) == 1
    assert (found.input, found.output) == ("where is my order?", "it is on its way")
    assert "'order':" in found.words and "'way':" in found.words
    assert found.rolled_up == found.revision == 1


def test_an_unknown_price_is_null_and_no_zero(core: Core, project: UUID) -> None:
    root = span("root", start=NOON)
    found = rolled(core, project, [root, call(root, model="nobody-knows-1")])
    assert (found.cost, found.unpriced, found.input_tokens) == (None, 1, 100)
    send(core, [call(root, start=0.4)], project=project)
    roll_up()
    found = the_trace(core, project)
    assert (found.cost, found.unpriced, found.input_tokens) == (Decimal("0.00035"), 1, 200)
    sums = "SELECT sum(priced) AS priced, sum(unpriced) AS unpriced FROM trace_metrics"
    priced = core.sql(f"{sums} WHERE hours = 24 AND series NOT BETWEEN 0 AND 7")
    # Once in the series of the trace, once in those of its calls.
    assert (priced[0].priced, priced[0].unpriced) == (2, 2)


@pytest.mark.parametrize(
    "own, below, expected",
    [
        (0, [], "unset"), (1, [2], "ok"), (2, [1], "error"), (0, [2, 0], "unset"), (0, [0, 2], "error"),
        (0, [2, 1], "unset"),
    ],
)  # fmt: skip
def test_a_trace_fails_by_its_root_or_by_what_ended_last_below_it(
    core: Core, project: UUID, own: int, below: list[int], expected: str
) -> None:
    root = span("root", start=NOON, ms=900, status=own)
    spans = [span(f"step {n}", parent=root, start=n / 10, status=status) for n, status in enumerate(below)]
    assert rolled(core, project, [root, *spans]).status == expected


def test_until_the_root_comes_the_first_without_a_parent_there_stands_for_it(core: Core, project: UUID) -> None:
    root = span("root", start=NOON, ms=500, session__id="late", kind=SERVER)
    middle = span("middle", parent=root, start=0.2, kind=CLIENT)
    early = span("below the middle", parent=middle, start=-0.1)
    found = rolled(core, project, [middle, early])
    assert (found.name, found.session_id) == ("middle", None)
    send(core, [root], project=project)
    roll_up()
    found = the_trace(core, project)
    assert (found.name, found.session_id, found.started_at) == ("root", "late", NOON)
    sessions = core.sql("SELECT id, traces, observations FROM trace_sessions")
    assert [tuple(one) for one in sessions] == [("late", 1, 3)]


def test_parents_in_a_circle_and_clocks_that_are_far_off_are_added_up(core: Core, project: UUID) -> None:
    trace, ids = new_trace(), ("a1" * 8, "b2" * 8)
    circle = [
        call(trace=trace, id=ids[0], start=datetime(1970, 1, 1, tzinfo=UTC), model="gpt-4o", parent=ids[1]),
        call(trace=trace, id=ids[1], start=datetime(2070, 1, 1, tzinfo=UTC), model="gpt-4o", parent=ids[0]),
    ]
    found = rolled(core, project, circle)
    assert (found.observations, found.started_at.year, found.input_tokens) == (2, 1970, 100)
    assert found.duration_ms == pytest.approx(timedelta(days=36525).total_seconds() * 1000, rel=0.01)
    years = core.sql("SELECT DISTINCT extract(year FROM at)::int AS year FROM trace_metrics ORDER BY 1")
    assert [one.year for one in years] == [1970, 2070]


def test_a_span_with_the_ids_of_another_counts_beside_it(core: Core, project: UUID) -> None:
    root = span("root", start=NOON)
    one, other = (call(root, id="c3" * 8, tokens=tokens) for tokens in ((100, 1), (5, 1)))
    assert rolled(core, project, [root, one, other, one]).input_tokens == 105


def test_a_feature_given_later_moves_what_the_trace_has_added(core: Core, project: UUID) -> None:
    rolled(core, project, [span("root", start=NOON)])
    feature = UUID(int=7)
    core.sql("UPDATE traces SET feature_id = :f, rolled_up = -1", f=feature)
    assert roll_up() == 1
    joined = "FROM trace_metrics m JOIN trace_series s ON s.id = m.series AND s.id NOT BETWEEN 0 AND 7"
    found = core.sql(f"SELECT s.feature_id, m.hours, m.count {joined} ORDER BY m.hours, s.of")
    assert [tuple(one) for one in found] == [(feature, 1, 1), (feature, 1, 1), (feature, 24, 1), (feature, 24, 1)]
    assert the_trace(core, project).rolled_up == 1 and roll_up() == 0


def test_a_feature_given_during_a_roll_up_is_not_lost(core: Core, project: UUID) -> None:
    send(core, [span("root", start=NOON)], project=project)
    with db.transaction() as session:
        (trace_id,) = session.scalars(text("SELECT CAST(id AS text) FROM traces")).all()
        due = trace_rows.these(session, project, [trace_id])
        core.sql("UPDATE traces SET feature_id = :f, rolled_up = -1", f=UUID(int=7))
        total = add_up(store().outlines_of(session, project, [trace_id], at_most=9).traces[trace_id])
        one = trace_rows.Rolled(due[0], total, Contribution(), Contribution())
        for step in (rolling_up._listen, rolling_up._find_places, rolling_up._write):
            step(session, project, [one])
    assert the_trace(core, project).rolled_up == -1
    assert roll_up() == 1
    found = core.sql("SELECT DISTINCT s.feature_id FROM trace_metrics m JOIN trace_series s ON s.id = m.series "
                     "WHERE s.of IN ('traces', 'observations')")  # fmt: skip
    assert [one.feature_id for one in found] == [UUID(int=7)]


def once(core: Core, spans: list[Span]) -> Json:
    """What one delivery of everything, and one roll-up, come to."""
    project = core.project()
    send(core, spans, project=project)
    roll_up()
    return rows(core, project)


@pytest.mark.parametrize("seed", range(3))
def test_any_order_and_repetition_of_deliveries_ends_in_the_same(core: Core, project: UUID, seed: int) -> None:
    spans = products(seed, 12)
    chance = random.Random(seed + 100)
    parts = [[one] for one in spans] + [chance.sample(spans, 3) for _ in range(15)]
    chance.shuffle(parts)
    for part in parts:
        send(core, part, project=project)
        if chance.random() < 0.4:
            roll_up(chance.choice((1, 5, 100)))
    roll_up()
    assert rows(core, project) == once(core, spans)


def test_a_thousand_deliveries_again_change_nothing(core: Core, project: UUID) -> None:
    spans = products(9, 40)
    chance = random.Random(9)
    given = chance.choices(spans, k=1000)
    for begin in range(0, 1000, 50):
        send(core, given[begin : begin + 50], project=project)
        roll_up(chance.choice((3, 1000)))
    send(core, spans, project=project)
    roll_up()
    assert rows(core, project) == once(core, spans)
    before = core.sql("SELECT sum(revision) AS n FROM traces WHERE project_id = :p", p=project)[0].n
    send(core, given, project=project)
    assert core.sql("SELECT sum(revision) AS n FROM traces WHERE project_id = :p", p=project)[0].n == before


def test_two_roll_ups_at_once_count_nothing_twice(core: Core, project: UUID) -> None:
    spans = products(5, 60)
    send(core, spans, project=project)
    done: list[int] = []
    threads = [threading.Thread(target=lambda: done.append(roll_up())) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    roll_up()
    assert sum(done) == 60
    assert rows(core, project) == once(core, spans)


def test_a_roll_up_leaves_traces_that_others_hold_and_waits_for_nobody(core: Core, project: UUID) -> None:
    for name in ("held", "free"):
        send(core, [span(name, start=NOON)], project=project)
    with db.transaction() as session:
        (held,) = session.execute(text("SELECT id FROM traces ORDER BY received_at LIMIT 1 FOR UPDATE"))
        assert roll_up() == 1
        assert held
    names = core.sql("SELECT name FROM traces ORDER BY received_at")
    assert [one.name for one in names] == ["", "free"]
    assert roll_up() == 1


def test_what_still_comes_is_waited_for(core: Core, project: UUID) -> None:
    send(core, [span("root", start=NOON)], project=project)
    assert roll_up(quiet_seconds=60) == 0
    core.sql("UPDATE traces SET first_received_at = first_received_at - interval '11 seconds'")
    assert roll_up(quiet_seconds=60) == 1


def test_one_that_cannot_be_added_up_holds_up_no_other(core: Core, project: UUID) -> None:
    send(core, [span("good", start=NOON), span("bad", start=NOON, session__id="s")], project=project)
    # No receiver lets such a thing in: its session would end when there are no times any more.
    core.sql("UPDATE observations SET duration_us = 9223372036854775807 WHERE name = 'bad'")
    assert roll_up() == 2
    assert roll_up() == 0
    assert [one.name for one in core.sql("SELECT name FROM traces ORDER BY name")] == ["", "good"]
    # It is not given up: whatever was wrong may have been set right.
    core.sql("UPDATE observations SET duration_us = 1 WHERE name = 'bad'")
    core.sql("UPDATE traces SET rolled_up_at = rolled_up_at - interval '11 minutes'")
    assert roll_up() == 1
    assert [one.name for one in core.sql("SELECT name FROM traces ORDER BY name")] == ["bad", "good"]


def test_new_traces_that_are_too_many_to_be_held_at_once_are_added_up_one_after_another(
    core: Core, project: UUID
) -> None:
    """How large a trace is that comes for the first time is known when it is read."""
    columns = "project_id, trace_id, started_at, duration_us, received_at, kind, span_kind, status, name, "
    columns += "mapping_version, attributes"
    for name, more in (("huge", rolling_up.OBSERVATIONS_AT_ONCE + 100), ("large", 15_000), ("other", 6_000)):
        send(core, [span(name, start=NOON)], project=project)
        core.sql(
            f"INSERT INTO observations (span_id, digest, parent_id, {columns}) SELECT n, n, span_id, {columns} "
            "FROM observations, generate_series(1, :more) n WHERE name = :name AND parent_id IS NULL",
            name=name, more=more,
        )  # fmt: skip
    send(core, [span("small", start=NOON)], project=project)
    assert roll_up() == 4
    found = core.sql("SELECT name, observations FROM traces ORDER BY observations, name")
    assert [tuple(one) for one in found] == [
        ("small", 1), ("other", 6_001), ("large", 15_001), ("huge", rolling_up.OBSERVATIONS_AT_ONCE + 101)
    ]  # fmt: skip


def test_too_many_names_are_counted_together_and_very_many_observations_read_in_pages(
    core: Core, project: UUID
) -> None:
    root = span("root", start=NOON, ms=9000)
    send(core, [root, *(span(f"GET /{n}", parent=root, start=n / 1000) for n in range(5_200))], project=project)
    roll_up()
    joined = "FROM trace_metrics m JOIN trace_series s ON s.id = m.series WHERE m.hours = 24 AND s.of = 'observations'"
    counted = f"SELECT s.name = '(other)' AS other, s.service, count(*)::int AS rows, sum(m.count)::int AS n {joined}"
    found = {(one.other, one.service): (one.rows, one.n) for one in core.sql(f"{counted} GROUP BY 1, 2")}
    assert metric_rows.MOST_NAMES - 1 <= found[False, "test"][0] <= metric_rows.MOST_NAMES
    assert found[True, "test"] == (1, 1_000) and found[True, "(other)"][0] == 1
    assert sum(n for _, n in found.values()) == 5_201
    # What went to others is taken back from there.
    send(core, [call(root, start=2)], project=project)
    roll_up()
    assert (the_trace(core, project).observations, the_trace(core, project).input_tokens) == (5_202, 100)
    assert sum(one.n for one in core.sql(f"{counted} GROUP BY 1, 2")) == 5_202
