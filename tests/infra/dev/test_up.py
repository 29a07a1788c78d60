"""`make up` as a person sees it: the command itself, with every process, from the first line to a clean end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from infra.dev import environment as env
from infra.dev.client import Client
from infra.dev.ports import free_port

Command = subprocess.Popen[str]


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    up = start(tmp_path, port=free_port())
    yield up
    up.kill()
    up.communicate()


def start(folder: Path, *, port: int) -> Command:
    environment = {
        **os.environ,
        "PORT": str(port),
        "FLOWER_PORT": str(free_port()),
        "SWITCHYARD_DATA": str(folder / "data"),
    }
    for name in ("DATABASE_URL", "REDIS_URL", "BROKER_URL"):
        environment[name] = ""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(
        [sys.executable, "-m", "infra.dev", "up"], cwd=env.ROOT, env=environment, text=True, **pipes
    )


def read_until(up: Command, beginning: str) -> list[str]:
    """Its lines up to one that begins so."""
    assert up.stdout
    lines: list[str] = []
    for line in up.stdout:
        lines.append(line.rstrip("\n"))
        if line.startswith(beginning):
            return lines
    raise AssertionError(f"ended without {beginning!r}: {lines} {up.stderr.read() if up.stderr else ''}")


def all_end(processes: list[psutil.Process]) -> bool:
    return not psutil.wait_procs(processes, timeout=10)[1]


def test_a_signal_before_it_is_ready_ends_it_cleanly(command: Command) -> None:
    read_until(command, "  postgres")
    started = psutil.Process(command.pid).children(recursive=True)
    assert len(started) >= 3
    command.send_signal(signal.SIGTERM)
    assert command.wait(10) == 128 + signal.SIGTERM
    assert all_end(started)


@pytest.mark.slow
def test_it_starts_demonstrates_itself_refuses_a_second_and_tells_who_died(command: Command, tmp_path: Path) -> None:
    lines = read_until(command, "ready ")
    text = "\n".join(lines)
    values = env.read_file(tmp_path / "data" / "dev.env")
    assert lines[-1] == f"ready {values['SWITCHYARD_URL']}"
    assert "status    succeeded" in text
    assert "job_" in text and "[sandbox]" in text and "/docs" in text and values["FLOWER_URL"] in text
    assert values["FLOWER_PASSWORD"] not in text
    port = int(values["SWITCHYARD_URL"].rpartition(":")[2])
    assert Client(port, values["SWITCHYARD_API_KEY"]).accepted()

    second = start(tmp_path, port=free_port())
    _, complaint = second.communicate(timeout=20)
    assert second.returncode == 1
    assert complaint.startswith("switchyard: Switchyard already runs in ")
    assert complaint.count("\n") == 1

    started = psutil.Process(command.pid).children(recursive=True)
    victim = next(process for process in started if "beat" in process.cmdline())
    victim.kill()
    assert command.wait(20) == 1
    assert command.stderr
    assert "switchyard: beat died (killed by signal 9); the end of " in command.stderr.read()
    assert all_end(started)


@pytest.mark.slow
def test_the_next_start_keeps_key_and_jobs_and_a_kill_leaves_nothing(command: Command, tmp_path: Path) -> None:
    read_until(command, "ready ")
    first = env.read_file(tmp_path / "data" / "dev.env")
    command.send_signal(signal.SIGINT)
    assert command.wait(20) == 0

    begun = time.monotonic()
    port = free_port()
    again = start(tmp_path, port=port)
    lines = read_until(again, "ready ")
    assert not any(line.startswith(("  migrate", "  seed-demo")) for line in lines), "the usual start is a quick one"
    second = env.read_file(tmp_path / "data" / "dev.env")
    assert second["SWITCHYARD_API_KEY"] == first["SWITCHYARD_API_KEY"]
    jobs = Client(port, second["SWITCHYARD_API_KEY"]).get("/v1/jobs")["data"]
    assert len(jobs) == 2
    assert time.monotonic() - begun < 60

    started = psutil.Process(again.pid).children(recursive=True)
    again.kill()
    again.communicate()
    assert all_end(started)
