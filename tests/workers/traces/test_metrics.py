"""Metrics over time: from the rows that are kept, and counted anew; both say the same."""

import math
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from infra.errors import InvalidParameter, TimeTooLong
from schemas.trace_metrics import TraceMetricsQuery
from tests.workers.jobs.conftest import Core
from tests.workers.traces.products import NOON, call, products
from tests.workers.traces.sending import send, span
from workers.traces import counted_metrics, kept_metrics, metrics
from workers.traces.adding_up import add_up
from workers.traces.durations import bucket_of, packed, percentiles, unpacked
from workers.traces.rolling_up import roll_up
from workers.traces.store import store

Json = dict[str, Any]

DAY = NOON.replace(hour=0)
KEPT = ["feature_id", "model", "name", "status", "service", "release", "environment"]


@pytest.fixture
def filled(core: Core, project: UUID) -> Iterator[UUID]:
    """A project with 60 traces of one afternoon, some of them a feature's."""
    send(core, products(4, 60), project=project)
    core.sql("UPDATE traces SET feature_id = :f WHERE mod(get_byte(uuid_send(id), 0), 2) = 0", f=UUID(int=7))
    roll_up()
    yield project


def asked(**query: str) -> Json:
    """What a client asks, loaded."""
    times = {"from": DAY.isoformat(), "to": (DAY + timedelta(days=1)).isoformat()}
    found: Json = TraceMetricsQuery().load({**times, **{name.strip("_"): one for name, one in query.items()}})
    return found


def ask(core: Core, project: UUID, **query: str) -> Json:
    """The answer."""
    found: Json = core.do(metrics.report, project, asked(**query))
    return found


def both(core: Core, project: UUID, **query: str) -> tuple[Any, Any]:
    """The two answers to one question."""
    question = core.do(metrics._question, project, asked(**query))
    return core.do(kept_metrics.answer, question), core.do(counted_metrics.answer, question)


def close(one: float | None, other: float | None) -> bool:
    return one == other or (one is not None and other is not None and abs(one - other) <= 0.0201 * other + 0.001)


@pytest.mark.parametrize("by", ["", "status", "model", "name,status", "feature_id,service"])
@pytest.mark.parametrize("of", ["traces", "observations"])
def test_what_is_kept_is_what_is_counted(core: Core, filled: UUID, of: str, by: str) -> None:
    for interval in ("hour", "day", "week", "month", "all"):
        kept, counted = both(core, filled, of=of, interval=interval, **({"group_by": by} if by else {}))
        assert [group.key for group in kept.groups] == [group.key for group in counted.groups]
        for one, other in zip(kept.groups, counted.groups, strict=True):
            assert [point.at for point in one.points] == [point.at for point in other.points]
            for mine, its in zip([one.totals, *one.points], [other.totals, *other.points], strict=True):
                for name in ("count", "errors", "input_tokens", "output_tokens", "cost", "unpriced"):
                    assert getattr(mine, name) == getattr(its, name), name
                assert bool(mine.priced) == bool(its.priced)
                assert all(map(close, mine.milliseconds, its.milliseconds)), (mine, its)


def test_observations_that_are_kept_are_those_that_are_counted(core: Core, filled: UUID) -> None:
    kept, counted = both(core, filled, of="observations", group_by="kind,operation,provider", kind="generation")
    assert (
        [(one.key, one.totals.count) for one in kept.groups]
        == [(one.key, one.totals.count) for one in counted.groups]
        == [(["generation", "chat", "openai"], kept.groups[0].totals.count)]
    )


@pytest.mark.parametrize(
    "only", [{"name": "POST /1"}, {"model": "gpt-4o"}, {"service": "a", "status": "error"}, {"release": "none"}]
)
def test_what_is_kept_is_what_is_counted_of_a_part(core: Core, filled: UUID, only: dict[str, str]) -> None:
    kept, counted = both(core, filled, interval="hour", **only)
    assert [one.count for one in kept.groups[0].points] == [one.count for one in counted.groups[0].points]
    assert kept.groups[0].totals.cost == counted.groups[0].totals.cost


