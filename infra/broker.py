"""Telling the workers that there is work: Celery messages that carry job ids, sent behind the request's back.

A message is only a hint. The job and its outbox row are committed before; the relay (workers/jobs/outbox.py) sends
again what no worker has claimed. So a broker that is down costs a submit nothing, and a lost message costs seconds.

Messages follow Celery's message protocol 2 and are written through kombu, without Celery's client on top of it (the
figures are in docs/benchmarks.md). While one message is on its way, new ids gather and leave together.

The broker is Redis or RabbitMQ, whichever BROKER_URL names; what differs between them stands here.
"""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import structlog
from kombu import Connection
from kombu.exceptions import OperationalError

from infra import json
from infra.process import PerProcess
from infra.settings import settings

IDS_PER_MESSAGE = 50
GATHERED_AT_MOST = 20_000
PAUSE_AFTER_FAILURE_SECONDS = 1.0
HINTS_WAITING_AT_MOST = 50
LOOK_EVERY_SECONDS = 0.5
# The first hint leaves at once; those of the next moment leave together, since a message costs a millisecond here and
# two at the worker.
GATHER_SECONDS = 0.01
RUN_JOBS = "jobs.run"
WEBHOOKS = "webhooks"
SEND_WEBHOOKS = "webhooks.send"
HINT_LIVES_SECONDS = 60
HINTS_KEPT_AT_MOST = 1_000
RETRY: dict[str, Any] = {"interval_start": 0.5, "interval_step": 0.5, "interval_max": 2.0}

log = structlog.get_logger(__name__)


class SteadyConnection(Connection):
    """A connection that tries again every two seconds at the latest, however long its broker has been away."""

    def ensure_connection(self, *args: Any, **kwargs: Any) -> Any:
        """As kombu's own, which comes to wait 30 s between two attempts."""
        return super().ensure_connection(*args, **{**RETRY, **kwargs})  # type: ignore[no-untyped-call]  # kombu has none


def is_rabbitmq(url: str) -> bool:
    """Whether the broker at this URL is RabbitMQ."""
    return url.startswith(("amqp://", "amqps://"))


def queue_arguments(url: str) -> dict[str, Any] | None:
    """How a queue is declared there. A hint that waited a minute tells a worker nothing that it has not seen itself."""
    if not is_rabbitmq(url):
        return None
    return {"x-queue-type": "quorum", "x-message-ttl": HINT_LIVES_SECONDS * 1000, "x-max-length": HINTS_KEPT_AT_MOST}


@contextmanager
def connection() -> Iterator[Connection]:
    """A broker connection whose every wait is about a second; whatever goes wrong with it is an OperationalError."""
    url = settings().broker_url
    limits: dict[str, Any] = {"socket_connect_timeout": 1.0, "socket_timeout": 1.0, "socket_keepalive": True}
    if is_rabbitmq(url):
        limits = {"read_timeout": 1.0, "write_timeout": 1.0}
    link = Connection(url, connect_timeout=1.0, transport_options={**limits, "max_retries": 0})
    errors = (*link.connection_errors, *link.channel_errors)
    try:
        with link:
            yield link
    except errors as error:
        raise OperationalError(str(error) or type(error).__name__) from error


def message(task: str, args: list[Any]) -> tuple[bytes, dict[str, Any], str]:
    """Body, headers and id of a Celery protocol-2 message that calls `task(*args)`."""
    task_id = str(uuid4())
    headers = {
        "lang": "py",
        "task": task,
        "id": task_id,
        "root_id": task_id,
        "parent_id": None,
        "group": None,
        "argsrepr": repr(args)[:1024],
        "kwargsrepr": "{}",
        "ignore_result": True,
    }
    body = [args, {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]
    return json.dump_bytes(body), headers, task_id


class Publisher:
    """One thread that sends the gathered ids, queue by queue."""

    def __init__(self) -> None:
        self._gathered: deque[tuple[str, UUID]] = deque(maxlen=GATHERED_AT_MOST)
        self._queues: dict[str, tuple[float, bool]] = {}
        self._wake = threading.Event()
        threading.Thread(target=self._run, name="broker-publisher", daemon=True).start()

    def announce(self, queue: str, job_id: UUID) -> None:
        """Has `job_id` sent to `queue` soon; never blocks, never fails."""
        self._gathered.append((queue, job_id))
        self._wake.set()

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            try:
                with connection() as link, link.Producer(serializer="json") as producer:
                    while True:
                        self._wake.wait()
                        self._wake.clear()
                        self._send(producer)
                        time.sleep(GATHER_SECONDS)
            except OperationalError as error:
                log.warning("broker.unreachable", error=str(error))
            except Exception:
                log.exception("broker.publisher_failed")
            pause.wait(PAUSE_AFTER_FAILURE_SECONDS)

    def _send(self, producer: Any) -> None:
        while self._gathered:
            queues: dict[str, list[str]] = {}
            for _ in range(min(len(self._gathered), IDS_PER_MESSAGE)):
                queue, job_id = self._gathered.popleft()
                queues.setdefault(queue, []).append(job_id.hex)
            for queue, ids in queues.items():
                if self._listened_to(producer, queue):
                    send(producer, queue, ids)

    def _listened_to(self, producer: Any, queue: str) -> bool:
        """Whether hints to this queue are taken. Where they pile up, its workers are busy or away and need no more."""
        checked_at, taken = self._queues.get(queue, (0.0, True))
        moment = time.monotonic()
        if moment - checked_at > LOOK_EVERY_SECONDS:
            taken = waiting(producer.connection, queue) < HINTS_WAITING_AT_MOST
            self._queues[queue] = (moment, taken)
        return taken


def send(producer: Any, queue: str, ids: list[str]) -> None:
    """Sends one message with these ids: jobs' or, in the queue for webhooks, deliveries'."""
    body, headers, task_id = message(SEND_WEBHOOKS if queue == WEBHOOKS else RUN_JOBS, [queue, ids])
    producer.publish(
        body,
        exchange="",
        routing_key=queue,
        headers=headers,
        correlation_id=task_id,
        content_type="application/json",
        content_encoding="utf-8",
        delivery_mode=2,
    )


_publisher = PerProcess(Publisher)


def announce(queue: str, job_id: UUID) -> None:
    """Hints to the workers of `queue` that this job, or delivery, is ready; returns at once."""
    _publisher().announce(queue, job_id)


def send_hints(queues: dict[str, list[str]]) -> int:
    """Sends ids to queues in which no message waits; returns how many. Raises kombu's OperationalError."""
    sent = 0
    if not queues:
        return sent
    with connection() as link, link.Producer(serializer="json") as producer:
        for queue, ids in queues.items():
            if waiting(link, queue):
                continue
            for start in range(0, len(ids), IDS_PER_MESSAGE):
                send(producer, queue, ids[start : start + IDS_PER_MESSAGE])
            sent += len(ids)
    return sent


def waiting(link: Connection, queue: str) -> int:
    """How many messages wait in that queue; 0 for one that no worker has declared yet."""
    channel = link.default_channel
    try:
        # RabbitMQ closes the channel over an unknown queue, and its client opens it again under the same number.
        return int(channel.queue_declare(queue=queue, passive=True).message_count)
    except link.channel_errors:
        return 0
