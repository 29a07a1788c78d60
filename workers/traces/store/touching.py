"""Marking the traces of which something new has come."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

TOUCH = text("""
INSERT INTO traces AS t (project_id, id, first_received_at, received_at, started_at, began_from, began_until)
SELECT :project_id, n.id, :moment, :moment, n.first, n.first, n.last
FROM unnest(CAST(:traces AS uuid[]), CAST(:firsts AS timestamptz[]), CAST(:lasts AS timestamptz[]))
  AS n(id, first, last)
ON CONFLICT (project_id, id) DO UPDATE SET revision = t.revision + 1,
  received_at = greatest(t.received_at, excluded.received_at), started_at = least(t.started_at, excluded.started_at),
  began_from = least(t.began_from, excluded.began_from), began_until = greatest(t.began_until, excluded.began_until)
""")


def touch(session: Session, project_id: UUID, began: Mapping[str, tuple[str, str]], moment: datetime) -> None:
    """Marks traces, by their ids in hex and in that order, with the times at which the first and the last of their new
    observations began, as PostgreSQL writes them. Whoever marks them sorted never waits for another who does."""
    if began:
        asked = {
            "project_id": project_id,
            "moment": moment,
            "traces": array(began),
            "firsts": array(f'"{first}"' for first, _ in began.values()),
            "lasts": array(f'"{last}"' for _, last in began.values()),
        }
        session.execute(TOUCH, asked)


def array(values: Iterable[str]) -> str:
    """An array as PostgreSQL reads it, of values that need no escape: much faster than a list of them."""
    return "{" + ",".join(values) + "}"
