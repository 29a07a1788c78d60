"""What every store promises, of PostgreSQL and of ClickHouse alike.

ClickHouse is its real engine behind a door of the tests' own (tests/fakes/clickhouse.py says what that leaves out).
"""

import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

import pytest

from infra import db
from infra.clock import now
from infra.settings import settings
from models import Trace
from tests.fakes.clickhouse import running
from tests.workers.jobs.conftest import Core
from tests.workers.traces.sending import event, span
from workers.traces.base import Outline, Place, Sought, Span, Stored, TraceStore
from workers.traces.mapping.deriving import derive
from workers.traces.rolling_up import roll_up
from workers.traces.store.clickhouse import ClickHouseStore
from workers.traces.store.clickhouse_tables import _client, command
from workers.traces.store.postgres import PostgresStore

WITH_ENGINE = pytest.mark.skipif(
    importlib.util.find_spec("chdb") is None, reason="chdb, ClickHouse's engine, is not installed"
)
EVERYTHING = 1000


@pytest.fixture(scope="module")
def clickhouse() -> Iterator[str]:
    """The URL of a ClickHouse."""
    with running() as url:
        yield url


@pytest.fixture(params=["postgres", pytest.param("clickhouse", marks=WITH_ENGINE)])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[TraceStore]:
    """A store without observations."""
    if request.param == "postgres":
        yield PostgresStore()
        return
    monkeypatch.setenv("CLICKHOUSE_URL", request.getfixturevalue("clickhouse"))
    monkeypatch.setenv("TRACE_STORE", "clickhouse")
    settings.cache_clear()
    _client._made = None
    command("TRUNCATE TABLE observations")
    yield ClickHouseStore()
    settings.cache_clear()
    _client._made = None


@pytest.fixture
def project(core: Core) -> UUID:
    core.sql("TRUNCATE traces, observations, trace_resources")
    return core.project()


def write(core: Core, store: TraceStore, project: UUID, *spans: Span) -> int:
    added: int = core.do(store.write, project, [(one, derive(one)) for one in spans])
    return added


def of_trace(core: Core, store: TraceStore, project: UUID, of: Span) -> list[Stored]:
    trace = UUID(bytes=of.trace_id)
    found: list[Stored] = core.do(store.of_traces, project, [trace]).get(trace, [])
    return found


def find(core: Core, store: TraceStore, project: UUID, sought: Sought | None = None, **more: Any) -> list[Stored]:
    """All pages of what is sought."""
    rows: list[Stored] = []
    after: Place | None = None
    for _ in range(EVERYTHING):
        page = core.do(store.find, project, sought or Sought(), **{"limit": 3, "after": after, **more})
        rows += page.rows
        after = page.next
        if after is None:
            return rows
    raise AssertionError("a search without end")


def revision(core: Core, of: Span) -> int:
    return int(core.sql("SELECT revision FROM traces WHERE id = CAST(:id AS uuid)", id=of.trace_id.hex())[0][0])


def test_what_is_written_comes_back_as_it_was(core: Core, project: UUID, store: TraceStore) -> None:
    root = span(
        "POST /chat", ms=900, resource={"service.name": "shop", "telemetry.sdk.name": "x"}, status=2, message="no"
    )
    said = {"text": 'a\tb\n"c" \\ ü \u2028', "list": [1, 2.5, True, None], "gen_ai.request.model": "gpt-4o-mini"}
    used = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.usage.input_tokens": 1000}
    happened = [event("gen_ai.choice", at=root.start, index=0)]
    call = span("chat", {**said, **used}, parent=root, events=happened, links=[])
    assert write(core, store, project, call, root) == 2
    first, second = of_trace(core, store, project, root)
    assert (first.name, first.parent_id, first.status, first.status_message) == ("POST /chat", None, "error", "no")
    assert first.resource == root.resource and first.duration_us == 900_000
    assert (second.parent_id, second.kind, second.model) == (first.span_id, "generation", "gpt-4o-mini")
    assert second.attributes == call.attributes and second.events == happened and second.links == []
    assert second.input_tokens == 1000 and second.cost == derive(call).cost and second.cost is not None
    assert second.started_at - first.started_at == timedelta(milliseconds=10)


