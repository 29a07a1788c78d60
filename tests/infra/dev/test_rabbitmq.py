"""The private RabbitMQ node, really started."""

import time
from pathlib import Path

import psutil
import pytest
from kombu import Connection

from infra.dev import rabbitmq
from infra.dev.environment import Options
from infra.dev.ports import free_port
from infra.dev.problem import Problem
from infra.dev.process import Process
from infra.dev.system import System

NOTHING_SET = {"DATABASE_URL": "", "REDIS_URL": "", "BROKER_URL": ""}


@pytest.mark.skipif(not rabbitmq.installed(), reason=rabbitmq.MISSING)
def test_the_node_is_private_keeps_durable_queues_over_a_crash_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with System(Options(data=tmp_path, broker="rabbitmq"), only=(), environment=NOTHING_SET) as system:
        assert (system.folder.run / "rabbitmq").stat().st_mode & 0o077 == 0
        assert rabbitmq.answers(system.broker_url)
        assert not rabbitmq.answers(system.broker_url.replace("switchyard:", "switchyard:not-"))
        declare(system.broker_url, passive=False)
        first = family(system["rabbitmq"])
        assert "epmd" in {process.name() for process in first}
        addresses = {each.laddr.ip for process in first for each in process.net_connections("tcp") if each.laddr}
        assert addresses <= {"127.0.0.1", "::1"}
        system["rabbitmq"].kill()
        wait_for_end(first)
        system.start_again("rabbitmq")
        declare(system.broker_url, passive=True)
        second = family(system["rabbitmq"])
    wait_for_end(second)


def test_where_it_is_not_installed_a_person_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rabbitmq, "PACKAGED", "/nowhere")
    monkeypatch.setenv("PATH", "/nowhere")
    assert not rabbitmq.installed()
    with pytest.raises(Problem, match="run `make rabbitmq`, or set BROKER_URL"):
        rabbitmq.program()


def test_a_given_rabbitmq_must_answer(tmp_path: Path) -> None:
    options = Options(data=tmp_path, broker_url=f"amqp://somebody:secret@127.0.0.1:{free_port()}//")
    with pytest.raises(Problem, match=r"BROKER_URL .* does not answer") as problem, System(options, only=()):
        pass
    assert "secret" not in str(problem.value)


def family(process: Process) -> list[psutil.Process]:
    """The process and all that it started."""
    first = psutil.Process(process.pid)
    return [first, *first.children(recursive=True)]


def wait_for_end(processes: list[psutil.Process]) -> None:
    """Until each has ended; a killed one that nobody has asked about yet counts as such."""
    deadline = time.monotonic() + 5
    while any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def declare(url: str, *, passive: bool) -> None:
    """A durable queue that is there afterwards, or with `passive` must be there."""
    with Connection(url) as link:
        link.default_channel.queue_declare("kept", durable=True, auto_delete=False, passive=passive)
