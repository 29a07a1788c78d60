"""The pace of calls to a provider's model: token buckets that all processes share and that learn from every answer.

A lane is one "provider/model". It has up to two buckets, requests and tokens. Each fills at the vendor's rate up to the
vendor's limit, both less a twentieth: the margin for calls that overtake each other. The rate-limit headers of answers
and errors say all that: the rate is `(limit - remaining) / reset`, of several the one seen when most was used; what
remains corrects the level, downwards at once, upwards by a twentieth of the difference a second (it does not know the
calls on their way). `Retry-After` on a 429 closes the lane until then. A 429 of a vendor that never named a limit makes
a guess: 0.8 times the requests of the last minute, 10 % more each minute without a 429, forgotten after ten minutes.

`take` spends one request and its tokens. If the level does not suffice, the call may go into debt as long as its turn
comes within two seconds, and waits for it. Else nothing is spent, the lane is closed until the level will suffice, and
ProviderBusy says so before anything is sent. A call larger than a bucket goes when the bucket is full.

The shared buckets are one JSON value a lane in Redis, changed by one script that is atomic there. A process keeps a
copy. While the copy shows no limit, or plenty of it left, a call spends from the copy alone, and the process looks at
Redis at most once a second; only near the limit each call asks Redis. A process that finds Redis empty puts its copy
there; one that knows nothing begins with the limits in PostgreSQL (learned.py), less the usage of the last minute.
Without Redis each process paces itself.

Complexity: a call costs O(1), in time and in Redis (one key of about 300 bytes a lane, whatever the number of jobs,
processes and projects); `closed` costs O(closed lanes), four times a second.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

import structlog

from infra import json, redis
from infra.clock import now, rfc3339
from infra.errors import ProviderBusy
from workers.providers import learned, limits
from workers.providers.learned import REQUESTS, TOKENS
from workers.providers.limits import Limit

PATIENCE_SECONDS = 2.0
PLENTY = 0.2
# A fifth of a small limit is less than what the other processes may have on their way.
PLENTY_REQUESTS = 10.0
UP, MARGIN = 0.05, 0.05
FRESH_SECONDS, CLOSED_FRESH_SECONDS = 1.0, 0.25
REDIS_DOWN_SECONDS = 10.0
KEPT_SECONDS = 600

GUESS, GUESS_AT_LEAST, GROWTH = 0.8, 10.0, 1.1
MOST_COUNTED = 5000
# Anybody may make up names of models.
MOST_LANES = 10_000
# The refusals of calls that were sent together are one refusal.
BURST_SECONDS = 10.0

CLOSED = "sy:pace:closed"

_log = structlog.get_logger(__name__)

# KEYS: the lane, the closed lanes. ARGV: the lane's name, this process's copy with what it wants to spend.
_SYNC = f"""
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local mine = cjson.decode(ARGV[2])
local lane = cjson.decode(redis.call('GET', KEYS[1]) or '{{"closed":0,"buckets":{{}}}}')
lane.closed = math.max(lane.closed, now + mine.closed)

local function rate(b)
  return b.guessed and b.rate * {GROWTH} ^ ((now - b.guessed) / 60) or b.rate
end

for name, b in pairs(lane.buckets) do
  if b.guessed and now - b.guessed > {KEPT_SECONDS} then
    lane.buckets[name] = nil
  else
    b.level = math.min(b.limit, b.level + (now - b.at) * rate(b))
    b.at = now
  end
end
for name, given in pairs(mine.buckets) do
  local kept = lane.buckets[name]
  local level = given.level
  if kept and not given.said then
    kept.level = math.min(kept.level, level)
  else
    local up = now
    if kept and not kept.guessed and not given.age and level > kept.level then
      local more = level - {PATIENCE_SECONDS} * kept.rate - kept.level
      level, up = kept.level, kept.up
      if more > 0 and now - up > {FRESH_SECONDS} then level, up = level + more * {UP}, now end
    end
    if kept and not given.age and kept.limit == given.limit and (
        kept.used > given.used or kept.used == given.used and kept.rate < given.rate) then
      given.rate, given.used = kept.rate, kept.used
    end
    lane.buckets[name] = {{limit = given.limit, rate = given.rate, used = given.used, level = level, at = now,
      up = up, guessed = given.age and now - given.age or nil}}
  end
