"""Starts processes, waits until they are ready, notices a death, and ends them in order."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from infra.dev.environment import ROOT
from infra.dev.problem import Interrupted, Problem
from infra.dev.process import APP, SERVER, Guard, Process, stop

START_SECONDS = 60.0
Report = Callable[[str, float], None]


class Supervisor:
    """The processes of one running system. `report(name, seconds)` is called for each that became ready."""

    def __init__(self, logs: Path, *, report: Report, interrupted: Callable[[], bool]) -> None:
        self.logs = logs
        self.guard = Guard()
        self.processes: dict[str, Process] = {}
        self._report, self._interrupted = report, interrupted

    def start(self, *processes: Process) -> None:
        """Start them all, then wait for all: they warm up side by side."""
        begun = time.monotonic()
        for process in processes:
            self.processes[process.name] = process
            process.start()
        waiting = list(processes)
        while waiting:
            self.check()
            for process in [process for process in waiting if process.ready()]:
                self._report(process.name, time.monotonic() - begun)
                waiting.remove(process)
            if waiting and time.monotonic() - begun > START_SECONDS:
                raise Problem(f"{waiting[0].name} is not ready after {START_SECONDS:.0f} s{_last_words(waiting[0])}")
            time.sleep(0.02)

    def once(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> str:
        """Run a command to its end; returns the last line of its output."""
        begun = time.monotonic()
        process = Process(name, command, guard=self.guard, environment=environment, log=self.log(name), cwd=ROOT)
        process.start()
        try:
            while (code := process.exit_code()) is None:
                self.check()
                time.sleep(0.01)
        finally:
            process.stop()
        if code != 0:
            raise Problem(f"{name} failed ({_ended(code)}){_last_words(process)}")
        self._report(name, time.monotonic() - begun)
        return (self.log(name).read_text().strip().splitlines() or [""])[-1]

    def check(self) -> None:
        """Raise if a process has died, or if somebody wants us to end."""
        if self._interrupted():
            raise Interrupted
        for process in self.processes.values():
            if (code := process.exit_code()) is not None:
                raise Problem(f"{process.name} died ({_ended(code)}){_last_words(process)}")

    def stop(self) -> None:
        """The API and the workers first, then the servers they need."""
        for stage in (APP, SERVER):
            stop([process for process in self.processes.values() if process.stage == stage])
        self.processes.clear()
        self.guard.close()

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"


def _ended(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"


def _last_words(process: Process) -> str:
    return f"; the end of {process.log}:\n{process.last_lines()}"
