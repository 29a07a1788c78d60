"""What is wrong with this installation, and what to do about it: `switchyard doctor`.

PostgreSQL, Redis and the broker are asked at the same time, each in a thread that nobody waits for longer than a few
seconds. What they said is judged afterwards, each finding in one sentence with one sentence of advice.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from infra import db, redis, schema
from infra.clock import rfc3339
from infra.ids import show
from infra.redis import RedisError
from infra.settings import settings
from schemas.dead_letter import reason_of
from schemas.stats import Reason
from workers import readiness
from workers.jobs import census, presence, vitals
from workers.jobs.census import Share
from workers.jobs.presence import Crew
from workers.jobs.vitals import AtLimit, Depth, Failing
from workers.kinds import QUEUES
from workers.providers import breaker, pace
from workers.webhooks import vitals as webhooks
from workers.webhooks.vitals import Troubled

T = TypeVar("T")

DATABASE_SECONDS = 3.2
REDIS_SECONDS = 2.2
STATEMENT_MILLISECONDS = 1500
SLOW_MILLISECONDS = 250.0
SWEPT_SECONDS = 10.0
WAITED_SECONDS = 60.0
NEARLY_FULL = 0.9

START_A_WORKER = "Start a worker for it; docs/operations.md has the commands."
START_BEAT = "Start beat and a worker of the default queue, and see that the broker answers."


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: well, or wrong with advice."""

    check: str
    says: str
    advice: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing must be done."""
        return not self.advice


@dataclass(slots=True)
class RedisFacts:
    """What Redis knows."""

    milliseconds: float
    crews: dict[str, Crew]
    swept_seconds: float | None
    closed: dict[str, datetime]
    broken: dict[str, datetime]


@dataclass(slots=True)
class DatabaseFacts:
    """What PostgreSQL knows; filled in from top to bottom."""

    milliseconds: float = 0.0
    version: str = ""
    revision: str | None = None
    complete: bool = False
    waiting: int = 0
    depths: dict[str, Depth] = field(default_factory=dict)
    expired: tuple[int, float | None] = (0, None)
    limits: list[AtLimit] = field(default_factory=list)
    dead_letters: dict[str, int] = field(default_factory=dict)
    schedules: list[Failing] = field(default_factory=list)
    webhooks_late: int = 0
    webhooks: list[Troubled] = field(default_factory=list)
    shares: dict[str, list[Share]] = field(default_factory=dict)


class Question(Generic[T]):
    """Something asked in a thread that does not keep the process alive."""

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._answer: T | None = None
        self.error = "it does not answer"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._answer = self._ask()
        except (SQLAlchemyError, RedisError, OSError) as error:
            self.error = (str(getattr(error, "orig", error)).strip().splitlines() or [type(error).__name__])[0]

    def answer(self, until: float) -> T | None:
        """The answer, if it is there by then (monotonic); else None, and `error` says why."""
        self._thread.join(max(0.0, until - time.monotonic()))
        return self._answer


@dataclass(frozen=True, slots=True)
class Report:
    """Everything looked at; `reachable` says whether the database could be."""

    findings: list[Finding]
    reachable: bool

    @property
    def exit_code(self) -> int:
        """0: all well; 1: something is to be done; 2: the database cannot be reached."""
        if not self.reachable:
            return 2
        return 0 if all(finding.ok for finding in self.findings) else 1


def examine() -> Report:
    """Looks at everything, in less than five seconds whatever is broken."""
    begun = time.monotonic()
    asked_redis, asked_broker = Question(_ask_redis), Question(readiness.broker_check)
    facts = DatabaseFacts()
    asked_database = Question(lambda: _ask_database(facts, asked_redis, begun + REDIS_SECONDS))
    asked_database.answer(begun + DATABASE_SECONDS)
    known = asked_redis.answer(begun + REDIS_SECONDS)
    findings = [*_database(facts, asked_database.error), _redis(known, asked_redis.error)]
    findings.append(_broker(asked_broker.answer(begun + DATABASE_SECONDS)))
    if known is not None:
        findings += [_sweeps(known.swept_seconds), *_lanes(known)]
    crews = known.crews if known else None
    findings += [_queue(queue, crews, facts) for queue in QUEUES]
    if facts.complete:
        findings += [_bound(facts.waiting), *_leases(facts), *_limits(facts), *_dead_letters(facts), *_schedules(facts)]
        findings += _webhooks(facts)
    return Report(findings, bool(facts.version))


def _ask_redis() -> RedisFacts:
    begun = time.perf_counter()
    redis.client().ping()
    milliseconds = (time.perf_counter() - begun) * 1000
    swept: Any = redis.client().get(redis.SWEPT)
    return RedisFacts(
        milliseconds=milliseconds,
        crews=presence.ask(QUEUES),
        swept_seconds=None if swept is None else max(0.0, time.time() - float(swept)),
        closed=pace.closed(),
        broken=breaker.opened(),
    )


def _ask_database(facts: DatabaseFacts, asked_redis: Question[RedisFacts], redis_until: float) -> None:
    with db.transaction() as session:
        session.execute(text(f"SET LOCAL statement_timeout = {STATEMENT_MILLISECONDS}"))
        begun = time.perf_counter()
        facts.version = str(session.scalar(text("SHOW server_version")))
        facts.milliseconds = (time.perf_counter() - begun) * 1000
        facts.revision = schema.current(session.connection())
        if facts.revision != schema.newest():
            return
        facts.waiting = vitals.waiting(session)
        facts.depths = vitals.depths(session, QUEUES)
        facts.expired = vitals.expired_leases(session)
        facts.limits = vitals.at_limits(session, QUEUES)
        facts.dead_letters = vitals.dead_letters(session)
        facts.schedules = vitals.failing_schedules(session)
        facts.webhooks_late = webhooks.late(session)
        facts.webhooks = webhooks.troubled(session)
        known = asked_redis.answer(redis_until)
        crews, closed = (known.crews, known.closed) if known else (None, {})
        facts.shares = census.waiting(session, project_id=None, queues=QUEUES, crews=crews, closed=closed)
        facts.complete = True


def _database(facts: DatabaseFacts, error: str) -> list[Finding]:
    if not facts.version:
        return [
            Finding(
                "database", f"PostgreSQL cannot be reached: {error.rstrip('.')}.", "Start it, or correct DATABASE_URL."
            )
        ]
    says = f"PostgreSQL {facts.version} answers in {facts.milliseconds:.1f} ms."
    slow = "Look for what keeps it busy: pg_stat_activity, its disks, its connections."
    found = [Finding("database", says, slow if facts.milliseconds > SLOW_MILLISECONDS else "")]
    if facts.revision != schema.newest():
        says = f"The tables are at migration {facts.revision}, this code needs {schema.newest()}."
        found.append(Finding("migrations", says, "Run `flask --app wsgi migrate` with this version of the code."))
    elif not facts.complete:
        found.append(Finding("database", f"It did not answer every question in time: {error}.", slow))
    else:
        found.append(Finding("migrations", f"The tables are at migration {facts.revision}, as needed."))
    return found


def _redis(known: RedisFacts | None, error: str) -> Finding:
    if known is None:
        advice = "Start it, or correct REDIS_URL; jobs go on without it, but streams, limits and wake-ups suffer."
        return Finding("redis", f"Redis cannot be reached: {error.rstrip('.')}.", advice)
    slow = "Look for what keeps it busy: SLOWLOG, its memory, its network."
    says = f"Redis answers in {known.milliseconds:.1f} ms."
    return Finding("redis", says, slow if known.milliseconds > SLOW_MILLISECONDS else "")


def _broker(check: dict[str, Any] | None) -> Finding:
    if check is not None and check["status"] == "ok":
        return Finding("broker", f"The broker answers in {check['milliseconds']} ms.")
    detail = check["detail"] if check else "it does not answer"
    return Finding("broker", f"The broker cannot be reached: {detail.rstrip('.')}.", "Start it, or correct BROKER_URL.")


def _sweeps(seconds: float | None) -> Finding:
    if seconds is None:
        return Finding("beat", "The jobs were never swept since Redis was emptied.", START_BEAT)
    advice = START_BEAT if seconds > SWEPT_SECONDS else ""
    return Finding("beat", f"The jobs were last swept {seconds:.0f} s ago.", advice)


def _lanes(known: RedisFacts) -> list[Finding]:
    rate = "Wait, spread the load over other models (fallback_models), or ask the provider for a higher limit."
    broken = "See what the provider's status page says; jobs with fallback_models go on with those."
    found = [
        Finding("rate limit", f"{lane} takes no call until {rfc3339(until)}: its rate limit is reached.", rate)
        for lane, until in sorted(known.closed.items())
    ]
    return found + [
        Finding("circuit breaker", f"{lane} failed repeatedly and is not called until {rfc3339(until)}.", broken)
        for lane, until in sorted(known.broken.items())
    ]


def _queue(queue: str, crews: dict[str, Crew] | None, facts: DatabaseFacts) -> Finding:
    """Who listens to a queue, how much waits in it, and for what."""
    check, crew, depth = f"queue {queue}", crews[queue] if crews else None, facts.depths.get(queue)
    shares = ", ".join(f"{share.reason} {share.count}{'+' * share.more}" for share in facts.shares.get(queue, ()))
    waits = f"{depth.queued}{'+' * depth.more} jobs wait" if depth else "what waits is not known"
    waits += f" ({shares})" if shares else ""
    if crew is None:
        return Finding(check, f"Its workers are not known without Redis; {waits}.")
    if not crew.alive:
        last = "none for over a minute" if crew.silent_seconds is None else f"the last {crew.silent_seconds:.0f} s ago"
        return Finding(check, f"No worker listens ({last}); {waits}.", START_A_WORKER)
    oldest = depth.oldest_seconds if depth else None
    says = f"Workers alive: {len(crew.alive)}, the last sign {crew.silent_seconds or 0:.0f} s ago; {waits}"
    says += f", the oldest that could run for {oldest:.0f} s." if oldest is not None else "."
    busy = any(share.reason == Reason.WORKERS_BUSY for share in facts.shares.get(queue, ()))
    late = busy and oldest is not None and oldest > WAITED_SECONDS
    return Finding(check, says, "Start more workers for it, or raise WORKER_CAPACITY." if late else "")


def _bound(waiting: int) -> Finding:
    bound = settings().max_queued
    full = waiting >= NEARLY_FULL * bound
    advice = "Start more workers, or raise MAX_QUEUED: beyond it every submit is refused with 429." if full else ""
    return Finding("bound", f"{waiting} of at most {bound} jobs wait in all queues.", advice)


def _leases(facts: DatabaseFacts) -> list[Finding]:
    jobs, seconds = facts.expired
    if not jobs:
        return [Finding("leases", "No lease is over that nobody noticed.")]
    says = f"{jobs} running jobs lost their worker up to {seconds:.0f} s ago and were not queued again."
    return [Finding("leases", says, START_BEAT)]


def _limits(facts: DatabaseFacts) -> list[Finding]:
    found = []
    for one in facts.limits:
        project = show("proj", one.project_id)
        if one.max_running is not None and one.running is not None and one.running >= one.max_running:
            says = f"{one.name} ({project}) runs {one.running} jobs, which is all that it may, and has others waiting."
            advice = f"Leave it so, or: switchyard project set {project} --max-running {one.max_running * 2}"
            found.append(Finding("project limit", says, advice))
        if one.queued >= one.max_queued:
            says = (
                f"{one.name} ({project}) has {one.queued} jobs waiting, which is all that it may: submits are refused."
            )
            advice = f"Leave it so, or: switchyard project set {project} --max-queued {one.max_queued * 2}"
            found.append(Finding("project limit", says, advice))
    return found


def _dead_letters(facts: DatabaseFacts) -> list[Finding]:
    advice = "Remove the cause, then redrive or discard them: GET /v1/dead_letters, POST /v1/dead_letters/redrive."
    return [
        Finding("dead letters", f"{jobs} jobs used up their attempts: {reason_of(code)} ({code}).", advice)
        for code, jobs in facts.dead_letters.items()
    ]


def _schedules(facts: DatabaseFacts) -> list[Finding]:
    found = []
    for one in facts.schedules:
        name = f"{one.name} ({show('sched', one.schedule_id)})"
        if one.error is not None:
            advice = "Correct its input or options: PATCH /v1/schedules/{id}."
            found.append(Finding("schedule", f"{name} could not submit its last job: {one.error}", advice))
        elif one.next_run_at is not None:
            says = f"{name} should have run at {rfc3339(one.next_run_at)}."
            found.append(Finding("schedule", says, START_BEAT))
    return found


def _webhooks(facts: DatabaseFacts) -> list[Finding]:
    says = f"Webhook endpoints with deliveries that should have left over a minute ago: {facts.webhooks_late}."
    advice = (
        "Start an I/O worker (queue webhooks), or raise rate_per_second where an endpoint gets more events than that."
    )
    found = [Finding("webhooks", says, advice if facts.webhooks_late else "")]
    for one in facts.webhooks:
        name = f"{one.url} ({show('we', one.endpoint_id)})"
        if one.disabled_at is not None:
            says = f"{name} was disabled at {rfc3339(one.disabled_at)}: {one.disabled_reason}."
        elif one.failing_since is not None:
            says = f"{name} takes nothing since {rfc3339(one.failing_since)}."
        advice = "See why in its deliveries; when it works again: PATCH disabled to false, then POST …/replay."
        found.append(Finding("webhook endpoint", says, advice))
    return found
