"""Hints on real brokers: what is sent arrives, and a broker that is away is an error within seconds."""

import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from kombu import Connection, Consumer, Queue
from kombu.exceptions import OperationalError

from infra import broker
from infra.dev import rabbitmq
from infra.dev.environment import Options
from infra.dev.ports import HOST, free_port
from infra.dev.process import Process
from infra.dev.system import System
from infra.settings import settings
from tasks.app import app
from tasks.clock import app as clock

WITH_RABBITMQ = pytest.mark.skipif(not rabbitmq.installed(), reason=rabbitmq.MISSING)


@pytest.fixture(scope="module", params=["redis", pytest.param("rabbitmq", marks=WITH_RABBITMQ)])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Process, str]]:
    """A broker of either kind: its process and its URL."""
    environment = {"DATABASE_URL": "", "REDIS_URL": "", "BROKER_URL": ""}
    options = Options(data=tmp_path_factory.mktemp("broker"), broker=request.param)
    with System(options, only=(), environment=environment) as running:
        yield running[request.param], running.broker_url


@pytest.fixture
def url(server: tuple[Process, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """The broker that infra/broker.py is told to use."""
    use(server[1], monkeypatch)
    return server[1]


def use(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = replace(settings(), broker_url=url)
    monkeypatch.setattr(broker, "settings", lambda: changed)


def declared(url: str) -> Queue:
    """A queue as a worker declares it."""
    return Queue(f"work-{uuid4().hex}", no_ack=True, queue_arguments=broker.queue_arguments(url))


def received(url: str, queue: Queue) -> list[tuple[Any, dict[str, Any]]]:
    """Body and headers of the messages that a consumer gets within half a second after the last one."""
    got: list[tuple[Any, dict[str, Any]]] = []
    with (
        Connection(url) as link,
        Consumer(link, [queue], callbacks=[lambda body, message: got.append((body, message.headers))]),
    ):
        try:
            while True:
                link.drain_events(timeout=0.5)
        except TimeoutError:
            return got


def test_a_queue_that_nobody_declared_holds_no_hints_and_the_connection_stays_good(url: str) -> None:
    queue = declared(url)
    with broker.connection() as link:
        assert [broker.waiting(link, "nobody-declared") for _ in range(3)] == [0, 0, 0]
        queue(link.default_channel).declare()
        broker.send(link.Producer(serializer="json"), queue.name, ["a"])
        assert broker.waiting(link, "nobody-declared") == 0
    assert len(received(url, queue)) == 1


def test_a_hint_is_a_celery_message_and_is_gone_once_it_was_delivered(url: str) -> None:
    queue = declared(url)
    with broker.connection() as link:
        queue(link.default_channel).declare()
    assert broker.send_hints({queue.name: ["a", "b"]}) == 2
    [(body, headers)] = received(url, queue)
    assert body[0] == [queue.name, ["a", "b"]] and headers["task"] == "jobs.run"
    assert received(url, queue) == []


def test_a_queue_in_which_hints_wait_gets_no_more(url: str) -> None:
    queue = declared(url)
    with broker.connection() as link:
        queue(link.default_channel).declare()
    assert [broker.send_hints({queue.name: ["a"]}) for _ in range(2)] == [1, 0]


def test_a_frozen_broker_is_an_error_within_seconds(server: tuple[Process, str], url: str) -> None:
    server[0].send(signal.SIGSTOP)
    try:
        begun = time.monotonic()
        with pytest.raises(OperationalError):
            broker.send_hints({"completions": ["a"]})
        assert time.monotonic() - begun < 4
    finally:
        server[0].send(signal.SIGCONT)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_broker_that_ends_under_an_open_connection_is_the_same_error(
    server: tuple[Process, str], url: str, end: signal.Signals
) -> None:
    process, queue = server[0], uuid4().hex
    with pytest.raises(OperationalError), broker.connection() as link:
        assert broker.waiting(link, queue) == 0
        process.stop(number=end)
        broker.waiting(link, queue)
    process.start()
    deadline = time.monotonic() + 60
    while not process.ready() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert broker.send_hints({queue: ["a"]}) == 1


def test_a_broker_that_is_not_there_is_an_error_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme in ("redis", "amqp"):
        use(f"{scheme}://{HOST}:{free_port()}/0", monkeypatch)
        begun = time.monotonic()
        with pytest.raises(OperationalError):
            broker.send_hints({"completions": ["a"]})
        assert time.monotonic() - begun < 1


def test_rabbitmq_gets_quorum_queues_whose_hints_end_and_redis_gets_plain_ones() -> None:
    arguments = broker.queue_arguments("amqps://user@host//") or {}
    assert arguments["x-queue-type"] == "quorum" and arguments["x-message-ttl"] == 60_000
    assert broker.queue_arguments("redis://host/0") is None


@pytest.mark.parametrize("celery", [app, clock], ids=["worker", "clock"])
def test_workers_beat_and_flower_try_again_every_two_seconds_however_long_the_broker_is_away(
    celery: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("kombu.utils.functional.sleep", lambda seconds: None)
    link = celery.connection_for_read(url=f"amqp://{HOST}:{free_port()}//")
    with pytest.raises(OperationalError):
        link.ensure_connection(lambda error, pause: pauses.append(pause), 50)
    assert len(pauses) == 50 and max(pauses) <= 2
