"""All features in figures, as the metrics have them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from infra.errors import InvalidParameter
from tests.workers.features import rows
from tests.workers.jobs.conftest import Core
from tests.workers.traces.sending import send, span
from workers.features import manage, merging, overview
from workers.features.overview import _times
from workers.traces.rolling_up import roll_up

Json = dict[str, Any]
pytestmark = pytest.mark.usefixtures("nothing_to_do")
ME = UUID(int=7)
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
NOW = datetime.now(UTC) - timedelta(minutes=1)


def traffic(core: Core, project: UUID, feature: UUID | None, count: int, *, failed: int = 0, ago: timedelta) -> None:
    """Traces of a feature, of 100 ms each."""
    roots = [span("work", start=NOW - ago, ms=100, status=2 if at < failed else 0) for at in range(count)]
    send(core, roots, project=project)
    found = [UUID(bytes=one.trace_id) for one in roots]
    core.sql("UPDATE traces SET feature_id = :feature WHERE id = ANY(:ids)", feature=feature, ids=found)


def show(core: Core, project: UUID, **wanted: Any) -> Json:
    roll_up()
    found: Json = core.do(overview.overview, project, {"limit": 100, **wanted})
    return found


def by_name(found: Json) -> dict[str, Json]:
    return {one["name"]: one for one in found["features"]}


def test_an_overview_has_traffic_errors_latency_and_trend_by_feature(core: Core) -> None:
    project = core.project()
    busy, calm = core.do(rows.feature, project, "busy"), core.do(rows.feature, project, "calm")
    out = core.do(rows.feature, project, "out", state="dismissed")
    traffic(core, project, busy, 6, failed=3, ago=timedelta(hours=1))
    traffic(core, project, busy, 4, ago=timedelta(days=8))
    for other in (out, None):
        traffic(core, project, other, 1, ago=timedelta(hours=2))
    core.do(rows.drift, project, busy)
    found = show(core, project)
    assert (found["traces"], found["at_risk"], found["has_more"]) == (8, 1, False)
    assert found["unassigned"] == {"traces": 2, "share": 0.25}
    shown = by_name(found)
    assert [*shown] == ["busy", "calm"] and shown["calm"]["feature_id"] == calm
    first = shown["busy"]
    assert (first["traces"], first["share"], first["error_share"], first["trend"]) == (6, 0.75, 0.5, 0.5)
    assert 98 <= first["p50_ms"] <= first["p95_ms"] <= 102 and first["open_drifts"] == 1
    nothing = (0, 0.0, None, None, None)
    assert tuple(shown["calm"][name] for name in ("traces", "share", "error_share", "trend", "p95_ms")) == nothing
    only = show(core, project, limit=1)
    assert [one["name"] for one in only["features"]] == ["busy"] and only["has_more"]


def test_traces_of_a_merged_feature_are_the_others_at_once_and_after_the_roll_up(core: Core) -> None:
    project = core.project()
    one, into = core.do(rows.feature, project, "one"), core.do(rows.feature, project, "into")
    traffic(core, project, one, 2, ago=timedelta(hours=1))
    assert by_name(show(core, project))["one"]["traces"] == 2
    core.do(merging.merge, project, one, into, by=ME)
    at_once = core.do(overview.overview, project, {"limit": 100})
    assert by_name(at_once)["into"]["traces"] == by_name(show(core, project))["into"]["traces"] == 2
    series = "SELECT s.feature_id FROM trace_metrics m JOIN trace_series s ON s.id = m.series AND m.count > 0"
    assert {row.feature_id for row in core.sql(f"{series} WHERE m.project_id = :p AND s.of = 'traces'", p=project)} == {
        into
    }
    core.do(manage.remove, project, into, by=ME)
    assert show(core, project)["unassigned"] == {"traces": 2, "share": 1.0}


def test_tests_are_counted_by_how_they_ended_last(core: Core) -> None:
    project = core.project()
    feature = core.do(rows.feature, project, "tested")
    good, bad, new = (core.do(rows.case, project, feature) for _ in range(3))
    for verdicts in ({good: "failed", bad: "passed"}, {good: "passed", bad: "flaky"}):
        core.do(rows.write_results, project, verdicts)
    tests = by_name(show(core, project))["tested"]["tests"]
    assert new and tests.pop("last_run_at") is not None
    assert tests == {"approved": 3, "drafts": 0, "passed": 1, "failed": 1, "never_run": 1}


def test_times_are_widened_to_hours_and_long_ones_to_days() -> None:
    since, until = datetime(2026, 3, 1, 10, 20, tzinfo=UTC), datetime(2026, 3, 2, 11, tzinfo=UTC)
    assert _times({"since": since, "until": until}) == (since.replace(minute=0), until, 1)
    since = datetime(2026, 1, 1, 10, 20, tzinfo=UTC)
    begin, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)
    assert _times({"since": since, "until": until}) == (begin, end, 24)
    for wrong in (until, until - timedelta(days=500)):
        with pytest.raises(InvalidParameter) as refused:
            _times({"since": wrong, "until": until})
        assert refused.value.errors[0]["pointer"] == "/since"


@pytest.mark.parametrize(
    "wanted",
    [
        {"until": FIRST},
        {"until": FIRST + timedelta(days=1)},
        {"until": LAST},
        {"since": LAST - timedelta(hours=1), "until": LAST},
        {"since": FIRST, "until": FIRST + timedelta(hours=1)},
    ],
)
def test_times_at_the_ends_of_time_are_refused(wanted: Json) -> None:
    with pytest.raises(InvalidParameter) as refused:
        _times(wanted)
    assert refused.value.errors == [{"pointer": "/until", "detail": "Lies too far off."}]
