"""`make up` and `make demo`: the system in one terminal, from the first line to a clean end."""

import ctypes
import os
import signal
import sys
import threading
import time
from types import FrameType

from infra.dev import environment as env
from infra.dev.client import Client
from infra.dev.demonstration import demonstrate
from infra.dev.problem import Interrupted, Problem
from infra.dev.system import System

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PR_SET_PDEATHSIG = 1


class Signals:
    """Remembers the first signal that asks us to end; later ones change nothing, the end is already on its way."""

    def __init__(self) -> None:
        self.received: int | None = None
        for number in ENDING:
            signal.signal(number, self._receive)

    def _receive(self, number: int, _: FrameType | None) -> None:
        self.received = self.received or number

    def __call__(self) -> bool:
        return self.received is not None


def run(*, stay: bool) -> int:
    """Start everything, demonstrate it, and with `stay` hold it until a signal comes. Returns the exit code."""
    signals = Signals()
    begun = time.monotonic()
    try:
        environment = env.shell_and_file()
        options = env.options(environment)
        with System(options, environment=environment, report=_report, interrupted=signals) as system:
            _say(f"\nstarted in {time.monotonic() - begun:.1f} s")
            _demonstrate(system)
            if stay:
                _say(_addresses(system))
                _say(f"ready {system.url}")
                _hold(system)
    except Interrupted:
        return 128 + (signals.received or 0)
    except (Problem, OSError) as problem:
        print(f"switchyard: {problem}", file=sys.stderr)
        return 1
    return 0


def _hold(system: System) -> None:
    try:
        while True:
            system.supervisor.check()
            time.sleep(0.2)
    except Interrupted:
        _say("\nending …")


def _demonstrate(system: System) -> None:
    """In a thread, so that a signal or a death is noticed while the answer streams."""
    problems: list[Exception] = []

    def work() -> None:
        try:
            demonstrate(Client(system.options.port, system.api_key), lambda text: print(text, end="", flush=True))
        except Exception as error:
            problems.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    while thread.is_alive():
        system.supervisor.check()
        thread.join(0.05)
    for problem in problems:
        raise problem if isinstance(problem, Problem) else Problem(f"the demonstration failed: {problem!r}")


def _report(name: str, seconds: float) -> None:
    _say(f"  {name:<12}{seconds:5.1f} s")


def _say(text: str) -> None:
    print(text, flush=True)


def _addresses(system: System) -> str:
    return f"""
API      {system.url}
Docs     {system.url}/docs
Flower   {system.flower_url}  (user switchyard, password in {system.folder.environment_file})
Key      SWITCHYARD_API_KEY in {system.folder.environment_file}
Logs     {system.folder.logs}
End      Ctrl-C
"""


def end_with_parent() -> None:
    """Ask the kernel for a SIGTERM when `make` dies, even by a SIGKILL."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)