def test_outlines_say_the_same_of_as_many_traces_as_fit(core: Core, project: UUID, store: TraceStore) -> None:
    used = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini", "gen_ai.usage.input_tokens": 1000}
    roots = [span(f"root {number}", session__id="s") for number in range(3)]
    write(core, store, project, *roots, *(span("chat", used, parent=root) for root in roots))
    ids = [str(UUID(bytes=root.trace_id)) for root in roots]
    whole = core.do(store.outlines_of, project, ids, at_most=6)
    assert whole.complete and whole.traces.keys() == {*ids}
    for root in roots:
        told = sorted(whole.traces[str(UUID(bytes=root.trace_id))])
        kept = of_trace(core, store, project, root)
        assert [tuple(one)[:-1] for one in told] == [
            tuple(getattr(one, name) for name in Outline._fields[:-1]) for one in kept
        ]
    some = core.do(store.outlines_of, project, ids, at_most=5)
    assert not some.complete and [len(one) for one in some.traces.values()] == [2, 2]
    none = core.do(store.outlines_of, project, ids, at_most=1)
    assert not none.complete and not none.traces


def test_the_same_again_adds_nothing_and_a_colliding_id_is_another(
    core: Core, project: UUID, store: TraceStore
) -> None:
    one = span("one", answer=1)
    other = span("other", trace=one.trace_id.hex(), id=one.span_id.hex(), answer=2)
    assert [write(core, store, project, one), write(core, store, project, one, one)] == [1, 0]
    assert revision(core, one) == 1
    assert write(core, store, project, other, one) == 1
    assert revision(core, one) == 2
    assert {row.name for row in of_trace(core, store, project, one)} == {"one", "other"}
    assert len(find(core, store, project)) == 2


def test_another_project_sees_nothing_of_a_trace_with_the_same_id(core: Core, project: UUID, store: TraceStore) -> None:
    one, stranger = span("mine"), core.project()
    write(core, store, project, one)
    assert of_trace(core, store, stranger, one) == [] and find(core, store, stranger) == []
    assert write(core, store, stranger, one) == 1
    assert core.do(store.delete, stranger, [UUID(bytes=one.trace_id)]) == 1
    assert len(of_trace(core, store, project, one)) == 1


def test_any_order_and_repetition_ends_in_the_same_rows(core: Core, project: UUID, store: TraceStore) -> None:
    random = Random(7)
    root = span("root")
    spans = [root, *(span(f"step {n}", parent=root, start=n, number=n) for n in range(30))]
    for _ in range(12):
        write(core, store, project, *random.sample(spans, random.randint(1, len(spans))))
    write(core, store, project, *spans)
    found = of_trace(core, store, project, root)
    assert sorted(row.attributes.get("number", -1) for row in found) == [-1, *range(30)]
    assert [row.started_at for row in found] == sorted(row.started_at for row in found)


