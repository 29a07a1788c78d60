"""One child of the development system: its own session, its log file, and a certain end with all its descendants."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from infra.dev.problem import Problem

SERVER, APP = 1, 2  # stages: what starts later ends first


class Guard:
    """The process that ends the children if this one is killed (see guard.py)."""

    def __init__(self) -> None:
        command = [sys.executable, "-ISs", str(Path(__file__).with_name("guard.py"))]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)

    def tell(self, line: str) -> None:
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{line}\n".encode())
            self._process.stdin.flush()

    def close(self) -> None:
        self._process.communicate()


class Process:
    """A named child that can be started, watched, signalled, stopped and started again."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        guard: Guard,
        environment: Mapping[str, str],
        log: Path,
        stage: int = APP,
        stop_signal: signal.Signals = signal.SIGTERM,
        grace_seconds: float = 8.0,
        ready: Callable[[], bool] = lambda: True,
        forget: Path | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.name, self.command, self.log, self.ready, self.stage = name, list(command), log, ready, stage
        self._guard, self._environment, self._cwd, self._forget = guard, dict(environment), cwd, forget
        self._stop_signal, self._grace_seconds = stop_signal, grace_seconds
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        if self._child is None:
            raise Problem(f"{self.name} is not running")
        return self._child.pid

    def start(self) -> None:
        """Start it, with a new log file and without the file by which an earlier run said that it was ready."""
        if self._forget:
            self._forget.unlink(missing_ok=True)
        self.log.unlink(missing_ok=True)
        # What it prints may be a key.
        self.log.touch(0o600)
        with self.log.open("wb") as log:
            self._child = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                cwd=self._cwd,
                start_new_session=True,
            )
        self._guard.tell(f"+ {self.pid} {self._stop_signal.value} {self.stage}")

    def exit_code(self) -> int | None:
        """None while it runs. The child is not reaped yet: until stop(), its number cannot become another process's."""
        if self._child is None:
            return None
        if self._child.returncode is not None:
            return self._child.returncode
        ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None:
            return None
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status

    def alive(self) -> bool:
        return self._child is not None and self.exit_code() is None

    def send(self, number: signal.Signals) -> None:
        """To the process and all of its group: a SIGKILL leaves no worker child at work."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def kill(self) -> None:
        """As a crash does it: SIGKILL, now, with all descendants."""
        self.stop(number=signal.SIGKILL)

    def stop(self, *, number: signal.Signals | None = None) -> None:
        stop([self], number=number)

    def begin_stop(self, number: signal.Signals | None = None) -> list[psutil.Process]:
        """Ask it to end; returns the descendants as they are now, also those that left the process group."""
        if self._child is None:
            return []
        descendants: list[psutil.Process] = []
        with contextlib.suppress(psutil.Error):
            descendants = psutil.Process(self.pid).children(recursive=True)
        if number == signal.SIGKILL:
            self.send(number)
        elif self.alive():
            os.kill(self.pid, number or self._stop_signal)
        return descendants

    def finish_stop(self, descendants: list[psutil.Process], deadline: float) -> None:
        """Wait until it has ended, at most to the deadline; then kill it, and whatever it left behind."""
        if self._child is None:
            return
        while self.alive() and time.monotonic() < deadline:
            time.sleep(0.02)
        self.send(signal.SIGKILL)
        for descendant in descendants:
            with contextlib.suppress(psutil.Error):
                descendant.kill()
        self._child.wait()
        self._guard.tell(f"- {self.pid}")
        self._child = None

    @property
    def grace_seconds(self) -> float:
        return self._grace_seconds

    def last_lines(self, count: int = 15) -> str:
        """The end of its log, indented, for a person."""
        with contextlib.suppress(OSError):
            lines = self.log.read_text(errors="replace").splitlines()[-count:]
            return "\n".join(f"    {line}" for line in lines)
        return ""


def stop(processes: Sequence[Process], *, number: signal.Signals | None = None) -> None:
    """End several at once: all are asked, then each is waited for."""
    descendants = [process.begin_stop(number) for process in processes]
    begun = time.monotonic()
    for process, of_it in zip(processes, descendants, strict=True):
        process.finish_stop(of_it, begun + process.grace_seconds)


def python(*arguments: str) -> list[str]:
    """A command line of this same Python."""
    return [sys.executable, *arguments]
