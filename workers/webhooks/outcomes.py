"""What follows from an attempt: delivered, tried again later, or failed for good, which is the dead letter.

Outcomes of many deliveries are written by one statement. One applies only to the attempt that it is of, under the lease
that was claimed: a sender that lost a delivery changes nothing any more.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import json, metrics
from infra.settings import settings
from models import DeliveryStatus, DisabledReason
from workers.webhooks import disabling
from workers.webhooks.attempt import GONE, Parcel, Said
from workers.webhooks.claiming import Claimed

Json = dict[str, Any]

ENTRIES_KEPT = 20
JITTER = 0.2

WRITE = text("""
WITH outcomes AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset(CAST(:outcomes AS jsonb))
    AS o(id uuid, attempt int, until timestamptz, status text, wait float8, entry jsonb)
), held AS MATERIALIZED (
  SELECT d.id, o.status, o.wait, o.entry FROM webhook_deliveries d JOIN outcomes o ON o.id = d.id
  WHERE d.status = 'pending' AND d.attempt = o.attempt AND d.next_attempt_at = o.until
  ORDER BY d.id FOR NO KEY UPDATE OF d
)
UPDATE webhook_deliveries d SET status = h.status,
  attempt = d.attempt - CASE WHEN h.entry IS NULL THEN 1 ELSE 0 END,
  next_attempt_at = now() + make_interval(secs => h.wait),
  finished_at = CASE WHEN h.status <> 'pending' THEN now() END,
  attempts = CASE WHEN h.entry IS NULL THEN d.attempts
    WHEN jsonb_array_length(d.attempts) >= :kept THEN (d.attempts - 0) || jsonb_build_array(h.entry)
    ELSE d.attempts || jsonb_build_array(h.entry) END
FROM held h WHERE d.id = h.id RETURNING d.id
""")

# `failed_at`: the first failure after the last success of the group, if there was one after it.
FAILING = text("""
WITH outcomes AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset(CAST(:endpoints AS jsonb))
    AS o(id uuid, succeeded boolean, failed_at timestamptz)
), changed AS MATERIALIZED (
  SELECT w.id, CASE WHEN o.succeeded THEN o.failed_at ELSE coalesce(w.failing_since, o.failed_at) END AS failing_since
  FROM webhook_endpoints w JOIN outcomes o ON o.id = w.id
  WHERE w.failing_since IS DISTINCT FROM
    CASE WHEN o.succeeded THEN o.failed_at ELSE coalesce(w.failing_since, o.failed_at) END
  ORDER BY w.id FOR NO KEY UPDATE OF w
)
UPDATE webhook_endpoints w SET failing_since = c.failing_since FROM changed c WHERE w.id = c.id
""")


@dataclass(frozen=True, slots=True)
class Outcome:
    """A delivery's next state. `wait`: seconds until it is due again; `said` None: no attempt was made after all, and
    it goes back as it came."""

    claimed: Claimed
    status: DeliveryStatus
    wait: float | None = None
    said: Said | None = None

    def row(self) -> Json:
        """The outcome as the statement reads it."""
        return {
            "id": self.claimed.id,
            "attempt": self.claimed.attempt,
            "until": self.claimed.until,
            "status": self.status,
            "wait": self.wait,
            "entry": self.said.entry() if self.said else None,
        }


def after(parcel: Parcel, said: Said) -> Outcome:
    """What follows from what the receiver said."""
    if said.error is None:
        return Outcome(parcel.claimed, DeliveryStatus.DELIVERED, said=said)
    waits = settings().webhook_retry_seconds
    if parcel.lost or said.status == GONE or parcel.claimed.attempt > len(waits):
        return Outcome(parcel.claimed, DeliveryStatus.FAILED, said=said)
    wait = waits[parcel.claimed.attempt - 1] * random.uniform(1 - JITTER, 1 + JITTER)
    return Outcome(parcel.claimed, DeliveryStatus.PENDING, max(wait, said.retry_after), said)


def handed_back(claimed: Claimed, wait: float = 0.0) -> Outcome:
    """For whoever takes it next: this sender did not come to it."""
    return Outcome(claimed, DeliveryStatus.PENDING, wait)


def without_words(one: Outcome) -> Outcome:
    """The same, where the database refuses what the receiver said."""
    said = one.said and replace(one.said, body=None, error=one.said.error and "What the receiver said cannot be kept.")
    return replace(one, said=said)


def write(session: Session, outcomes: Sequence[Outcome]) -> None:
    """Writes them, and what they mean for their endpoints."""
    if not outcomes:
        return
    rows = json.dump_for_postgres([one.row() for one in outcomes])
    written = set(session.execute(WRITE, {"outcomes": rows, "kept": ENTRIES_KEPT}).scalars())
    told = [one for one in outcomes if one.claimed.id in written and one.said is not None and not one.said.ours]
    if told:
        _account(session, told)
    for one in outcomes:
        if one.claimed.id in written and one.said is not None:
            metrics.webhook_attempts.labels(_word(one)).inc()


def _word(one: Outcome) -> str:
    return "retried" if one.status == DeliveryStatus.PENDING else one.status


def _account(session: Session, outcomes: Sequence[Outcome]) -> None:
    """Since when each endpoint fails, and whether that is the end of it."""
    endpoints: dict[UUID, Json] = {}
    last_failures: dict[UUID, Outcome] = {}
    for one in outcomes:
        said, endpoint_id = one.said, one.claimed.receiver.id
        known = endpoints.setdefault(endpoint_id, {"id": endpoint_id, "succeeded": False, "failed_at": None})
        if said is None or said.error is None:
            known |= {"succeeded": True, "failed_at": None}
            last_failures.pop(endpoint_id, None)
        else:
            known["failed_at"] = known["failed_at"] or said.at
            last_failures[endpoint_id] = one
    session.execute(FAILING, {"endpoints": json.dumps(list(endpoints.values()))})
    gone = {one.claimed.receiver.id: one for one in outcomes if one.said is not None and one.said.status == GONE}
    disabling.disable(session, {id: _error(one) for id, one in gone.items()}, DisabledReason.GONE)
    disabling.disable_hopeless(session, {id: _error(one) for id, one in last_failures.items() if id not in gone})


def _error(one: Outcome) -> str | None:
    return one.said.error if one.said else None
