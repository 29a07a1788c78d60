"""Starting, watching and ending processes, with small ones in the place of ours."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from infra.dev.problem import Interrupted, Problem
from infra.dev.process import APP, SERVER, Process, python
from infra.dev.supervisor import Supervisor

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    running = Supervisor(tmp_path, report=lambda name, seconds: None, interrupted=lambda: False)
    yield running
    running.stop()


def script(
    supervisor: Supervisor, name: str, text: str, *, ready: str = "", grace: float = 8.0, stage: int = APP
) -> Process:
    log = supervisor.log(name)
    return Process(
        name,
        python("-ISc", text),
        guard=supervisor.guard,
        environment={},
        log=log,
        ready=lambda: ready in log.read_text(),
        grace_seconds=grace,
        stage=stage,
    )


def test_a_process_that_dies_before_it_is_ready_is_named_with_its_last_words(supervisor: Supervisor) -> None:
    with pytest.raises(Problem, match=r"api died \(exit code 3\); the end of .*api.log:\n +port is bad"):
        supervisor.start(script(supervisor, "api", "import sys; print('port is bad'); sys.exit(3)", ready="never"))


def test_a_command_that_fails_is_named_with_its_last_words(supervisor: Supervisor) -> None:
    assert supervisor.once("seed", python("-c", "print('a\\nb')"), {}) == "b"
    with pytest.raises(Problem, match=r"migrate failed \(exit code 1\)(.|\n)*ValueError: no such table"):
        supervisor.once("migrate", python("-c", "raise ValueError('no such table')"), {})


def test_an_interruption_ends_a_wait_at_once(supervisor: Supervisor, tmp_path: Path) -> None:
    asked = Supervisor(tmp_path, report=lambda name, seconds: None, interrupted=lambda: True)
    with pytest.raises(Interrupted):
        asked.start(script(asked, "slow", STUBBORN, ready="never", grace=0.1))
    pid = asked.processes["slow"].pid
    asked.stop()
    assert not psutil.pid_exists(pid)


def test_what_will_not_end_is_killed(supervisor: Supervisor) -> None:
    process = script(supervisor, "stubborn", STUBBORN, ready="up", grace=0.2)
    supervisor.start(process)
    pid = process.pid
    process.stop()
    assert not psutil.pid_exists(pid)


def test_descendants_in_other_sessions_end_too(supervisor: Supervisor) -> None:
    process = script(supervisor, "parent", PARENT, ready="\n")
    supervisor.start(process)
    child = psutil.Process(int(supervisor.log("parent").read_text()))
    process.kill()
    child.wait(5)
    assert not process.alive()


def test_the_api_and_workers_end_before_the_servers(supervisor: Supervisor, tmp_path: Path) -> None:
    text = "import signal, sys, time\ndef end(*_): print(time.monotonic(), flush=True); sys.exit()\n"
    text += "signal.signal(signal.SIGTERM, end)\nprint('up', flush=True)\ntime.sleep(60)"
    server = script(supervisor, "server", text, ready="up", stage=SERVER)
    supervisor.start(server)
    supervisor.start(script(supervisor, "worker", "import time; time.sleep(0.2)\n" + text, ready="up"))
    supervisor.stop()
    ended = {name: float((tmp_path / f"{name}.log").read_text().split()[1]) for name in ("server", "worker")}
    assert ended["worker"] < ended["server"]


def test_when_the_supervisor_is_killed_its_children_and_theirs_end(tmp_path: Path) -> None:
    text = f"""
import time
from pathlib import Path
from infra.dev.supervisor import Supervisor
from tests.infra.dev.test_supervisor import PARENT, script
supervisor = Supervisor(Path({str(tmp_path)!r}), report=lambda *_: None, interrupted=lambda: False)
supervisor.start(script(supervisor, "a", PARENT.replace(", start_new_session=True", ""), ready="\\n"))
print(supervisor.processes["a"].pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, cwd=Path.cwd()) as killed:
        assert killed.stdout
        child = psutil.Process(int(killed.stdout.readline()))
        grandchild = psutil.Process(int((tmp_path / "a.log").read_text()))
        os.kill(killed.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while (child.is_running() or grandchild.is_running()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not child.is_running()
    assert not grandchild.is_running()
