"""How many deliveries this process has on their way, and which lanes it looks into next.

A lane may have four on their way at first, one more with each that gets an answer, and half as many after one that gets
none. So a receiver that hangs comes to hold two places, and one that answers quickly as many as it can use.

Not for several threads.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from workers.webhooks.claiming import Claim, Claimed, Lane, Wanted

IN_ALL = 500
PER_LANE = 32
# The callback endpoint has a lane for each host.
PER_ENDPOINT = 64
AT_FIRST = 4
AT_LEAST = 2
KNOWN_AT_MOST = 10_000
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
        self._by_endpoint: Counter[UUID] = Counter()
        self._looks: dict[Lane, float] = {}

    @property
    def room(self) -> int:
        """How many more may be on their way."""
        return IN_ALL - self.flying

    def look(self, lanes: Iterable[Lane], at: float = 0.0) -> None:
        """Has these lanes looked into from then on."""
        for lane in lanes:
            self._looks[lane] = min(at, self._looks.get(lane, at))

    def next_look(self) -> float | None:
        """When a lane is to be looked into."""
        return min(self._looks.values(), default=None) if self.room > 0 else None

    def has_looks(self, moment: float) -> bool:
        """Whether a lane is to be looked into now."""
        return any(at <= moment for at in self._looks.values())

    def wanted(self, moment: float) -> list[Wanted]:
        """The lanes to look into now that have room; the others are looked into as soon as they have."""
        found: list[Wanted] = []
        for lane in [lane for lane, at in self._looks.items() if at <= moment]:
            state = self._states.setdefault(lane, State())
            room, endpoint_room = state.room - state.flying, PER_ENDPOINT - self._by_endpoint[lane[0]]
            if room <= 0:
                state.more = True
                del self._looks[lane]
            elif endpoint_room <= 0:
                self._looks[lane] = moment + AGAIN_SECONDS
            elif len(found) < LOOKS_AT_MOST:
                found.append(Wanted(lane, room, endpoint_room))
        return found

    def took_off(self, wanted: Iterable[Wanted], claim: Claim, *, limit: int, moment: float) -> None:
        """Notes what these lanes have on their way now, and when to look into them again."""
        by_lane = Counter(one.lane for one in claim.claimed)
        by_endpoint = Counter(one.receiver.id for one in claim.claimed)
        cut = len(claim.claimed) >= limit
        for lane, count in by_lane.items():
            self._states[lane].flying += count
        self._by_endpoint.update(by_endpoint)
        self.flying += len(claim.claimed)
        for one in wanted:
            # To the end of the line, since lanes are looked into in turn.
            del self._looks[one.lane]
            state, receiver = self._states[one.lane], claim.receivers.get(one.lane[0])
            if receiver is None:
                state.passed_over += 1
                if state.passed_over < AGAIN_AT_MOST:
                    self._looks[one.lane] = moment + AGAIN_SECONDS
                continue
            state.passed_over = 0
            left = int(receiver.tokens) - by_endpoint[receiver.id]
            if left < 1:
                # Tokens come back one by one; a few at a time are cheaper to fetch.
                self._looks[one.lane] = moment + max(1 / max(receiver.rate_per_second, 1), AGAIN_SECONDS)
            elif by_lane[one.lane] >= one.room:
                state.more = True
            elif cut or by_endpoint[receiver.id] >= one.endpoint_room:
                self._looks[one.lane] = moment
        self._forget()

    def landed(self, claimed: Claimed, *, answered: bool) -> None:
        """Notes the end of an attempt, or that it was not made."""
        self.flying -= 1
        self._by_endpoint[claimed.receiver.id] -= 1
        if not self._by_endpoint[claimed.receiver.id]:
            del self._by_endpoint[claimed.receiver.id]
        state = self._states[claimed.lane]
        state.flying -= 1
        state.room = min(PER_LANE, state.room + 1) if answered else max(AT_LEAST, state.room // 2)
        if state.more:
            state.more = False
            self.look([claimed.lane])

    def _forget(self) -> None:
        """Whatever a new lane would begin with again; of far too many, the one that was known first."""
        for lane in [lane for lane, state in self._states.items() if not state.flying and lane not in self._looks]:
            if self._states[lane].room >= AT_FIRST or len(self._states) > KNOWN_AT_MOST:
                del self._states[lane]
