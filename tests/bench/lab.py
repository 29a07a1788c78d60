"""A project whose traces are simulated: sent as an exporter sends them, analysed by jobs, looked at in the database."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any
from uuid import UUID

import psycopg2
import psycopg2.extras

from infra import ids
from infra.dev.system import System
from tests.bench.otlp import requests
from tests.bench.products import Labelled
from tests.bench.tester import Tester, system

Json = dict[str, Any]

# The bench says itself when it is time to analyse.
SETTINGS = {"FEATURE_QUIET_SECONDS": "864000", "SPANS_PER_MINUTE": "100000000"}
DAY = timedelta(days=1)
# Projects that are made at the same moment would have the same owner made twice.
ONE_AT_A_TIME = Lock()

ASSIGNED = """
SELECT t.id, coalesce(f.merged_into, f.id) FROM traces t LEFT JOIN features f ON f.id = t.feature_id
WHERE t.project_id = %s
"""
DRIFTS = """
SELECT id, feature_id, signal, root_cause, confidence, since, summary, call_site FROM feature_drifts
WHERE project_id = %s ORDER BY id
"""


@dataclass(frozen=True)
class Drift:
    """What the product says that changed."""

    id: UUID
    feature_id: UUID
    signal: str
    cause: str
    confidence: float
    since: datetime
    summary: str
    site: str | None


@dataclass
class Seen:
    """What was known after the analysis of a day: features of traces, and the drifts that were new."""

    day: datetime
    features: dict[UUID, UUID | None]
    drifts: list[Drift] = field(default_factory=list)


class Lab:
    """One project."""

    def __init__(self, running: System) -> None:
        self.system = running
        with ONE_AT_A_TIME:
            self.tester = Tester(running)
        self.labels: dict[UUID, Labelled] = {}
        self.project_id = UUID(int=0)
        self.sending = self.analysing = 0.0
        self._known: set[UUID] = set()

    def send(self, traces: Iterable[Labelled]) -> int:
        """Sends them over OTLP; returns how many they are."""
        began, before = time.perf_counter(), len(self.labels)
        for body in requests(self._remembered(traces)):
            answer = self.tester.client.http.post(
                "/otlp/v1/traces", content=body, headers={"content-type": "application/x-protobuf"}
            )
            assert answer.status_code == 200, answer.text
        self.sending += time.perf_counter() - began
        return len(self.labels) - before

    def _remembered(self, traces: Iterable[Labelled]) -> Iterator[list[Any]]:
        for one in traces:
            trace_id = UUID(bytes=one.spans[0].trace_id)
            self.labels[trace_id] = Labelled([], one.feature, one.at, one.changed)
            yield one.spans

    def analyse(self, **wish: Any) -> Json:
        """The result of an analysis of all that was sent."""
        began = time.perf_counter()
        job = self.tester.done("feature.analyze", wish or {"since": "2000-01-01T00:00:00Z"})
        self.analysing += time.perf_counter() - began
        if not self.project_id.int:
            job_id = ids.parse("job", job["id"])
            self.project_id = UUID(self._rows("SELECT project_id FROM jobs WHERE id = %s", str(job_id))[0][0])
        result: Json = job["result"]
        return result

    def day(self, traces: Sequence[Labelled]) -> Seen:
        """Sends and analyses the traces of a day."""
        self.send(traces)
        self.analyse()
        return Seen(traces[0].at, self.features(), self.drifts())

    def days(self, traces: Iterable[Labelled]) -> list[Seen]:
        """All of them, a day at a time."""
        return [self.day(some) for some in daily(traces)]

    def features(self) -> dict[UUID, UUID | None]:
        """Which feature each trace has now."""
        rows = self._rows(ASSIGNED, str(self.project_id))
        return {UUID(trace): UUID(feature) if feature else None for trace, feature in rows}

    def drifts(self) -> list[Drift]:
        """Those that were not returned before."""
        rows = self._rows(DRIFTS, str(self.project_id))
        found = [Drift(UUID(row[0]), UUID(row[1]), *row[2:]) for row in rows]
        fresh = [one for one in found if one.id not in self._known]
        self._known |= {one.id for one in fresh}
        return fresh

    def names(self) -> dict[UUID, str]:
        """The features' names."""
        rows = self._rows("SELECT id, name FROM features WHERE project_id = %s", str(self.project_id))
        return {UUID(one): name for one, name in rows}

    def _rows(self, statement: str, *values: str) -> list[Any]:
        with closing(psycopg2.connect(self.system.database_url)) as connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    def close(self) -> None:
        self.tester.client.http.close()


def daily(traces: Iterable[Labelled]) -> Iterator[list[Labelled]]:
    """The traces of each day together."""
    some: list[Labelled] = []
    for one in traces:
        if some and one.at.date() != some[0].at.date():
            yield some
            some = []
        some.append(one)
    if some:
        yield some


def begin(days: int) -> datetime:
    """Midnight so many days ago, so that nothing is older than what is kept."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - days * DAY


@contextmanager
def lab(running: System) -> Iterator[Lab]:
    """A project of its own."""
    with closing(Lab(running)) as made:
        yield made


@contextmanager
def laboratory() -> Iterator[System]:
    """A system for such projects."""
    with system(**SETTINGS) as running:
        yield running
