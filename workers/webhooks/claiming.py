"""Which deliveries leave now: as many of each receiver as its rate allows, oldest first, all in turn.

Places are few where receivers are slow. The next goes to the project that has the fewest, and none has more than half.

Deliveries of one endpoint and host wait in a lane. A claim locks the endpoints it is about, passing over those that
another sender has, refills their tokens, takes the first due deliveries of each lane, and pays for them; so the rate of
an endpoint holds for all senders together. A claimed delivery is due again when its lease ends: whoever took it and
died has delayed it, and no more.

Deliveries of a disabled endpoint stay as they are. They go out when it is enabled again; after 14 days they are given
up (retention.py).

Complexity of a claim of n deliveries from L lanes: L index lookups and n rows, however many wait. Of a look for lanes:
one index lookup for each lane that has anything pending, at most `steps`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import json

Json = dict[str, Any]
Lane = tuple[UUID, str]

NOWHERE: Lane = (UUID(int=0), "")
# Of one sender, on their way at the same time.
PER_PROJECT = 250

LANES_OF = text("""
SELECT DISTINCT d.endpoint_id, d.host FROM webhook_deliveries d
WHERE d.id = ANY(CAST(:ids AS uuid[])) AND d.status = 'pending' AND d.next_attempt_at <= now()
""")

# From one lane to the next along the index. `next` is where the look after this one begins.
LANES_AFTER = text("""
WITH RECURSIVE lanes(step, endpoint_id, host) AS (
  SELECT 0, CAST(:endpoint_id AS uuid), CAST(:host AS text)
  UNION ALL
  SELECT l.step + 1, n.endpoint_id, n.host FROM lanes l CROSS JOIN LATERAL (
    SELECT d.endpoint_id, d.host FROM webhook_deliveries d
    WHERE d.status = 'pending' AND (d.endpoint_id, d.host) > (l.endpoint_id, l.host)
    ORDER BY d.endpoint_id, d.host LIMIT 1) n
  WHERE l.step < :steps
)
SELECT l.step, l.endpoint_id, l.host, (SELECT d.next_attempt_at FROM webhook_deliveries d
    WHERE d.endpoint_id = l.endpoint_id AND d.host = l.host AND d.status = 'pending'
    ORDER BY d.next_attempt_at LIMIT 1) <= CAST(:due_before AS timestamptz) AS due,
  w.id IS NOT NULL AND w.disabled_at IS NULL AS open
FROM lanes l LEFT JOIN webhook_endpoints w ON w.id = l.endpoint_id
WHERE l.step > 0 ORDER BY l.step
""")

# Without a time of refilling the bucket is full: it has never been used. So it is where that time has not come yet: a
# clock was ahead.
LOCK_ENDPOINTS = text("""
SELECT w.id, w.project_id, w.url, w.payload, w.headers, w.secret, w.rate_per_second,
  CASE WHEN w.old_secret_until > now() THEN w.old_secret END AS old_secret,
  least(greatest(w.rate_per_second, 1), coalesce(
    CASE WHEN w.refilled_at <= now() + interval '1 minute'
      THEN w.tokens + extract(epoch FROM greatest(now(), w.refilled_at) - w.refilled_at) * w.rate_per_second END,
    w.rate_per_second)) AS tokens
FROM webhook_endpoints w WHERE w.id = ANY(CAST(:ids AS uuid[])) AND w.disabled_at IS NULL
FOR NO KEY UPDATE SKIP LOCKED
""")

TAKE = text("""
WITH lanes AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset(CAST(:lanes AS jsonb))
    AS l(endpoint_id uuid, host text, room int, endpoint_room int, tokens float8, project_id uuid, flying int)
), due AS (
  SELECT d.id, l.endpoint_id, l.endpoint_room, l.project_id, l.flying, d.next_attempt_at,
    row_number() OVER (PARTITION BY l.endpoint_id, l.host ORDER BY d.next_attempt_at) AS place
  FROM lanes l CROSS JOIN LATERAL (
    SELECT d.id, d.next_attempt_at FROM webhook_deliveries d
    WHERE d.endpoint_id = l.endpoint_id AND d.host = l.host AND d.status = 'pending' AND d.next_attempt_at <= now()
    ORDER BY d.next_attempt_at LIMIT l.room FOR NO KEY UPDATE SKIP LOCKED) d
), turns AS (
  SELECT id, place, next_attempt_at,
    flying + row_number() OVER (PARTITION BY project_id ORDER BY place, next_attempt_at) AS turn
  FROM (
    SELECT *, row_number() OVER (PARTITION BY endpoint_id ORDER BY place, next_attempt_at) AS number FROM due) d
  WHERE number <= endpoint_room
), taken AS (
  SELECT id FROM turns WHERE turn <= :per_project ORDER BY turn, place, next_attempt_at LIMIT :limit
), claimed AS (
  UPDATE webhook_deliveries d SET attempt = d.attempt + 1, next_attempt_at = now() + make_interval(secs => :lease)
  FROM taken t WHERE d.id = t.id RETURNING d.*
), paid AS (
  UPDATE webhook_endpoints w SET tokens = l.tokens - c.taken,
    refilled_at = greatest(CASE WHEN w.refilled_at <= now() + interval '1 minute' THEN w.refilled_at END, now())
  FROM (SELECT endpoint_id, count(*) AS taken FROM claimed GROUP BY endpoint_id) c
    JOIN (SELECT endpoint_id, min(tokens) AS tokens FROM lanes GROUP BY endpoint_id) l USING (endpoint_id)
  WHERE w.id = c.endpoint_id
)
SELECT c.id, c.project_id, c.endpoint_id, c.url, c.host, c.subject_id, c.event_sequence, c.event_id, c.event_type,
  c.attempt, c.next_attempt_at AS until, e.data, e.created_at
