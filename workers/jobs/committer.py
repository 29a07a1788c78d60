"""Group commit: one thread and one connection write for a whole worker process.

What jobs want written gathers while a transaction is under way; then one transaction writes all of it, extends the
leases, and claims new jobs for the places that became free. A job costs a share of a commit instead of three.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from infra import db
from infra.errors import SwitchyardError
from infra.settings import settings
from models import JobStatus
from workers import projects
from workers.jobs import fair, lifecycle, live, outbox, sweep, usage
from workers.jobs.lifecycle import Claimed, Move
from workers.jobs.usage import Call
from workers.providers import pace

CLAIM_AT_FIRST = 4
CLAIM_AT_MOST = 100
WRITE_AT_MOST = 200
RELEASE_AT_MOST = 500
LOOK_SECONDS = 0.5
NET_SECONDS = 1.0
STAND_IN_SECONDS = 5.0
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
        # Job → attempt: the same job may be lost and claimed anew while its old end is still being written.
        self.held: dict[UUID, int] = {}
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
        self._stand_in_at = time.monotonic() + STAND_IN_SECONDS
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
                if not group:
                    time.sleep(PAUSE_WITHOUT_DATABASE_SECONDS)

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
        held = self._held_after(group)
        beat = bool(held) and moment >= self._heartbeat_at
        look = bool(held) and moment >= self._look_at
        net = self.claiming and moment >= self._net_at
        room = self.capacity - len(held)
        limit = min(self._stride, room) if room > 0 and self._claim_due(net, group) else 0
        if not (group or beat or look or net or limit):
            return
        lost: set[UUID] = set()
        cancelled: set[UUID] = set()
        closed_lanes = pace.closed() if limit else {}
        if net:
            self._release()
        with db.transaction() as session:
            limited = self._write(session, group)
            if beat:
                lost = held.keys() - self._extend(session, held)
            if look:
                cancelled = lifecycle.cancel_requested(session, list(held))
            claimed = self._claim(session, limit, closed_lanes)
            outbox.tell(session, [one.started for one in claimed])
        # Who lost a job hears of it before the same job is begun anew.
        if lost:
            self._on_stop(lost, "lost")
        kept = {job_id: attempt for job_id, attempt in held.items() if job_id not in lost}
        self._after(kept, claimed, more=limited or (limit > 0 and len(claimed) == limit))
        if cancelled:
            self._on_stop(cancelled, "cancelled")
        if beat:
            self._heartbeat_at = moment + settings().heartbeat_seconds
        if look:
            self._look_at = moment + LOOK_SECONDS
        if net:
            self._net_at = moment + NET_SECONDS
            live.present(self.worker, self.queues)
            self._stand_in(moment)

    def _held_after(self, group: list[Writing]) -> dict[UUID, int]:
        ended = _ended(group)
        return {job_id: attempt for job_id, attempt in self.held.items() if (job_id, attempt) not in ended}

    def _extend(self, session: Session, held: dict[UUID, int]) -> set[UUID]:
        lease = settings().lease_seconds
        return lifecycle.extend_leases(session, worker=self.worker, job_ids=list(held), lease_seconds=lease)

    def _release(self) -> None:
        with db.transaction() as session:
            fair.release_due(session, RELEASE_AT_MOST)

    def _claim_due(self, net: bool, group: list[Writing]) -> bool:
        """A hint came, the last claim left work behind, or it is time to look without being told (the net)."""
        if not self.claiming or not (self._hinted or net):
            return False
        if group and self._stride == CLAIM_AT_FIRST:
            # Without a backlog whoever waits for these ends should not wait for a claim, too.
            self._wake.set()
            return False
        self._hinted = False
        return True

    def _claim(self, session: Session, limit: int, closed_lanes: Collection[str]) -> list[Claimed]:
        return lifecycle.claim(
            session,
            queues=self.queues,
            limit=limit,
            worker=self.worker,
            lease_seconds=settings().lease_seconds,
            closed_lanes=closed_lanes,
            max_running=settings().project_max_running or None,
        )

    def _stand_in(self, moment: float) -> None:
        """Sweeps now and then, too: beat's sweeps come through the broker, and either may be away."""
        if moment >= self._stand_in_at:
            self._stand_in_at = moment + STAND_IN_SECONDS
            try:
                sweep.stand_in()
            except SQLAlchemyError as error:
                # What this round has committed stays committed.
                log.warning("committer.sweep_failed", error=str(error))

    def _after(self, kept: dict[UUID, int], claimed: list[Claimed], *, more: bool) -> None:
        self.held = {**kept, **{one.job_id: one.attempt for one in claimed}}
        # A lone job is claimed by a small statement; a backlog soon by large ones.
        self._stride = min(CLAIM_AT_MOST, self._stride * 4) if more else CLAIM_AT_FIRST
        if more:
            self.hint()
        if claimed:
            self._on_claimed(claimed)

    def _write(self, session: Session, group: list[Writing]) -> bool:
        """Writes the group; True if a project with a limit has got a place free by it."""
        happened = lifecycle.move(session, [one.move for one in group if one.move is not None])
        outbox.tell(session, happened)
        usage.record(session, [call for one in group for call in one.calls])
        until = time.monotonic() + AFTER_AT_MOST_SECONDS
        for one in group:
            if one.after is not None:
                one.after.wait(max(0.0, until - time.monotonic()))
        ended = {one.project_id for one in happened if one.data.get("status") != JobStatus.RUNNING}
        return any(projects.policy(session, project_id).max_running for project_id in ended)

    def _apart(self, group: list[Writing]) -> None:
        """Writes a refused group one by one; the job whose own values the database refuses fails with that reason."""
        for one in group:
            try:
                with db.transaction() as session:
                    self._write(session, [one])
                self.held = self._held_after([one])
            except (OperationalError, InterfaceError, PoolTimeout):
                self._writings.append(one)
            except Exception:
                log.exception("committer.write_refused")
                if one.move is not None and one.move.target != JobStatus.FAILED:
                    self._writings += [Writing(None, one.calls), Writing(_refused(one.move))]
                elif one.move is not None:
                    # Not ours any more: its lease ends, and the sweep decides.
                    self.held.pop(one.move.job_id, None)
        self._wake.set()


def _ended(group: list[Writing]) -> set[tuple[UUID, int | None]]:
    moves = (one.move for one in group)
    return {(move.job_id, move.attempt) for move in moves if move is not None and move.target != JobStatus.RUNNING}


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
