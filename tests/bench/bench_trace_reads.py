"""Reading traces at ten million spans (1.25 million traces of 30 days): lists with filters, a trace's tree, sessions,
metrics over time; each as a client sees it over HTTP, and the goal for each is 300 ms at the 95th percentile.

The rows are made in SQL (tests/bench/trace_rows.py); that the metrics among them are what the product would count is
checked on a part. It takes some minutes and gigabytes.

    python -m tests.bench.bench_trace_reads
"""

import asyncio
import random
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import ids
from infra.clock import now
from models import Trace
from tests.bench.bench_search import Place, place
from tests.bench.field import Field, run
from tests.bench.report import Table, size
from tests.bench.trace_rows import OF_A_TRACE, WORDS, fill
from workers.traces import counted_metrics, forgetting, kept_metrics
from workers.traces.asking import Answer, Question

Json = dict[str, Any]

SPANS = 10_000_000
DAYS = 30
CALLS = 40
GOAL = "p95 ≤ 300 ms"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


class Reads:
    """What is asked, each time with other values."""

    def __init__(self, here: Place, today: datetime) -> None:
        self.here, self.chance = here, random.Random(7)
        self.midnight = today.replace(hour=0, minute=0, second=0, microsecond=0)
        with here.engine.connect() as connection:
            found = connection.execute(text("SELECT id, session_id FROM traces TABLESAMPLE SYSTEM (0.1) LIMIT 500"))
            self.traces = found.all()

    def lists(self) -> Iterator[tuple[str, Callable[[], Json]]]:
        """Queries of `GET /v1/traces`."""
        chance = self.chance
        yield "newest", dict
        yield "of a time", lambda: {"started_before": self.moment()}
        yield "of a feature", lambda: {"feature_id": self.feature()}
        yield "of a feature, failed", lambda: {"feature_id": self.feature(), "status": "error"}
        yield "by model and environment", lambda: {"model": "house-7b", "environment": "staging"}
        yield "of a user", lambda: {"user_id": f"u{chance.randrange(20_000)}"}
        yield "of a release and service", lambda: {"release": f"v{chance.randrange(9)}", "service": "service-2"}
        yield "slow ones", lambda: {"min_duration_ms": str(chance.choice((500, 5000, 8000)))}
        yield "dear ones", lambda: {"min_cost_usd": chance.choice(("0.001", "0.017", "0.5"))}
        yield "a frequent word", lambda: {"q": chance.choice(WORDS)}
        yield "a rare word", lambda: {"q": f"{chance.choice(WORDS)} {chance.randrange(40_000)}"}
        yield "no such word", lambda: {"q": "nowhere"}

    def sessions(self) -> Iterator[tuple[str, Callable[[], Json]]]:
        """Queries of `GET /v1/trace_sessions`."""
        yield "newest", dict
        yield "with errors", lambda: {"has_errors": "true"}
        yield "of a user", lambda: {"user_id": f"u{self.chance.randrange(20_000)}"}

    def one_session(self) -> Json:
        """The query of one."""
        return {"session_id": self.chance.choice(self.traces).session_id}

    def metrics(self) -> Iterator[tuple[str, Callable[[], Json]]]:
        """Queries of `GET /v1/trace_metrics`."""
        month, week, day = (lambda: self.last(30)), (lambda: self.last(7)), (lambda: self.last(1))
        yield "30 days by day", lambda: {**month(), "interval": "day"}
        yield "30 days by day, each feature", lambda: {**month(), "interval": "day", "group_by": "feature_id"}
        yield (
            "30 days, each model and environment",
            lambda: {**month(), "interval": "all", "group_by": "model,environment"},
        )
        yield "30 days by day, a feature", lambda: {**month(), "interval": "day", "feature_id": self.feature()}
        yield "7 days by hour", lambda: {**week(), "interval": "hour"}
        yield "7 days by hour, each name", lambda: {**week(), "interval": "hour", "group_by": "name"}
        yield "a day by hour, each model", lambda: {**day(), "interval": "hour", "group_by": "model"}
        yield "30 days by hour", lambda: {**month(), "interval": "hour"}
        yield (
            "observations, 30 days by day, kind and model",
            lambda: {**month(), "of": "observations", "interval": "day", "group_by": "kind,model"},
        )
        yield (
            "observations, 7 days by hour, kind",
            lambda: {**week(), "of": "observations", "interval": "hour", "group_by": "kind"},
        )
        yield "observations, 30 days by hour", lambda: {**month(), "of": "observations", "interval": "hour"}
        yield "counted: a day, each user", lambda: {**day(), "interval": "all", "group_by": "user_id"}
        yield "counted: a day by hour, each tag", lambda: {**day(), "interval": "hour", "group_by": "tag"}
        yield "counted: an hour by minute", lambda: {**self.last(1, HOUR), "interval": "minute"}
        yield (
            "counted: observations of 3 hours by an attribute",
            lambda: {**self.last(3, HOUR), "of": "observations", "group_by": "attributes.gen_ai.request.temperature"},
        )

    def last(self, count: int, unit: timedelta = DAY) -> Json:
        end = self.midnight - (timedelta(0) if unit == DAY else HOUR * self.chance.randrange(100))
        return {"from": (end - count * unit).isoformat(), "to": end.isoformat()}

    def moment(self) -> str:
        return (self.midnight - DAY * DAYS * self.chance.random()).isoformat()

    def feature(self) -> str:
        return f"feat_00000000000070008000{self.chance.randrange(1, 21):012x}"

    def trace(self) -> str:
        return ids.show(Trace.prefix, self.chance.choice(self.traces).id)

    def timed(self, table: Table, what: str, path: Callable[[], str], query: Callable[[], Json] = dict) -> None:
        took = []
        for _ in range(size(CALLS)):
            where, asked = path(), query()
            began = time.perf_counter()
            answer = self.here.client.http.get(where, params=asked)
            took.append((time.perf_counter() - began) * 1000)
            assert answer.status_code == 200, (where, asked, answer.text)
        median, p95 = np.percentile(took, [50, 95])
        print(f"{what}: {median:.1f} / {p95:.1f} ms", file=sys.stderr)
        table.add(what, f"p50 {median:.1f} ms, p95 {p95:.1f} ms", goal=GOAL)