FROM claimed c LEFT JOIN job_events e
  ON e.job_id = c.subject_id AND e.sequence = c.event_sequence AND e.id = c.event_id
""")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A lane to look into: how many may leave it now, and the endpoint as a whole."""

    lane: Lane
    room: int
    endpoint_room: int


@dataclass(frozen=True, slots=True)
class Receiver:
    """An endpoint as the claim found it; secrets and headers are sealed. `tokens` are those before the claim."""

    id: UUID
    project_id: UUID
    url: str | None
    payload: str
    headers: bytes | None
    secret: bytes
    old_secret: bytes | None
    rate_per_second: int
    tokens: float


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that this sender has until `until`; `attempt` is the number of this attempt. `data` and `created_at`
    are its event's, None where that is gone."""

    id: UUID
    project_id: UUID
    receiver: Receiver
    url: str | None
    host: str
    subject_id: UUID
    event_sequence: int
    event_id: UUID
    event_type: str
    attempt: int
    until: datetime
    data: Json | None
    created_at: datetime | None

    @property
    def lane(self) -> Lane:
        """Where it waited."""
        return self.receiver.id, self.host


@dataclass(frozen=True, slots=True)
class Claim:
    """What was claimed, and the endpoints that could be looked into; others were locked, or are disabled."""

    claimed: list[Claimed]
    receivers: dict[UUID, Receiver]


def lanes_of(session: Session, delivery_ids: Iterable[UUID]) -> list[Lane]:
    """The lanes of those of these deliveries that are due."""
    rows = session.execute(LANES_OF, {"ids": [str(one) for one in delivery_ids]})
    return [(row.endpoint_id, row.host) for row in rows]


def lanes_after(
    session: Session, lane: Lane, *, steps: int, due_before: datetime, also_closed: bool = False
) -> tuple[list[Lane], Lane]:
    """The lanes after that one in which something was due before then, of open endpoints or of all, as far as `steps`
    lanes go, and where to go on: NOWHERE at the end."""
    place = {"endpoint_id": str(lane[0]), "host": lane[1]}
    rows = session.execute(LANES_AFTER, {**place, "steps": steps, "due_before": due_before}).all()
    due = [(row.endpoint_id, row.host) for row in rows if row.due and (row.open or also_closed)]
    return due, (rows[-1].endpoint_id, rows[-1].host) if len(rows) == steps else NOWHERE


def claim(
    session: Session,
    wanted: Sequence[Wanted],
    *,
    limit: int,
    lease_seconds: float,
    flying: Mapping[UUID, int] = MappingProxyType({}),
) -> Claim:
    """Takes what is due in these lanes, at most `limit` in all; `flying` is what projects have on their way already."""
    endpoint_ids = sorted({str(one.lane[0]) for one in wanted})
    receivers = {row.id: _receiver(row) for row in session.execute(LOCK_ENDPOINTS, {"ids": endpoint_ids})}
    lanes = [_lane(one, receivers[one.lane[0]], flying) for one in wanted if one.lane[0] in receivers]
    lanes = [one for one in lanes if one["room"] > 0]
    if not lanes:
        return Claim([], receivers)
    parameters = {"lanes": json.dumps(lanes), "limit": limit, "per_project": PER_PROJECT, "lease": lease_seconds}
    rows = session.execute(TAKE, parameters)
    return Claim([_claimed(row, receivers[row.endpoint_id]) for row in rows], receivers)


def _lane(wanted: Wanted, receiver: Receiver, flying: Mapping[UUID, int]) -> Json:
    whole, of_project = int(receiver.tokens), flying.get(receiver.project_id, 0)
    return {
        "endpoint_id": receiver.id,
        "host": wanted.lane[1],
        "room": min(wanted.room, wanted.endpoint_room, whole, PER_PROJECT - of_project),
        "endpoint_room": min(wanted.endpoint_room, whole),
        "tokens": receiver.tokens,
        "project_id": receiver.project_id,
        "flying": of_project,
    }


def _receiver(row: Any) -> Receiver:
    return Receiver(
        id=row.id,
        project_id=row.project_id,
        url=row.url,
        payload=row.payload,
        headers=None if row.headers is None else bytes(row.headers),
        secret=bytes(row.secret),
        old_secret=None if row.old_secret is None else bytes(row.old_secret),
        rate_per_second=row.rate_per_second,
        tokens=float(row.tokens),
    )


def _claimed(row: Any, receiver: Receiver) -> Claimed:
    return Claimed(
        id=row.id,
        project_id=row.project_id,
        receiver=receiver,
        url=row.url,
        host=row.host,
        subject_id=row.subject_id,
        event_sequence=row.event_sequence,
        event_id=row.event_id,
        event_type=row.event_type,
        attempt=row.attempt,
        until=row.until,
        data=row.data,
        created_at=row.created_at,
    )
