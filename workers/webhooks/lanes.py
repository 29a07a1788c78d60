"""How many deliveries this process has on their way, and which lanes it looks into next.

A lane may have four on their way at first, one more with each that gets an answer, and half as many after one that gets
none. So a receiver that hangs comes to hold two places, and one that answers quickly as many as it can use.

A lane whose endpoint or project has no place left waits for one of its own to come down: what a round costs depends on
what takes off and comes down, and not on how many lanes there are.

Not for several threads.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from workers.webhooks.claiming import PER_PROJECT, Claim, Claimed, Lane, Receiver, Wanted

IN_ALL = 2 * PER_PROJECT
PER_LANE = 32
# The callback endpoint has a lane for each host.
PER_ENDPOINT = 64
AT_FIRST = 4
AT_LEAST = 2
# Beyond these the net finds a lane again.
KNOWN_AT_MOST = 10_000
WAITING_AT_MOST = 1000
LOOKS_AT_MOST = 100
# Where an endpoint is locked by another sender; after a second of that, the net finds it.
AGAIN_SECONDS = 0.05
AGAIN_AT_MOST = 20


@dataclass(slots=True)
class State:
    """A lane as this process knows it. `more`: something was left when there was no more room."""

    room: int = AT_FIRST
    flying: int = 0
    more: bool = False
    passed_over: int = 0


class Lanes:
    """The lanes of one sender; times are monotonic seconds."""

    def __init__(self) -> None:
        self.flying = 0
        self._states: dict[Lane, State] = {}
        # By endpoint and by project.
        self._flying_of: Counter[UUID] = Counter()
        self._waiting_for: dict[UUID, dict[Lane, None]] = {}
        self._looks = Looks()

    @property
    def room(self) -> int:
        """How many more may be on their way."""
        return IN_ALL - self.flying

    @property
    def flying_of(self) -> Mapping[UUID, int]:
        """How many are on their way, by project and by endpoint."""
        return self._flying_of

    def look(self, lanes: Iterable[Lane], at: float = 0.0) -> None:
        """Has these lanes looked into from then on."""
        for lane in lanes:
            self._looks.add(lane, at)

    def next_look(self) -> float | None:
        """When a lane is to be looked into."""
        return self._looks.next() if self.room > 0 else None

    def has_looks(self, moment: float) -> bool:
        """Whether a lane is to be looked into now."""
        at = self._looks.next()
        return at is not None and at <= moment

    def wanted(self, moment: float) -> list[Wanted]:
        """The lanes to look into now that have room, in turn; the others are looked into as soon as they have."""
        found: list[Wanted] = []
        promised: Counter[UUID] = Counter()
        while len(found) < LOOKS_AT_MOST and (lane := self._looks.take(moment)) is not None:
            endpoint_room = PER_ENDPOINT - self._flying_of[lane[0]]
            state = self._states.get(lane) or State()
            if state.room <= state.flying:
                state.more = True
            elif endpoint_room <= promised[lane[0]]:
                self._wait(lane[0], lane)
            else:
                promised[lane[0]] += 1
                self._states[lane] = state
                found.append(Wanted(lane, state.room - state.flying, endpoint_room))
        return found

    def took_off(self, wanted: Sequence[Wanted], claim: Claim, *, limit: int, moment: float) -> None:
        """Notes what these lanes have on their way now, and when to look into them again."""
        by_lane = Counter(one.lane for one in claim.claimed)
        taken = Counter(one.receiver.id for one in claim.claimed)
        cut = len(claim.claimed) >= limit
        for lane, count in by_lane.items():
            self._states[lane].flying += count
        self._flying_of.update(taken)
        self._flying_of.update(Counter(one.project_id for one in claim.claimed))
        self.flying += len(claim.claimed)
        for one in wanted:
            state, receiver = self._states[one.lane], claim.receivers.get(one.lane[0])
            if receiver is None:
                self._passed_over(one.lane, state, moment)
            else:
                state.passed_over = 0
                self._again(one, receiver, by_lane[one.lane], taken[receiver.id], moment, cut=cut)
        for receiver in claim.receivers.values():
            left = int(receiver.tokens) - taken[receiver.id]
            self._release(receiver.id, min(left, PER_ENDPOINT - self._flying_of[receiver.id]))
        for one in wanted:
            self._forget_idle(one.lane)

    def landed(self, claimed: Claimed, *, answered: bool) -> None:
        """Notes the end of an attempt, or that it was not made."""
        self.flying -= 1
        state = self._states[claimed.lane]
        state.flying -= 1
        state.room = min(PER_LANE, state.room + 1) if answered else max(AT_LEAST, state.room // 2)
        if state.more:
            state.more = False
            self.look([claimed.lane])
        for owner in (claimed.receiver.id, claimed.project_id):
            self._flying_of[owner] -= 1
            if not self._flying_of[owner]:
                del self._flying_of[owner]
            self._release(owner, 1)
        self._forget_idle(claimed.lane)

    def _passed_over(self, lane: Lane, state: State, moment: float) -> None:
        state.passed_over += 1
        if state.passed_over < AGAIN_AT_MOST:
            self.look([lane], moment + AGAIN_SECONDS)

    def _again(self, one: Wanted, receiver: Receiver, took: int, taken: int, moment: float, *, cut: bool) -> None:
        """When to look into this lane again: behind all others that are due, since they take turns."""
        if int(receiver.tokens) - taken < 1:
            # Tokens come back one by one; a few at a time are cheaper to fetch.
            self.look([one.lane], moment + max(1 / max(receiver.rate_per_second, 1), AGAIN_SECONDS))
        elif took >= one.room:
            self._states[one.lane].more = True
        elif self._flying_of[receiver.project_id] >= PER_PROJECT:
            self._wait(receiver.project_id, one.lane)
        elif cut or taken >= one.endpoint_room:
            self.look([one.lane])

    def _wait(self, owner: UUID, lane: Lane) -> None:
        """Has the lane looked into when something of that endpoint or project comes down."""
        waiting = self._waiting_for.setdefault(owner, {})
        if len(waiting) < WAITING_AT_MOST:
            waiting[lane] = None

    def _release(self, owner: UUID, count: int) -> None:
        """Has so many of those that wait there looked into, those first that wait for longest."""
        if (waiting := self._waiting_for.get(owner)) is None:
            return
        for lane in list(waiting)[: max(count, 0)]:
            del waiting[lane]
            self.look([lane])
        if not waiting:
            del self._waiting_for[owner]

    def _forget_idle(self, lane: Lane) -> None:
        """Whatever a new lane would begin with again; of far too many, one that was known first."""
        state = self._states.get(lane)
        if state and not state.flying and state.room >= AT_FIRST and lane not in self._looks:
            del self._states[lane]
        while len(self._states) > KNOWN_AT_MOST:
            del self._states[next(lane for lane, state in self._states.items() if not state.flying)]


class Looks:
    """Which lanes are to be looked into, and from when on; each is in here once."""

    def __init__(self) -> None:
        self._due: dict[Lane, None] = {}
        self._later: dict[Lane, float] = {}
        # May hold times that count no more; `_later` says which do.
        self._queue: list[tuple[float, Lane]] = []

    def __contains__(self, lane: Lane) -> bool:
        return lane in self._due or lane in self._later

    def add(self, lane: Lane, at: float) -> None:
        """From then on; no later than it was to be before. 0: now, behind the others."""
        if (
            lane in self._due
            or self._later.get(lane, at + 1) <= at
            or len(self._due) + len(self._later) > KNOWN_AT_MOST
        ):
            return
        self._later.pop(lane, None)
        if at <= 0:
            self._due[lane] = None
        else:
            self._later[lane] = at
            heapq.heappush(self._queue, (at, lane))

    def next(self) -> float | None:
        """When the first is due; 0 where one is."""
        if self._due:
            return 0.0
        while self._queue and self._later.get(self._queue[0][1]) != self._queue[0][0]:
            heapq.heappop(self._queue)
        return self._queue[0][0] if self._queue else None

    def take(self, moment: float) -> Lane | None:
        """The first that is due by then, which is in here no more."""
        while (at := self.next()) is not None and 0 < at <= moment:
            lane = heapq.heappop(self._queue)[1]
            del self._later[lane]
            self._due[lane] = None
        first = next(iter(self._due), None)
        if first is not None:
            del self._due[first]
        return first