def test_figures_are_those_of_the_traces(core: Core, filled: UUID) -> None:
    traces = core.sql("SELECT * FROM traces")
    (group,) = ask(core, filled, interval="hour")["data"]
    totals = group["totals"]
    assert group["group"] == {}
    assert totals["count"] == 60 == sum(one["count"] for one in group["points"])
    assert totals["errors"] == sum(one.status == "error" for one in traces)
    assert totals["error_rate"] == round(totals["errors"] / 60, 6)
    assert Decimal(totals["cost_usd"]) == sum((one.cost or Decimal(0) for one in traces), Decimal(0))
    assert totals["unpriced"] == sum(one.unpriced for one in traces)
    durations = sorted(one.duration_ms for one in traces)
    for name, share in (("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99)):
        assert close(totals[name], durations[math.ceil(share * 60) - 1])
    assert [one["at"][:13] for one in group["points"]] == ["2026-11-20T12", "2026-11-20T13", "2026-11-20T14"]


def test_usage_that_agents_repeat_counts_once_by_whatever_it_is_grouped(core: Core, project: UUID) -> None:
    root = span("root", start=NOON)
    agent = span("agent", parent=root, gen_ai__operation__name="invoke_agent", gen_ai__usage__input_tokens=100)
    send(core, [root, agent, call(agent, attributes={"tier": "gold"})], project=project)
    roll_up()
    for by in ("kind", "attributes.tier"):
        found = ask(core, project, of="observations", group_by=by, measure="count,input_tokens")["data"]
        assert sum(one["totals"]["input_tokens"] for one in found) == 100
        assert sum(one["totals"]["count"] for one in found) == 3


def test_a_group_without_a_price_costs_null(core: Core, project: UUID) -> None:
    send(core, [call(start=NOON, model="nobody-knows-1"), call(start=NOON)], project=project)
    roll_up()
    found = ask(core, project, group_by="model", measure="cost_usd,unpriced")["data"]
    costs = {one["group"]["model"]: one["totals"] for one in found}
    assert costs["nobody-knows-1"] == {"cost_usd": None, "unpriced": 1}
    assert costs["gpt-4o"] == {"cost_usd": "0.00035", "unpriced": 0}


@pytest.mark.parametrize("by", ["user_id", "session_id", "tag", "user_id,tag"])
def test_users_sessions_and_tags_are_counted_too(core: Core, filled: UUID, by: str) -> None:
    found = ask(core, filled, group_by=by, interval="all")["data"]
    counts = [one["totals"]["count"] for one in found]
    assert counts == sorted(counts, reverse=True)
    of_each = "greatest(1, cardinality(tags))" if "tag" in by else "1"
    assert sum(counts) == core.sql(f"SELECT sum({of_each}) AS n FROM traces")[0].n
    assert set(found[0]["group"]) == set(by.split(","))
    if by == "tag":
        assert {one["group"]["tag"] for one in found} - {None} == {"a", "t0", "t1"}


def test_observations_are_counted_by_an_attribute_of_theirs(core: Core, filled: UUID) -> None:
    found = ask(core, filled, of="observations", group_by="attributes.tier", name="lookup", interval="all")["data"]
    expected = core.sql("SELECT count(*)::int AS n FROM observations WHERE name = 'lookup'")[0].n
    assert {one["group"]["attributes.tier"] for one in found} == {"x", "y", "z"}
    assert sum(one["totals"]["count"] for one in found) == expected


def test_groups_beyond_the_limit_are_left_out_and_said_to_be_there(core: Core, filled: UUID) -> None:
    whole = ask(core, filled, of="observations", group_by="name,model", interval="hour")
    part = ask(core, filled, of="observations", group_by="name,model", interval="hour", limit="2")
    assert part["data"] == whole["data"][:2] and part["has_more"] and not whole["has_more"]


def test_times_are_widened_to_whole_intervals(core: Core, filled: UUID) -> None:
    times = {"from_": (NOON + timedelta(minutes=59)).isoformat(), "to": (NOON + timedelta(minutes=61)).isoformat()}
    found = ask(core, filled, interval="hour", **times)
    assert (found["begin"], found["end"]) == (NOON, NOON + timedelta(hours=2))
    assert len(found["data"][0]["points"]) == 2
    for interval, begin, end in (("day", DAY, 1), ("week", DAY - timedelta(days=4), 7)):
        found = ask(core, filled, interval=interval, **times)
        assert (found["begin"], found["end"]) == (begin, begin + timedelta(days=end))
        assert found["data"][0]["totals"]["count"] == 60
    found = ask(core, filled, interval="month", **times)
    assert (found["begin"], found["end"]) == (DAY.replace(day=1), DAY.replace(month=12, day=1))


def test_minutes_are_counted(core: Core, filled: UUID) -> None:
    (group,) = ask(core, filled, interval="minute", from_=NOON.isoformat(), to=(NOON + timedelta(hours=3)).isoformat())[
        "data"
    ]
    assert group["totals"]["count"] == 60 and len(group["points"]) > 20
    assert {datetime.fromisoformat(one["at"]).second for one in group["points"]} == {0}


def test_an_empty_time_has_nothing_and_is_no_error(core: Core, project: UUID) -> None:
    for query in ({}, {"group_by": "model"}, {"group_by": "user_id"}, {"interval": "minute"}):
        found = ask(core, project, from_=NOON.isoformat(), to=(NOON + timedelta(hours=1)).isoformat(), **query)
        assert all(one["totals"]["count"] == 0 and not one["points"] for one in found["data"])


def test_a_time_with_too_much_is_refused_at_once(core: Core, filled: UUID) -> None:
    with pytest.raises(TimeTooLong):
        ask(core, filled, interval="minute", from_=(NOON - timedelta(days=30)).isoformat())
    # As if there were as many as that.
    core.sql("UPDATE trace_metrics SET count = count * 100000")
    for query in ({"group_by": "user_id"}, {"group_by": "attributes.tier", "of": "observations"}):
        with pytest.raises(TimeTooLong) as refused:
            ask(core, filled, **query)
        assert refused.value.errors == [{"pointer": "/from", "detail": "Lies too far back."}]


@pytest.mark.parametrize(
    "query, pointer",
    [
        ({"group_by": "kind"}, "/group_by"),
        ({"group_by": "attributes.x"}, "/group_by"),
        ({"provider": "x"}, "/provider"),
        ({"from_": "2030-01-01T00:00:00Z"}, "/from"),
        ({"to": "9999-12-31T23:59:59Z", "from_": "9999-12-31T00:00:00Z"}, "/to"),
    ],
)
def test_what_cannot_be_asked_is_said_where(core: Core, project: UUID, query: dict[str, str], pointer: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        ask(core, project, **query)
    assert [one["pointer"] for one in refused.value.errors] == [pointer]


def test_a_histogram_is_at_most_two_percent_off_and_adds_up() -> None:
    values = [n * n * 37 + 1 for n in range(1, 2000)]
    halves = [packed(Counter(map(bucket_of, values[start::2]))) for start in (0, 1)]
    assert unpacked(packed({5: 5_000_000, 7: 3})) == {5: 5_000_000, 7: 3}
    for one in (1, 2, 999, 10**6, 10**12, 2**63 - 1):
        ((found,),) = percentiles([packed({bucket_of(one): 1})], [0.5])
        assert abs(found * 1000 - one) <= 0.0201 * one
    ((nothing,),) = percentiles([packed({bucket_of(0): 1})], [0.5])
    assert nothing == 0
    both_halves = percentiles([halves[0] + halves[1], b""], [0.5, 0.99])
    assert close(both_halves[0][1], sorted(values)[1978] / 1000) and math.isnan(both_halves[1][0])


def test_the_store_gives_what_is_added_up(core: Core, filled: UUID) -> None:
    """The trace's columns against the rule itself, by hand."""
    for row in core.sql("SELECT * FROM traces LIMIT 20"):
        (members,) = core.do(store().outlines_of, filled, [str(row.id)], at_most=1000).traces.values()
        found = add_up(members)
        above = {one.span_id: one for one in found.ordered}
        using = [one for one in found.ordered if one.input_tokens or one.output_tokens]
        leaves = [one for one in using if not any(_is_above(one, other, above) for other in using)]
        assert row.input_tokens == sum(one.input_tokens or 0 for one in leaves)
        assert (row.cost or 0) == sum((one.cost or Decimal(0) for one in leaves), Decimal(0))


def _is_above(one: Any, other: Any, above: dict[int, Any]) -> bool:
    at = above.get(other.parent_id)
    while at is not None:
        if at is one:
            return True
        at = above.get(at.parent_id)
    return False
