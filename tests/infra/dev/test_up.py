"""`make up` as a person sees it: the command itself, with every process, from the first line to a clean end."""

import os
import signal
import subprocess
import sys
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
        "IO_WORKERS": "1",
        "FLOWER_PORT": str(free_port()),
        "SWITCHYARD_DATA": str(folder / "data"),
    }
    for name in ("DATABASE_URL", "REDIS_URL", "BROKER_URL"):
        environment[name] = ""
    return subprocess.Popen(
        [sys.executable, "-m", "infra.dev", "up"],
        cwd=env.ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
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
@pytest.mark.timeout(300)
def test_two_starts_in_one_folder(command: Command, tmp_path: Path) -> None:
    # The first start demonstrates itself and says where everything is.
    lines = read_until(command, "ready ")
    text = "\n".join(lines)
    first = env.read_file(tmp_path / "data" / "dev.env")
    assert lines[-1] == f"ready {first['SWITCHYARD_URL']}"
    assert "status    succeeded" in text
    assert "job_" in text and "[sandbox]" in text and "/docs" in text and first["FLOWER_URL"] in text
    assert first["FLOWER_PASSWORD"] not in text

    # A second one beside it is refused with one sentence.
    second = start(tmp_path, port=free_port())
    _, complaint = second.communicate(timeout=20)
    assert second.returncode == 1
    assert complaint.startswith("switchyard: Switchyard already runs in ")
    assert complaint.count("\n") == 1

    # Ctrl-C is a clean end.
    started = psutil.Process(command.pid).children(recursive=True)
    command.send_signal(signal.SIGINT)
    assert command.wait(20) == 0
    assert all_end(started)

    # The next start is a quick one, and keeps the key and the jobs.
    port = free_port()
    with start(tmp_path, port=port) as again:
        lines = read_until(again, "ready ")
        assert not any(line.startswith(("  migrate", "  seed-demo")) for line in lines)
        values = env.read_file(tmp_path / "data" / "dev.env")
        for kept in ("SWITCHYARD_API_KEY", "ENCRYPTION_KEYS"):
            assert values[kept] == first[kept]
        assert len(Client(port, values["SWITCHYARD_API_KEY"]).get("/v1/jobs")["data"]) == 2

        # Who dies is named, and takes everything along.
        started = psutil.Process(again.pid).children(recursive=True)
        next(process for process in started if "beat" in process.cmdline()).kill()
        assert again.wait(20) == 1
        assert again.stderr
        assert "switchyard: beat died (killed by signal 9); the end of " in again.stderr.read()
        assert all_end(started)
