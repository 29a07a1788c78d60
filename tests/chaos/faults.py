"""What is done to the victim. Every verb counts what it did."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from signal import SIGCONT, SIGSTOP

from infra.dev.process import stop
from tests.chaos.plan import dice
from tests.chaos.victim import Victim

# From a SIGKILL until every job of the dead worker runs again: its lease, and five seconds.
RECOVERY_SECONDS = 3.0 + 5.0
HELD = "SELECT id, attempt FROM jobs WHERE status = 'running' AND worker LIKE %s"
WAITING = """
SELECT j.id FROM jobs j JOIN unnest(%s::uuid[], %s::int[]) AS held(id, attempt) USING (id)
WHERE j.attempt = held.attempt AND j.status IN ('running', 'queued')
"""


class Faults:
    """The faults of one attack."""

    def __init__(self, victim: Victim, name: str) -> None:
        self.victim, self.random = victim, dice(name)
        self.done: Counter[str] = Counter()

    def held_by(self, worker: str) -> tuple[list[str], list[int]]:
        """The jobs, and their attempts, that this worker's process holds now."""
        rows = self.victim.rows(HELD, f"%-{self.victim.system[worker].pid}-%")
        return [str(row[0]) for row in rows], [row[1] for row in rows]

    def until_busy(self, worker: str) -> tuple[list[str], list[int]]:
        """Waits until this worker has something to lose; returns what it holds."""
        limit = time.monotonic() + 30
        while not (held := self.held_by(worker))[0]:
            assert time.monotonic() < limit, f"{worker} takes no job"
            time.sleep(0.01)
        return held

    def kill(self, *names: str) -> None:
        """SIGKILL, with all descendants."""
        for name in names:
            self.done[f"SIGKILL {'worker' if name.startswith('io') else name}"] += 1
            self.victim.system[name].kill()

    def ask_to_end(self, *names: str) -> None:
        """SIGTERM to all of them, as a deploy does it; each may finish what it has begun."""
        for name in names:
            self.done[f"SIGTERM {'worker' if name.startswith('io') else name}"] += 1
        stop([self.victim.system[name] for name in names])

    def start(self, *names: str) -> None:
        """Starts these again, side by side."""
        self.victim.system.supervisor.start(*(self.victim.system[name] for name in names))

    def kill_and_recover(self, worker: str) -> tuple[list[str], list[int], float]:
        """SIGKILL as soon as it holds jobs; returns them, and when that was."""
        held = self.until_busy(worker)
        at = time.monotonic()
        self.kill(worker)
        return *held, at

    def recovered(self, jobs: list[str], attempts: list[int], since: float) -> float:
        """Waits until each of these jobs runs again or is over; returns the seconds since the kill."""
        limit = RECOVERY_SECONDS - (time.monotonic() - since)
        self.victim.until(WAITING, jobs, attempts, seconds=max(limit, 0.1), what="a killed worker's jobs run again")
        return time.monotonic() - since

    @contextmanager
    def frozen(self, *names: str) -> Iterator[None]:
        """SIGSTOP before the block, SIGCONT after it."""
        for name in names:
            self.done["SIGSTOP"] += 1
            self.victim.system[name].send(SIGSTOP)
        try:
            yield
        finally:
            for name in names:
                self.victim.system[name].send(SIGCONT)

    @contextmanager
    def stopped(self, server: str, seconds: float) -> Iterator[None]:
        """PostgreSQL or Redis is away during the block, and at least that long."""
        self.done[f"{server} stopped"] += 1
        back_at = time.monotonic() + seconds
        self.victim.ground[server].stop()
        try:
            yield
            self.pause(back_at - time.monotonic())
        finally:
            self.victim.ground.start_again(server)

    def pause(self, seconds: float) -> None:
        """Lets the load go on for a while before the next fault; how long is part of the attack."""
        if seconds > 0:
            time.sleep(seconds)