end

local wait = math.max(0, lane.closed - now)
for name, cost in pairs(mine.cost) do
  local b = lane.buckets[name]
  if b then wait = math.max(wait, (math.min(cost, b.limit) - b.level) / rate(b)) end
end
if wait <= {PATIENCE_SECONDS} then
  for name, cost in pairs(mine.cost) do
    local b = lane.buckets[name]
    if b then b.level = b.level - math.min(cost, b.limit) end
  end
else
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
  redis.call('ZADD', KEYS[2], 'GT', now + wait, ARGV[1])
  redis.call('EXPIRE', KEYS[2], {int(limits.LONGEST_WAIT_SECONDS)})
end
if next(lane.buckets) or lane.closed > now then
  redis.call('SET', KEYS[1], cjson.encode(lane), 'EX', math.ceil(math.max({KEPT_SECONDS}, lane.closed - now)))
end
for _, b in pairs(lane.buckets) do b.age = b.guessed and now - b.guessed or nil end
return cjson.encode({{wait = wait, closed = math.max(0, lane.closed - now), buckets = lane.buckets}})
"""


@dataclass(slots=True)
class _Bucket:
    """`level` of `limit` at the moment `at`; a guess knows the moment of the 429 behind it. Moments are monotonic."""

    limit: float
    level: float
    rate: float
    at: float
    # How much of the limit was used when the vendor's word gave the rate: the more, the less its rounding matters.
    used: float = 0.0
    guessed: float | None = None
    # What the vendor itself said last, until Redis has it.
    said: float | None = None

    def pace(self, time: float) -> float:
        """What comes in a second."""
        return self.rate if self.guessed is None else self.rate * GROWTH ** ((time - self.guessed) / 60)

    def refill(self, time: float) -> None:
        """Lets in what came since `at`."""
        self.level = min(self.limit, self.level + (time - self.at) * self.pace(time))
        self.at = time


@dataclass(slots=True)
class _Lane:
    """What this process knows of one provider/model."""

    provider: str
    model: str
    name: str
    buckets: dict[str, _Bucket] = field(default_factory=dict)
    closed_until: float = 0.0  # by the vendor's word
    busy_until: float = 0.0  # by that, or because of the level
    look_at: float = 0.0
    tell_at: float = 0.0
    guess_at: float = 0.0
    untold: bool = False
    telling: bool = False
    restored: bool = False
    first_look: asyncio.Future[None] | None = None
    sent: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_COUNTED))

    def has_plenty(self, time: float, cost: Mapping[str, float]) -> bool:
        """Whether so much can be spent without care for the other processes."""
        if self.closed_until > time:
            return False
        for name, bucket in self.buckets.items():
            bucket.refill(time)
            least = max(PLENTY * bucket.limit, PLENTY_REQUESTS if name == REQUESTS else 0.0)
            if bucket.guessed is not None or bucket.level - cost[name] <= least:
                return False
        return True

    def see(self, time: float, name: str, limit: Limit | None) -> None:
        """Takes the vendor's word for a bucket."""
        if limit is None:
            return
        most, kept = limit.limit * (1 - MARGIN), self.buckets.get(name)
        said = level = limit.remaining - limit.limit * MARGIN
        rate, used = limit.per_second * (1 - MARGIN), 0.0 if limit.reset is None else limit.used
        if kept is not None and kept.guessed is None:
            kept.refill(time)
            level = min(level, kept.level)
            if kept.limit == most and (kept.used, -kept.rate) > (used, -rate):
                rate, used = kept.rate, kept.used
        self.buckets[name] = _Bucket(most, level, rate, time, used, said=said)

    def told(self, cost: Mapping[str, float]) -> dict[str, Any]:
        """This process's copy, for Redis."""
        time = monotonic()
        buckets = {}
        for name, bucket in list(self.buckets.items()):
            bucket.refill(time)
            said, bucket.said = bucket.said, None
            level = bucket.level if said is None else said
            given = {"limit": bucket.limit, "level": level, "rate": bucket.rate, "used": bucket.used}
            given["said"] = said is not None
            buckets[name] = given if bucket.guessed is None else {**given, "age": time - bucket.guessed}
        return {"closed": max(0.0, self.closed_until - time), "buckets": buckets, "cost": cost}

    def mirror(self, shared: dict[str, Any]) -> float:
        """Takes over what Redis has; returns the wait."""
        time = monotonic()
        buckets = {
            name: _Bucket(b["limit"], b["level"], b["rate"], time, b["used"], time - b["age"] if "age" in b else None)
            for name, b in shared["buckets"].items()
        }
        newer = {name: bucket for name, bucket in list(self.buckets.items()) if bucket.said is not None}
        self.buckets = {**buckets, **newer}
        self.closed_until = max(self.closed_until, time + shared["closed"])
        return float(shared["wait"])

    def alone(self, cost: Mapping[str, float]) -> float:
        """The wait by this process's copy, which is spent from: what the script does, without Redis."""
        time = monotonic()
        wait = max(0.0, self.closed_until - time)
        for name, bucket in list(self.buckets.items()):
            if bucket.guessed is not None and time - bucket.guessed > KEPT_SECONDS:
                del self.buckets[name]
                continue
            bucket.refill(time)
            wait = max(wait, (min(cost.get(name, 0.0), bucket.limit) - bucket.level) / bucket.pace(time))
        if wait <= PATIENCE_SECONDS:
            self.spend(cost)
        return wait

    def spend(self, cost: Mapping[str, float]) -> None:
        """Takes it off this process's copy."""
        for name, bucket in self.buckets.items():
            bucket.level -= min(cost.get(name, 0.0), bucket.limit)


