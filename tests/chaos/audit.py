"""What PostgreSQL says afterwards, compared with what users were promised and with what the provider counted.

The accounting of money. A usage row is one paid call, and (job, attempt, call) is there once. A job never has more rows
than the provider was asked by it. Every answer of the provider is a row, but for the one honest exception: an attempt
that ended without its answer (its worker was killed or asked to end, its connection broke, the job was cancelled) may
have been answered to nobody. The last attempt of a job that succeeded is always counted.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from uuid import UUID

from tests.chaos.load import Load
from tests.chaos.victim import CountingProvider, Victim

FINAL = {"succeeded", "failed", "cancelled", "expired"}
FINAL_EVENTS = {f"job.{status}" for status in FINAL}
# After these the worker may have streamed deltas, which take numbers and are kept in Redis.
BEFORE_DELTAS = {"job.started", "job.progress"}
UNANSWERED = {"worker_lost", "provider_unavailable", "provider_timeout", "timed_out"}

UNFINISHED = """
SELECT id::text, status, attempt FROM jobs WHERE metadata->>'chaos' = %s
  AND status NOT IN ('succeeded', 'failed', 'cancelled', 'expired')
"""
JOBS = """
SELECT id::text, status, attempt, coalesce((usage->>'calls')::int, 0), coalesce(error->>'code', '') FROM jobs
WHERE metadata->>'chaos' = %s
"""
EVENTS = """
SELECT e.job_id::text, e.sequence, e.type FROM job_events e JOIN jobs j ON j.id = e.job_id
WHERE j.metadata->>'chaos' = %s ORDER BY e.job_id, e.sequence
"""
USAGE = """
SELECT u.job_id::text, u.attempt, u.call FROM usage u JOIN jobs j ON j.id = u.job_id WHERE j.metadata->>'chaos' = %s
"""


@dataclass(slots=True)
class Seen:
    """One job as PostgreSQL has it: its row, its events as (sequence, type), its usage rows as (attempt, call)."""

    marker: str
    status: str
    attempt: int
    calls: int
    error: str
    events: list[tuple[int, str]] = field(default_factory=list)
    rows: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class Findings:
    """What went wrong, each with the job that shows it; empty if nothing did."""

    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    doubly_counted: list[str] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    attempts: int = 0
    rows: int = 0

    def nothing(self) -> bool:
        """Whether every promise held."""
        return not (self.lost or self.duplicated or self.doubly_counted)


def settle(victim: Victim, load: Load, seconds: float) -> float:
    """Waits until every job of the load is final."""
    return victim.until(UNFINISHED, load.name, seconds=seconds, what=f"the jobs of {load.name} are final")


def audit(victim: Victim, load: Load) -> Findings:
    """Looks at every job of the load, its events and its usage."""
    accepted = {str(UUID(job_id.removeprefix("job_"))): marker for marker, job_id in load.accepted.items()}
    jobs = {row[0]: Seen(accepted.get(row[0], row[0]), *row[1:]) for row in victim.rows(JOBS, load.name)}
    for job_id, *event in victim.rows(EVENTS, load.name):
        jobs[job_id].events.append((event[0], event[1]))
    for job_id, *row in victim.rows(USAGE, load.name):
        jobs[job_id].rows.append((row[0], row[1]))
    found = Findings()
    found.lost += [f"{marker}: accepted and gone" for job_id, marker in accepted.items() if job_id not in jobs]
    found.duplicated += [f"{job_id}: nobody was told of it" for job_id in jobs.keys() - accepted.keys()]
    for job_id in jobs.keys() & accepted.keys():
        job = jobs[job_id]
        _life(found, job)
        _money(found, job)
        if paid(load.inputs[job.marker]):
            _money_of_the_provider(found, job, victim.provider)
        found.statuses[job.status] += 1
        found.attempts += job.attempt
        found.rows += len(job.rows)
    return found


def _life(found: Findings, job: Seen) -> None:
    """One beginning, one end, and no number missing but those that deltas may have taken."""
    types = [type_ for _, type_ in job.events]
    if job.status not in FINAL or job.events[:1] != [(1, "job.queued")] or types[-1] != f"job.{job.status}":
        found.lost.append(str(job))
    ends = sum(type_ in FINAL_EVENTS for type_ in types)
    if ends > 1 or types.count("job.started") != job.attempt or _started_twice(types):
        found.duplicated.append(str(job))
    for (before, type_), (number, _) in pairwise(job.events):
        if number != before + 1 and type_ not in BEFORE_DELTAS:
            found.lost.append(f"no event between {before} and {number}: {job}")


def _started_twice(types: Iterable[str]) -> bool:
    """Whether an attempt began while another was not over."""
    running = False
    for type_ in types:
        if type_ == "job.started" and running:
            return True
        running = type_ == "job.started" or (running and type_ == "job.progress")
    return False


def _money(found: Findings, job: Seen) -> None:
    """Each call once, and those of the last attempt as many as the job itself shows."""
    if len(set(job.rows)) != len(job.rows) or any(attempt > job.attempt for attempt, _ in job.rows):
        found.doubly_counted.append(str(job))
    last = sum(attempt == job.attempt for attempt, _ in job.rows)
    if last != job.calls or (job.status == "succeeded" and not last):
        found.lost.append(f"the last attempt has {last} calls: {job}")


def _money_of_the_provider(found: Findings, job: Seen, provider: CountingProvider) -> None:
    """What was counted beside what the provider counted."""
    asked, answered = provider.asked[job.marker], provider.answered[job.marker]
    if len(job.rows) > asked:
        found.doubly_counted.append(f"asked {asked} times: {job}")
    unheard = sum(type_ == "job.retrying" for _, type_ in job.events)
    unheard += job.status in ("cancelled", "expired") or job.error in UNANSWERED
    if answered - unheard > len(job.rows):
        found.lost.append(f"answered {answered} times, {unheard} attempts without an answer: {job}")


def paid(input: Mapping[str, Any]) -> bool:
    """Whether the job asks the provider that counts."""
    return str(input["model"]).startswith("openai/")