def checked(here: Place, day: datetime) -> None:
    """The metrics that were made are those that are counted from traces and observations, of two hours. The latter are
    counted by when their traces began, so a few are missing at the beginning."""
    for of, by in (("traces", ["model", "status"]), ("observations", ["kind"])):
        question = Question(here.project, of, day, day + HOUR * 2, "hour", by, {}, 50, False)
        with Session(here.engine) as session:
            kept, counted = (_told(one.answer(session, question)) for one in (kept_metrics, counted_metrics))
        assert kept.keys() == counted.keys()
        off = [abs(kept[one] - counted[one]) / max(counted[one], 1) for one in kept]
        assert max(off) <= (0 if of == "traces" else 0.005), (of, max(off))


def _told(answer: Answer) -> dict[Any, float]:
    names = ("count", "errors", "input_tokens", "output_tokens", "cost", "unpriced")
    return {
        (*group.key, point.at, name): float(getattr(point, name))
        for group in answer.groups
        for point in group.points
        for name in names
    }


def _all(table: Table) -> None:
    today, a_day = now(), size(SPANS) // OF_A_TRACE // DAYS
    with place() as here:
        forgetting.keep_days()
        began = time.monotonic()
        for count in fill(here.engine, here.project, today, DAYS, a_day):
            print(f"{count:,} traces, {time.monotonic() - began:.0f} s", file=sys.stderr)
        reads = Reads(here, today)
        checked(here, reads.midnight - DAY)
        for what, query in reads.lists():
            reads.timed(table, f"traces: {what}", lambda: "/v1/traces", query)
        reads.timed(table, "a trace with its tree", lambda: f"/v1/traces/{reads.trace()}")
        for what, query in reads.sessions():
            reads.timed(table, f"sessions: {what}", lambda: "/v1/trace_sessions", query)
        reads.timed(table, "a session with its traces", lambda: "/v1/trace_sessions/view", reads.one_session)
        for what, query in reads.metrics():
            reads.timed(table, f"metrics: {what}", lambda: "/v1/trace_metrics", query)


async def measure(_field: Field) -> Table:
    """All of it."""
    table = Table(f"Reading traces, {size(SPANS):,} spans")
    await asyncio.to_thread(_all, table)
    return table


if __name__ == "__main__":
    run(measure)
