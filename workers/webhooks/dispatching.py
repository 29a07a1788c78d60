"""Group commit for deliveries: one thread and one connection claim and write for a whole process.

What attempts came to gathers while a transaction is under way; the next one writes all of it and claims what may leave
now. No transaction is open while a receiver is waited for: attempts are the loop's (sending.py).
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from uuid import UUID

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from infra import db
from infra.clock import now
from infra.settings import settings
from workers.webhooks import claiming, outcomes, packing
from workers.webhooks.attempt import Parcel
from workers.webhooks.claiming import NOWHERE, Claim, Claimed, Wanted
from workers.webhooks.lanes import Lanes
from workers.webhooks.outcomes import Left, Outcome

CLAIM_AT_MOST = 200
WRITE_AT_MOST = 300
HINTS_AT_MOST = 500
# The net: how often lanes are looked for without being told, and how many at once.
NET_SECONDS = 1.0
NET_STEPS = 1000
NEXT_STEPS_SECONDS = 0.1
LOOK_AHEAD_SECONDS = 10.0
A_MOMENT_SECONDS = 0.05
# Bodies with jobs in them may have megabytes each; large ones share so much memory, and all that are made in a round so
# much time. Small ones always find both.
LARGE_BYTES = 64 * 1024
LARGE_BYTES_AT_MOST = 64 * 1024 * 1024
PACKING_SECONDS = 0.25
NOT_NOW_SECONDS = 2.0
PAUSE_WITHOUT_DATABASE_SECONDS = 1.0
# What PostgreSQL says of a lock that was waited for too long, and of one that two waited for in a ring.
LOCKED = ("55P03", "40P01")

log = structlog.get_logger(__name__)


class Dispatcher:
    """The process's only writer to the deliveries it has; `on_parcels` is called from its thread after the commit."""

    def __init__(self, on_parcels: Callable[[list[Parcel]], None]) -> None:
        self.claiming = True
        self._on_parcels = on_parcels
        self._lanes = Lanes()
        self._landed: deque[tuple[Outcome, int]] = deque()
        self._outcomes: deque[Outcome] = deque()
        self._left = Left()
        self._left_at = 0.0
        # More than are taken at once need no hint: the net finds their lanes.
        self._hinted: deque[UUID] = deque(maxlen=HINTS_AT_MOST)
        self._bytes = 0
        self._net_at = 0.0
        self._net_after = NOWHERE
        self._wake = threading.Event()
        self._round_under_way = threading.Lock()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="webhooks-dispatcher", daemon=True)

    def start(self) -> None:
        """Begins to claim and write."""
        self._thread.start()

    def hint(self, delivery_ids: Iterable[UUID]) -> None:
        """These may be due."""
        self._hinted.extend(delivery_ids)
        self._wake.set()

    def post(self, outcome: Outcome, freed_bytes: int) -> None:
        """Has this written with the next group; its place, and the memory of its body, are free."""
        self._landed.append((outcome, freed_bytes))
        self._wake.set()

    def stop_claiming(self) -> None:
        """Takes nothing any more."""
        self.claiming = False

    def settle(self) -> None:
        """Returns when what was being claimed has been handed out; after stop_claiming() nothing else will be."""
        with self._round_under_way:
            pass

    def close(self, timeout: float) -> None:
        """Writes what is left, then ends."""
        self._closing = True
        self._wake.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        while not (self._closing and not self._landed and not self._outcomes and not self._left):
            self._wake.wait(self._patience())
            self._wake.clear()
            try:
                with self._round_under_way:
                    self._round()
            except (OperationalError, InterfaceError, PoolTimeout) as error:
                self._refused(error)
            except Exception:
                log.exception("webhooks.round_failed")
                self._write_apart()
                time.sleep(PAUSE_WITHOUT_DATABASE_SECONDS)
                self._wake.set()

    def _patience(self) -> float:
        """Seconds until there is something to do without being woken."""
        moment = time.monotonic()
        times = [self._left_at if self._left else None]
        times += [self._net_at, self._lanes.next_look()] if self._may_claim() else [moment + NET_SECONDS]
        return max(0.0, min(at for at in times if at is not None) - moment)

    def _refused(self, error: OperationalError | InterfaceError | PoolTimeout) -> None:
        """Again at once where a row was locked, which is one receiver's matter; else the database is away."""
        self._net_at = 0.0
        self._wake.set()
        if getattr(error.__cause__, "pgcode", None) in LOCKED:
            log.info("webhooks.row_locked")
            return
        log.warning("webhooks.database_unreachable", error=str(error).splitlines()[0])
        time.sleep(PAUSE_WITHOUT_DATABASE_SECONDS)

    def _round(self) -> None:
        self._land()
        moment = time.monotonic()
        group = [self._outcomes[number] for number in range(min(len(self._outcomes), WRITE_AT_MOST))]
        settles = bool(self._left) and moment >= self._left_at
        left, waits = (self._left.outcomes, ()) if settles else ((), self._left.outcomes)
        may_claim = self._may_claim()
        hinted, net = self._take_hints() if may_claim else [], may_claim and moment >= self._net_at
        if not (group or settles or hinted or net or (may_claim and self._lanes.has_looks(moment))):
            return
        wanted: list[Wanted] = []
        limit = min(CLAIM_AT_MOST, self._lanes.room)
        claim = Claim([], {})
        with db.transaction() as session:
            still = outcomes.write(session, [*left, *group], self._left.accounts)
            if may_claim:
                self._look(session, hinted, net=net)
                wanted = self._lanes.wanted(moment)
            if wanted:
                claim = self._claim(session, wanted, limit)
        for _ in group:
            self._written(self._outcomes.popleft(), moment)
        self._keep(replace(still, outcomes=[*waits, *still.outcomes]))
        self._lanes.took_off(wanted, claim, limit=limit, moment=moment)
        self._hand_out(claim.claimed)
        if net:
            self._net_at = moment + (NET_SECONDS if self._net_after == NOWHERE else NEXT_STEPS_SECONDS)
        if self._outcomes or self._landed:
            self._wake.set()

    def _claim(self, session: Session, wanted: Sequence[Wanted], limit: int) -> Claim:
        # The receiver's time, and ours until the outcome is written.
        lease = settings().webhook_timeout_seconds + settings().lease_seconds
        return claiming.claim(session, wanted, limit=limit, lease_seconds=lease, flying=self._lanes.flying_of)

    def _keep(self, left: Left) -> None:
        """What others have locked is tried again in a moment."""
        if left and self._left_at < (moment := time.monotonic()):
            self._left_at = moment + A_MOMENT_SECONDS
        self._left = left

    def _written(self, outcome: Outcome, moment: float) -> None:
        """Looks again when it is due, if that is soon; later ones are found by the net."""
        if outcome.wait is not None and outcome.wait < LOOK_AHEAD_SECONDS:
            self._lanes.look([outcome.claimed.lane], moment + outcome.wait + A_MOMENT_SECONDS)

    def _may_claim(self) -> bool:
        return self.claiming and self._lanes.room > 0

    def _land(self) -> None:
        while self._landed:
            outcome, freed = self._landed.popleft()
            said = outcome.said
            self._lanes.landed(outcome.claimed, answered=said is None or said.ours or said.status is not None)
            self._bytes -= _weight(freed)
            self._outcomes.append(outcome)

    def _take_hints(self) -> list[UUID]:
        return [self._hinted.popleft() for _ in range(len(self._hinted))]

    def _look(self, session: Session, hinted: Sequence[UUID], *, net: bool) -> None:
        """Finds the lanes in which something is due."""
        if hinted:
            self._lanes.look(claiming.lanes_of(session, hinted))
        if net:
            due, self._net_after = claiming.lanes_after(session, self._net_after, steps=NET_STEPS, due_before=now())
            self._lanes.look(due)

    def _hand_out(self, claimed: Sequence[Claimed]) -> None:
        """Gives the claimed deliveries, packed, to the loop; those for which there is no memory or time go back."""
        until = time.monotonic() + PACKING_SECONDS
        for some in packing.portions(claimed):
            parcels = [one for one in self._pack(some, until) if self._has_memory(one)]
            self._on_parcels(parcels)
            packed = {one.claimed.id for one in parcels}
            back = [outcomes.handed_back(one, NOT_NOW_SECONDS) for one in some if one.id not in packed]
            self._landed.extend((one, 0) for one in back)

    def _pack(self, some: list[Claimed], until: float) -> list[Parcel]:
        if time.monotonic() > until:
            return []
        try:
            return packing.pack(some)
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            log.warning("webhooks.database_unreachable", error=str(error).splitlines()[0])
            return []

    def _has_memory(self, parcel: Parcel) -> bool:
        weight = _weight(len(parcel.body))
        if weight and self._bytes >= LARGE_BYTES_AT_MOST:
            return False
        self._bytes += weight
        return True

    def _write_apart(self) -> None:
        """Writes a refused group one by one; what is refused again, without the receiver's words."""
        for _ in range(2 * len(self._outcomes)):
            try:
                with db.transaction() as session:
                    left = outcomes.write(session, [self._outcomes[0]], self._left.accounts)
                self._outcomes.popleft()
                self._keep(replace(left, outcomes=[*self._left.outcomes, *left.outcomes]))
            except (OperationalError, InterfaceError, PoolTimeout):
                return
            except Exception:
                one = self._outcomes.popleft()
                log.exception("webhooks.outcome_refused", delivery_id=one.claimed.id)
                if one.said is not None and one.said.body is not None:
                    self._outcomes.append(outcomes.without_words(one))
            if not self._outcomes:
                return


def _weight(size: int) -> int:
    """What a body of so many bytes counts."""
    return size if size > LARGE_BYTES else 0
