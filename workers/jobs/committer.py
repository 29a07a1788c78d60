"""Group commit: one thread and one connection write for a whole worker process.

What jobs want written gathers while a transaction is under way; then one transaction writes all of it, extends the
leases, and claims new jobs for the places that became free. A job costs a share of a commit instead of three.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from infra import db
from infra.errors import SwitchyardError
from infra.settings import settings
from models import JobStatus
from workers.jobs import lifecycle, outbox, usage
from workers.jobs.lifecycle import Claimed, Move
from workers.jobs.usage import Call

CLAIM_AT_FIRST = 4
CLAIM_AT_MOST = 100
WRITE_AT_MOST = 200
LOOK_SECONDS = 0.5
NET_SECONDS = 1.0
PAUSE_WITHOUT_DATABASE_SECONDS = 1.0
AFTER_AT_MOST_SECONDS = 3.0

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Writing:
    """One job's wanted change, the provider calls that were paid for it, and what must have happened before anybody may
    see it: its last deltas are sent."""

    move: Move | None
    calls: list[Call] = field(default_factory=list)
    after: threading.Event | None = None


class Committer:
    """The process's only writer to the jobs it holds.

    `on_claimed(jobs)` and `on_stop(job_ids, reason)` are called from its thread after the commit.
    """

    def __init__(
        self,
        *,
        worker: str,
        queues: Sequence[str],
        capacity: int,
        on_claimed: Callable[[list[Claimed]], None],
        on_stop: Callable[[set[UUID], str], None],
    ) -> None:
        self.worker = worker
        self.queues = list(queues)
        self.capacity = capacity
        self.held: set[UUID] = set()
        self.claiming = True
        self._on_claimed = on_claimed
        self._on_stop = on_stop
        self._writings: deque[Writing] = deque()
        self._wake = threading.Event()
        self._hinted = True
        self._stride = CLAIM_AT_FIRST
        self._closing = False
        self._heartbeat_at = 0.0
        self._look_at = 0.0
        self._net_at = 0.0
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)

    def start(self) -> None:
        """Begins to claim and write."""
        self._thread.start()

    def hint(self) -> None:
        """There may be work in the queues."""
        self._hinted = True
        self._wake.set()

    def post(self, move: Move | None, calls: Sequence[Call] = (), *, after: threading.Event | None = None) -> None:
        """Has this written with the next group, committed not before `after`."""
        self._writings.append(Writing(move, list(calls), after))
        self._wake.set()

    def close(self, timeout: float) -> None:
        """Writes what is left, then ends."""
        self._closing = True
        self._wake.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        while not (self._closing and not self._writings):
            self._wake.wait(LOOK_SECONDS)
            self._wake.clear()
            group = self._gather()
            try:
                self._commit(group)
            except (OperationalError, InterfaceError, PoolTimeout) as error:
                self._writings.extendleft(reversed(group))
                log.warning("committer.database_unreachable", error=str(error).splitlines()[0])
                time.sleep(PAUSE_WITHOUT_DATABASE_SECONDS)
                self._wake.set()
            except Exception:
                log.exception("committer.group_refused", size=len(group))
                self._apart(group)

    def _gather(self) -> list[Writing]:
        """The next group: at most one change a job, in the order they came."""
        group: list[Writing] = []
        seen: set[UUID] = set()
        while self._writings and len(group) < WRITE_AT_MOST:
            move = self._writings[0].move
            if move is not None:
                if move.job_id in seen:
                    self._wake.set()
                    break
                seen.add(move.job_id)
            group.append(self._writings.popleft())
        if self._writings:
            self._wake.set()
        return group

    def _commit(self, group: list[Writing]) -> None:
        moment = time.monotonic()
        held = self.held - _ended(group)
        beat = bool(held) and moment >= self._heartbeat_at
        look = bool(held) and moment >= self._look_at
        limit = min(self._stride, self.capacity - len(held)) if self._claim_due(moment, group) else 0
        if not (group or beat or look or limit):
            return
        lost: set[UUID] = set()
        cancelled: set[UUID] = set()
        lease = settings().lease_seconds
        with db.transaction() as session:
            self._write(session, group)
            if beat:
                kept = lifecycle.extend_leases(session, worker=self.worker, job_ids=list(held), lease_seconds=lease)
                lost = held - kept
            if look:
                cancelled = lifecycle.cancel_requested(session, list(held))
            claimed = lifecycle.claim(session, queues=self.queues, limit=limit, worker=self.worker, lease_seconds=lease)
            outbox.tell(session, [one.started for one in claimed])
        self._after(held - lost, claimed, full=limit > 0 and len(claimed) == limit)
        if beat:
            self._heartbeat_at = moment + settings().heartbeat_seconds
        if look:
            self._look_at = moment + LOOK_SECONDS
        if lost:
            self._on_stop(lost, "lost")
        if cancelled:
            self._on_stop(cancelled, "cancelled")

    def _claim_due(self, moment: float, group: list[Writing]) -> bool:
        """A hint came, the last claim left work behind, or it is time to look without being told (the net)."""
        if not self.claiming or not (self._hinted or moment >= self._net_at):
            return False
        if group and self._stride == CLAIM_AT_FIRST:
            # Without a backlog whoever waits for these ends should not wait for a claim, too.
            self._wake.set()
            return False
        self._hinted = False
        self._net_at = moment + NET_SECONDS
        return True

    def _after(self, held: set[UUID], claimed: list[Claimed], *, full: bool) -> None:
        self.held = held | {one.job_id for one in claimed}
        # A lone job is claimed by a small statement; a backlog soon by large ones.
        self._stride = min(CLAIM_AT_MOST, self._stride * 4) if full else CLAIM_AT_FIRST
        if full:
            self.hint()
        if claimed:
            self._on_claimed(claimed)

    def _write(self, session: Session, group: list[Writing]) -> None:
        outbox.tell(session, lifecycle.move(session, [one.move for one in group if one.move is not None]))
        usage.record(session, [call for one in group for call in one.calls])
        for one in group:
            if one.after is not None:
                one.after.wait(AFTER_AT_MOST_SECONDS)

    def _apart(self, group: list[Writing]) -> None:
        """Writes a refused group one by one; the job whose own values the database refuses fails with that reason."""
        for one in group:
            try:
                with db.transaction() as session:
                    self._write(session, [one])
                self.held -= _ended([one])
            except (OperationalError, InterfaceError, PoolTimeout):
                self._writings.append(one)
            except Exception:
                log.exception("committer.write_refused")
                if one.move is not None and one.move.target != JobStatus.FAILED:
                    self._writings.append(Writing(_refused(one.move)))
        self._wake.set()


def _ended(group: list[Writing]) -> set[UUID]:
    return {one.move.job_id for one in group if one.move is not None and one.move.target != JobStatus.RUNNING}


def _refused(move: Move) -> Move:
    error = SwitchyardError("The result could not be stored.").as_json()
    return Move(
        job_id=move.job_id,
        source=move.source,
        target=JobStatus.FAILED,
        event="job.failed",
        data={"error": error},
        attempt=move.attempt,
        sequence=move.sequence,
        error=error,
    )
