"""What sent spans, kept once a project.

A process remembers what it has seen committed today, and asks nothing of the database for it. Each day it says again
that the resource is in use, so that what nobody uses any more can be forgotten.
"""

import threading
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import db
from infra.process import PerProcess
from workers.traces.base import Json
from workers.traces.saying import said_resource

MOST_KNOWN = 50_000
KEEP = text("""
INSERT INTO trace_resources AS r (project_id, digest, attributes, seen_at)
SELECT :project_id, n.digest, n.attributes, :moment
FROM unnest(CAST(:digests AS bigint[]), CAST(:attributes AS jsonb[])) AS n(digest, attributes) ORDER BY n.digest
ON CONFLICT (project_id, digest) DO UPDATE SET seen_at = excluded.seen_at
  WHERE r.seen_at < excluded.seen_at - interval '6 hours'
""")

# Project, digest, day.
Known = tuple[UUID, int, int]


class _Known:
    """What is stored, as far as this process knows."""

    def __init__(self) -> None:
        self._known: set[Known] = set()
        self._lock = threading.Lock()

    def __contains__(self, one: Known) -> bool:
        return one in self._known

    def learn(self, some: list[Known]) -> None:
        """After their commit."""
        with self._lock:
            if len(self._known) > MOST_KNOWN:
                self._known = set()
            self._known.update(some)


_known = PerProcess(_Known)


def keep(session: Session, project_id: UUID, shared: Mapping[int, Json], moment: datetime) -> None:
    """Stores those that are not known to be, by their digests."""
    known, day = _known(), moment.toordinal()
    unknown = [(project_id, digest, day) for digest in shared if (project_id, digest, day) not in known]
    if not unknown:
        return
    digests = [digest for _, digest, _ in unknown]
    texts = [said_resource(shared[digest]) for digest in digests]
    session.execute(KEEP, {"project_id": project_id, "digests": digests, "attributes": texts, "moment": moment})
    db.after_commit(session, lambda: known.learn(unknown))
