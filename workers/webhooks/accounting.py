"""Since when each endpoint fails, and whether that is the end of it.

The endpoint's row may be locked, by another sender, by whoever changes it or by a replay. That is not waited for: the
account is kept, and settled later.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import json
from models import DisabledReason
from workers.webhooks import disabling
from workers.webhooks.attempt import GONE, Said

# The callback endpoint stands for many receivers, so that it fails since no time. What is returned is locked.
FAILING = text("""
WITH accounts AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset(CAST(:accounts AS jsonb))
    AS o(id uuid, succeeded boolean, failed_at timestamptz)
), found AS MATERIALIZED (
  SELECT w.id FROM webhook_endpoints w JOIN accounts o ON o.id = w.id
  WHERE w.url IS NOT NULL AND w.failing_since IS DISTINCT FROM
    CASE WHEN o.succeeded THEN o.failed_at ELSE coalesce(w.failing_since, o.failed_at) END
), held AS MATERIALIZED (
  SELECT w.id, CASE WHEN o.succeeded THEN o.failed_at ELSE coalesce(w.failing_since, o.failed_at) END AS failing_since
  FROM webhook_endpoints w JOIN accounts o ON o.id = w.id
  WHERE w.id IN (SELECT id FROM found) FOR NO KEY UPDATE OF w SKIP LOCKED
), changed AS (
  UPDATE webhook_endpoints w SET failing_since = h.failing_since FROM held h WHERE w.id = h.id RETURNING w.id
)
SELECT f.id FROM found f WHERE NOT EXISTS (SELECT FROM changed c WHERE c.id = f.id)
""")


@dataclass(frozen=True, slots=True)
class Account:
    """What answers mean for their endpoint. `failed_at`: the first failure after the last success; `error`: what the
    last failure was, None after a success; `gone`: one of them was 410."""

    succeeded: bool = False
    failed_at: datetime | None = None
    error: str | None = None
    gone: str | None = None

    def after(self, said: Said) -> Self:
        """With one answer more."""
        if said.error is None:
            return type(self)(succeeded=True, gone=self.gone)
        gone = said.error if said.status == GONE else self.gone
        return type(self)(self.succeeded, self.failed_at or said.at, said.error, gone)


def write(session: Session, accounts: Mapping[UUID, Account]) -> dict[UUID, Account]:
    """Notes them, and disables the endpoints that are gone or failed for too long; returns those that are locked."""
    if not accounts:
        return {}
    rows = [{"id": id, "succeeded": one.succeeded, "failed_at": one.failed_at} for id, one in accounts.items()]
    locked = set(session.execute(FAILING, {"accounts": json.dumps(rows)}).scalars())
    noted = {id: one for id, one in accounts.items() if id not in locked}
    gone = {id: one.gone for id, one in noted.items() if one.gone}
    locked |= disabling.disable(session, gone, DisabledReason.GONE)
    # Where it is locked, the next failure is soon enough.
    disabling.disable_hopeless(session, {id: one.error for id, one in noted.items() if one.error and not one.gone})
    return {id: accounts[id] for id in locked}