@dataclass(slots=True)
class _Known:
    """Everything this process knows; `closed` is what Redis says. The times say when to ask it again."""

    lanes: dict[str, _Lane] = field(default_factory=dict)
    closed: dict[str, float] = field(default_factory=dict)
    closed_at: float = 0.0
    redis_at: float = 0.0


_known = _Known()


async def take(provider: str, model: str, tokens: int = 0) -> None:
    """Returns when a call of so many tokens may be sent, within two seconds; raises ProviderBusy if it may not."""
    lane = _lane(provider, model)
    if monotonic() >= lane.look_at:
        lane.look_at = monotonic() + FRESH_SECONDS  # set first: one caller looks, the others use what is known
        look = asyncio.get_running_loop().run_in_executor(None, _look, lane)
        lane.first_look = lane.first_look or look
        await asyncio.shield(look)
    elif lane.first_look is not None and not lane.first_look.done():
        await asyncio.shield(lane.first_look)
    cost = {REQUESTS: 1.0, TOKENS: float(tokens)}
    if lane.has_plenty(monotonic(), cost):
        lane.spend(cost)
    else:
        wait = await asyncio.to_thread(_sync, lane, cost)
        if 0 < wait <= PATIENCE_SECONDS:
            await asyncio.sleep(wait)
            wait = lane.closed_until - monotonic()  # a 429 may have come in the meantime
        if wait > 0:
            raise _busy(lane, wait)
    lane.sent.append(monotonic())


def learn(provider: str, model: str, headers: Mapping[str, str]) -> None:
    """Learns from an answer's headers. Call it on the event loop; it does not wait."""
    requests, tokens = limits.read(headers)
    if requests is None and tokens is None:
        return
    lane, time = _lane(provider, model), monotonic()
    lane.see(time, REQUESTS, requests)
    lane.see(time, TOKENS, tokens)
    if time >= lane.tell_at or not lane.has_plenty(time, {REQUESTS: 1.0, TOKENS: 0.0}):
        _tell(lane)


def refused(provider: str, model: str, headers: Mapping[str, str]) -> None:
    """Learns from a 429. Call it on the event loop; it does not wait."""
    learn(provider, model, headers)
    lane, time = _lane(provider, model), monotonic()
    if lane.sent:
        lane.sent.pop()
    wait = limits.retry_after(headers, in_words=True)
    if wait:
        lane.closed_until = lane.busy_until = max(lane.closed_until, time + wait)
        _tell(lane)
    if time >= lane.guess_at and all(bucket.guessed is not None for bucket in lane.buckets.values()):
        lane.guess_at = time + BURST_SECONDS
        asyncio.get_running_loop().run_in_executor(None, _guess, lane)


