"""What follows from an attempt: delivered, tried again later, or failed for good, which is the dead letter.

Outcomes of many deliveries are written by one statement. One applies only to the attempt that it is of, under the lease
that was claimed: a sender that lost a delivery changes nothing any more.

Nobody's lock is waited for, since all receivers would wait with it: what is locked is written with a later group.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import json, metrics
from infra.settings import settings
from models import DeliveryStatus
from workers.webhooks import accounting
from workers.webhooks.accounting import Account
from workers.webhooks.attempt import GONE, Parcel, Said
from workers.webhooks.claiming import Claimed

Json = dict[str, Any]

ENTRIES_KEPT = 20
JITTER = 0.2

WRITE = text("""
WITH outcomes AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset(CAST(:outcomes AS jsonb))
    AS o(id uuid, attempt int, until timestamptz, status text, wait float8, entry jsonb)
), found AS MATERIALIZED (
  SELECT d.id FROM webhook_deliveries d JOIN outcomes o ON o.id = d.id
  WHERE d.status = 'pending' AND d.attempt = o.attempt AND d.next_attempt_at = o.until
), held AS MATERIALIZED (
  SELECT d.id, o.status, o.wait, o.entry FROM webhook_deliveries d JOIN outcomes o ON o.id = d.id
  WHERE d.status = 'pending' AND d.attempt = o.attempt AND d.next_attempt_at = o.until
  FOR NO KEY UPDATE OF d SKIP LOCKED
), written AS (
UPDATE webhook_deliveries d SET status = h.status,
  attempt = d.attempt - CASE WHEN h.entry IS NULL THEN 1 ELSE 0 END,
  next_attempt_at = now() + make_interval(secs => h.wait),
  finished_at = CASE WHEN h.status <> 'pending' THEN now() END,
  attempts = CASE WHEN h.entry IS NULL THEN d.attempts
    WHEN jsonb_array_length(d.attempts) >= :kept THEN (d.attempts - 0) || jsonb_build_array(h.entry)
    ELSE d.attempts || jsonb_build_array(h.entry) END
FROM held h WHERE d.id = h.id RETURNING d.id
)
SELECT f.id, w.id IS NOT NULL AS written FROM found f LEFT JOIN written w ON w.id = f.id
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


@dataclass(frozen=True, slots=True)
class Left:
    """What others had locked, and is to be written later: outcomes, and what outcomes mean for their endpoints."""

    outcomes: Sequence[Outcome] = ()
    accounts: Mapping[UUID, Account] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.outcomes or self.accounts)


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


def write(session: Session, outcomes: Sequence[Outcome], accounts: Mapping[UUID, Account] | None = None) -> Left:
    """Writes them, and what they and earlier ones mean for their endpoints; returns what could not be written now."""
    accounts = dict(accounts or {})
    found = _write(session, outcomes)
    for one in outcomes:
        if found.get(one.claimed.id) and one.said is not None:
            metrics.webhook_attempts.labels(_word(one)).inc()
            if not one.said.ours:
                endpoint_id = one.claimed.receiver.id
                accounts[endpoint_id] = accounts.get(endpoint_id, Account()).after(one.said)
    return Left([one for one in outcomes if found.get(one.claimed.id) is False], accounting.write(session, accounts))


def _write(session: Session, outcomes: Sequence[Outcome]) -> dict[UUID, bool]:
    """Whether each was written, of those that are still this sender's."""
    if not outcomes:
        return {}
    rows = json.dump_for_postgres([one.row() for one in outcomes])
    return {row.id: row.written for row in session.execute(WRITE, {"outcomes": rows, "kept": ENTRIES_KEPT})}


def _word(one: Outcome) -> str:
    return "retried" if one.status == DeliveryStatus.PENDING else one.status
