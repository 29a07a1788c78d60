"""Prometheus metrics. Processes of one machine share them through PROMETHEUS_MULTIPROC_DIR, which the client reads."""

from collections.abc import Iterable
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY

from infra.settings import settings

CONTENT_TYPE = CONTENT_TYPE_LATEST
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)

requests = Histogram(
    "switchyard_http_request_seconds", "Requests served.", ("method", "route", "status"), buckets=BUCKETS
)
jobs_finished = Counter("switchyard_jobs_finished_total", "Attempts that ended.", ("kind", "status"))
job_seconds = Histogram("switchyard_job_seconds", "Run time of attempts.", ("kind",), buckets=(*BUCKETS, 300.0, 900.0))


def exposition(queues: Iterable[tuple[str, str, int, float]]) -> bytes:
    """All metrics as text; `queues` rows are (queue, status, jobs, oldest age in seconds)."""
    registry: Any = REGISTRY
    if settings().prometheus_multiproc_dir:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
    moment = CollectorRegistry()
    jobs = Gauge("switchyard_jobs", "Jobs that are not final.", ("queue", "status"), registry=moment)
    oldest = Gauge("switchyard_oldest_job_seconds", "Age of the oldest.", ("queue", "status"), registry=moment)
    for queue, status, count, age in queues:
        jobs.labels(queue, status).set(count)
        oldest.labels(queue, status).set(age)
    return generate_latest(registry) + generate_latest(moment)