def closed() -> dict[str, datetime]:
    """The lanes that take no call now, and until when. Cheap enough to ask before every claim."""
    if monotonic() >= _known.closed_at:
        _known.closed_at = monotonic() + CLOSED_FRESH_SECONDS  # set first: one thread reads
        found = _redis(lambda client: client.pipeline().time().zrange(CLOSED, 0, -1, withscores=True).execute())
        if found is not None:
            (seconds, micros), lanes = found
            skew = monotonic() - seconds - micros / 1e6
            _known.closed = {name.decode(): until + skew for name, until in lanes}
    time, moment = monotonic(), now()
    until = dict(_known.closed)
    for lane in list(_known.lanes.values()):
        until[lane.name] = max(until.get(lane.name, 0.0), lane.busy_until)
    return {name: moment + timedelta(seconds=end - time) for name, end in until.items() if end > time}


def forget_everything() -> None:
    """This process knows nothing any more, as after its start."""
    global _known
    _known = _Known()
    learned.forget_everything()


def _lane(provider: str, model: str) -> _Lane:
    name = f"{provider}/{model}"
    lane = _known.lanes.get(name)
    if lane is None:
        if len(_known.lanes) >= MOST_LANES:
            del _known.lanes[next(iter(_known.lanes))]
        lane = _known.lanes[name] = _Lane(provider, model, name)
    return lane


def _busy(lane: _Lane, wait: float) -> ProviderBusy:
    lane.busy_until = monotonic() + wait
    until = rfc3339(now() + timedelta(seconds=wait))
    detail = f"{lane.name} is at its rate limit until {until}"
    return ProviderBusy(detail, retry_after=wait, provider=lane.provider, model=lane.model, until=until)


def _tell(lane: _Lane) -> None:
    """Has Redis told what this process learned, in a thread; what is learned meanwhile goes with the next telling."""
    lane.untold = True
    if not lane.telling:
        lane.telling = True
        asyncio.get_running_loop().run_in_executor(None, _told, lane)


def _told(lane: _Lane) -> None:
    while lane.untold:
        lane.untold = False
        lane.tell_at = monotonic() + FRESH_SECONDS
        _sync(lane, {})
    lane.telling = False
    real = {name: bucket for name, bucket in list(lane.buckets.items()) if bucket.guessed is None}
    whole = {name: (bucket.limit / (1 - MARGIN), bucket.rate / (1 - MARGIN)) for name, bucket in real.items()}
    learned.keep(lane.provider, lane.model, whole)


def _look(lane: _Lane) -> None:
    """Learns what the others know, or else what PostgreSQL remembers, less what was used in the last minute."""
    _sync(lane, {})
    if lane.buckets or lane.restored:
        return
    kept = learned.load(lane.provider, lane.model)
    lane.restored = kept is not None
    for name, (limit, used) in (kept or {}).items():
        lane.see(monotonic(), name, Limit(limit, max(0, limit - used), None))
    if lane.buckets:
        _sync(lane, {})


def _sync(lane: _Lane, cost: Mapping[str, float]) -> float:
    """Evens out this process's copy and Redis, spends `cost`, and returns the wait; blocks for a round trip."""
    given = json.dumps(lane.told(cost))
    shared = _redis(lambda client: client.eval(_SYNC, 2, f"sy:pace:{lane.name}", CLOSED, lane.name, given))
    return lane.alone(cost) if shared is None else lane.mirror(json.loads(shared))


def _redis(ask: Callable[[Any], Any]) -> Any:
    """What Redis answers; None where it does not, and then it is left alone for a while."""
    if monotonic() < _known.redis_at:
        return None
    try:
        return ask(redis.client())
    except redis.RedisError as error:
        _known.redis_at = monotonic() + REDIS_DOWN_SECONDS
        _log.warning("pace.redis_down", error=str(error))
        return None


def _guess(lane: _Lane) -> None:
    """A pace below what was just refused, where the vendor names no limit; the count of all processes, if to be had."""
    count, time = learned.used_in_a_minute(lane.provider, lane.model), monotonic()
    count = max(count, sum(sent > time - 60 for sent in list(lane.sent)))
    pace = max(GUESS * count, GUESS_AT_LEAST)
    # Ten seconds' worth at once: a full minute's would be the burst that was refused.
    lane.buckets = {REQUESTS: _Bucket(max(1.0, pace / 6), 0.0, pace / 60, time, guessed=time, said=0.0)}
    _sync(lane, {})
    _log.info("pace.guessed", lane=lane.name, requests_per_minute=round(pace))