def test_pages_lead_through_all_that_is_sought_in_both_directions(core: Core, project: UUID, store: TraceStore) -> None:
    moment = now() - timedelta(days=3)
    spans = [
        span("even" if n % 2 == 0 else "odd", start=moment + timedelta(hours=3 * (n // 3)), ms=n + 1, n=n)
        for n in range(20)
    ]
    write(core, store, project, *spans)
    newest = find(core, store, project)
    assert [row.started_at for row in newest] == sorted((row.started_at for row in newest), reverse=True)
    assert len({(row.trace_id, row.span_id) for row in newest}) == 20
    assert find(core, store, project, newest_first=False) == newest[::-1]
    assert {row.name for row in find(core, store, project, Sought(columns={"name": "odd"}))} == {"odd"}
    long = find(core, store, project, Sought(shortest=15_000, longest=17_000), bodies=True)
    assert sorted(row.duration_us for row in long) == [15_000, 16_000, 17_000]
    late = moment + timedelta(hours=6)
    assert len(find(core, store, project, Sought(started_after=late, started_before=late + timedelta(hours=3)))) == 3
    mine = Sought(trace_ids=[UUID(bytes=spans[4].trace_id)])
    (only,) = find(core, store, project, mine)
    place = Place(only.started_at, only.trace_id, only.span_id, only.digest)
    (nothing, body) = core.do(store.bodies_of, project, [replace(place, digest=place.digest ^ 1), place])
    assert nothing is None and (body.name, body.kind, body.attributes, body.events) == ("even", "span", {"n": 4}, [])


@pytest.mark.parametrize("year", [1970, 2070])
def test_a_clock_far_off_is_believed(core: Core, project: UUID, store: TraceStore, year: int) -> None:
    odd = span("odd", start=datetime(year, 1, 2, 3, 4, 5, 678, tzinfo=now().tzinfo))
    write(core, store, project, odd, span("now"))
    (row,) = of_trace(core, store, project, odd)
    assert (row.started_at.year, row.started_at.microsecond) == (year, 678)
    assert len(find(core, store, project)) == 2


def test_what_is_deleted_is_gone_and_can_come_again(core: Core, project: UUID, store: TraceStore) -> None:
    one, other = span("one"), span("other")
    write(core, store, project, one, other)
    assert core.do(store.delete, project, [UUID(bytes=one.trace_id)]) == 1
    assert of_trace(core, store, project, one) == [] and len(find(core, store, project)) == 1
    assert write(core, store, project, one) == 1


def test_days_that_are_over_are_dropped(core: Core, project: UUID, store: TraceStore) -> None:
    one = span("one")
    write(core, store, project, one)
    core.do(store.make_days, 30, now())
    assert len(of_trace(core, store, project, one)) == 1
    core.do(store.drop_days, 30, now() + timedelta(days=40))
    assert of_trace(core, store, project, one) == []


def test_a_trace_is_added_up_and_shown_from_either(core: Core, project: UUID, store: TraceStore) -> None:
    root = span("POST /chat", ms=900, session__id="s")
    used = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini"}
    write(core, store, project, root, span("chat", used, parent=root, gen_ai__usage__input_tokens=1000))
    assert roll_up() == 1
    with db.transaction() as session:
        (trace,) = session.scalars(Trace.in_project(project))
        assert (trace.name, trace.session_id, trace.observations, trace.input_tokens) == ("POST /chat", "s", 2, 1000)
        assert trace.cost == Decimal("0.00015")


@WITH_ENGINE
def test_what_clickhouse_had_and_postgresql_had_not_marks_its_trace_when_it_comes_again(
    core: Core, project: UUID, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLICKHOUSE_URL", request.getfixturevalue("clickhouse"))
    settings.cache_clear()
    _client._made = None
    store, known, lost = ClickHouseStore(), span("known"), span("lost")
    write(core, store, project, known)
    late = span("late", parent=known)

    def and_fails(session: Any) -> None:
        store.write(session, project, [(one, derive(one)) for one in (late, lost)])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        core.do(and_fails)
    assert write(core, store, project, late, lost) == 0
    assert (revision(core, known), revision(core, lost)) == (2, 1)
    settings.cache_clear()
    _client._made = None


def test_a_page_with_bodies_is_bounded_however_well_they_compress(core: Core, project: UUID, store: TraceStore) -> None:
    root = span("root")
    write(core, store, project, root, *(span(parent=root, text="y" * 1_900_000) for _ in range(11)))
    sought = Sought(trace_ids=[UUID(bytes=root.trace_id)])
    first = core.do(store.find, project, sought, limit=100, newest_first=False, bodies=True)
    assert 1 < len(first.rows) < 8 and first.next is not None
    assert len(find(core, store, project, sought, bodies=True)) == 12
