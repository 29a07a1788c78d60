"""A delivery for every event that somebody wants sent: written in the event's own transaction, so that neither is there
without the other."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import broker, db, json
from schemas.event import FINAL_EVENTS
from workers.jobs.happened import Happened

Json = dict[str, Any]

# Follows from event (x) and endpoint (w): the event's time and counter in front, so that deliveries sort by time.
DELIVERY_ID = """CAST(left(CAST(x.id AS text), 20) || left(md5(CAST(x.id AS text) || CAST(w.id AS text)), 3) || '-'
    || substr(md5(CAST(x.id AS text) || CAST(w.id AS text)), 4, 12) AS uuid)"""
WANTED = "w.event_types && ARRAY['*', x.type, split_part(x.type, '.', 1) || '.*']"
LISTENED = """EXISTS (SELECT FROM webhook_endpoints w
    WHERE w.project_id = j.project_id AND w.url IS NOT NULL AND w.disabled_at IS NULL)"""
COLUMNS = """id, project_id, endpoint_id, url, subject_id, event_sequence, event_id, event_type, next_attempt_at,
  created_at"""

RECORD = text(f"""
INSERT INTO webhook_deliveries ({COLUMNS})
SELECT {DELIVERY_ID}, x.project_id, w.id, CASE WHEN w.url IS NULL THEN x.callback_url END, x.subject_id, x.sequence,
  x.id, x.type, now(), x.created_at
FROM jsonb_to_recordset(CAST(:events AS jsonb)) AS x(
    id uuid, project_id uuid, subject_id uuid, sequence int, type text, callback_url text, created_at timestamptz)
  JOIN webhook_endpoints w ON w.project_id = x.project_id AND w.disabled_at IS NULL
    AND CASE WHEN w.url IS NULL THEN x.callback_url IS NOT NULL ELSE {WANTED} END
ON CONFLICT (id) DO NOTHING RETURNING id
""")

# The same for a single new job, as one more statement of the message that writes it.
RECORD_ENTERED = f"""
INSERT INTO webhook_deliveries ({COLUMNS})
SELECT {DELIVERY_ID}, x.project_id, w.id, NULL, :id, 1, x.id, x.type, now(), :created_at
FROM (SELECT CAST(:event_id AS uuid) AS id, CAST(:project_id AS uuid) AS project_id,
    CAST(:event_type AS text) AS type) x
  JOIN webhook_endpoints w ON w.project_id = x.project_id AND w.url IS NOT NULL AND w.disabled_at IS NULL AND {WANTED}
RETURNING id"""


def record(session: Session, happened: Sequence[Happened]) -> None:
    """Writes the deliveries of these events; the senders hear of them after the commit."""
    wanted = [_row(one) for one in happened if one.listened or _callback(one)]
    if wanted:
        hint(session, session.execute(RECORD, {"events": json.dump_for_postgres(wanted)}).scalars().all())


def hint(session: Session, delivery_ids: Sequence[Any]) -> None:
    """Tells the senders after the commit that these are due."""
    for one in delivery_ids:
        db.after_commit(session, partial(broker.announce, broker.WEBHOOKS, one))


def _callback(one: Happened) -> str | None:
    return one.callback_url if one.type in FINAL_EVENTS else None


def _row(one: Happened) -> Json:
    return {
        "id": one.id,
        "project_id": one.project_id,
        "subject_id": one.job_id,
        "sequence": one.sequence,
        "type": one.type,
        "callback_url": _callback(one),
        "created_at": one.created_at,
    }
