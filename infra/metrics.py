"""Prometheus metrics. Processes of one machine share them through PROMETHEUS_MULTIPROC_DIR, which the client reads."""

from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY, Collector

from infra.settings import settings

CONTENT_TYPE = CONTENT_TYPE_LATEST
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)

requests = Histogram(
    "switchyard_http_request_seconds", "Requests served.", ("method", "route", "status"), buckets=BUCKETS
)
jobs_finished = Counter("switchyard_jobs_finished_total", "Attempts that ended.", ("kind", "status"))
job_seconds = Histogram("switchyard_job_seconds", "Run time of attempts.", ("kind",), buckets=(*BUCKETS, 300.0, 900.0))
webhook_attempts = Counter("switchyard_webhook_attempts_total", "Attempts to deliver a webhook.", ("outcome",))
traces_dropped = Counter(
    "switchyard_own_traces_dropped_total", "Jobs (jobs), and spans for outside (out), that went untraced.", ("of",)
)
webhook_seconds = Histogram("switchyard_webhook_seconds", "What receivers took to answer.", buckets=BUCKETS)
webhook_delay_seconds = Histogram(
    "switchyard_webhook_delay_seconds", "From an event to the first attempt to deliver it.", buckets=(*BUCKETS, 900.0)
)


def exposition(queues: Iterable[tuple[str, str, int, float]], dead_letters: Mapping[str, int]) -> bytes:
    """All metrics as text; `queues` rows are (queue, status, jobs, oldest age in seconds), `dead_letters` by kind."""
    registry: Any = REGISTRY
    if settings().prometheus_multiproc_dir:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
    jobs = GaugeMetricFamily("switchyard_jobs", "Jobs that are not final.", labels=("queue", "status"))
    oldest = GaugeMetricFamily("switchyard_oldest_job_seconds", "Age of the oldest.", labels=("queue", "status"))
    for queue, status, count, age in queues:
        jobs.add_metric((queue, status), count)
        oldest.add_metric((queue, status), age)
    dead = GaugeMetricFamily("switchyard_dead_letters", "Jobs that used up their attempts.", labels=("kind",))
    for kind, count in dead_letters.items():
        dead.add_metric((kind,), count)
    moment = CollectorRegistry()
    moment.register(_Moment([jobs, oldest, dead]))
    return generate_latest(registry) + generate_latest(moment)


class _Moment(Collector):
    """Figures of this moment; a Gauge would be kept, process by process, also when the process is gone."""

    def __init__(self, families: list[GaugeMetricFamily]) -> None:
        self._families = families

    def collect(self) -> list[GaugeMetricFamily]:
        """The figures."""
        return self._families
