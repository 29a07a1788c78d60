"""Which traces an analysis takes next, oldest first.

A trace at which an analysis failed is taken alone, and its tries are counted before: what ends the process costs no
other trace its analysis, and after three tries it is set aside until something new comes for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import db
from infra.clock import now
from infra.settings import settings

Json = dict[str, Any]

MOST_TRIES = 3
LOWEST = UUID(int=0)

QUIET = text("""
SELECT id, tries, received_at AS place FROM traces
WHERE project_id = :project_id AND analysed < revision AND received_at < :quiet_since
  AND (received_at, id) > (CAST(:place AS timestamptz), CAST(:last AS uuid))
ORDER BY received_at, id LIMIT :at_most
""")
BEGUN = text("""
SELECT id, tries, started_at AS place FROM traces
WHERE project_id = :project_id AND (:again OR analysed < revision)
  AND started_at >= CAST(:since AS timestamptz) AND started_at < CAST(:until AS timestamptz)
  AND (started_at, id) > (CAST(:place AS timestamptz), CAST(:last AS uuid))
ORDER BY started_at, id LIMIT :at_most
""")
NAMED = text("""
SELECT id, tries, started_at AS place FROM traces
WHERE project_id = :project_id AND id = ANY(:ids) AND (:again OR analysed < revision) ORDER BY started_at, id
""")
TRY = text("""
UPDATE traces SET tries = tries + 1
WHERE project_id = :project_id AND id = ANY(ARRAY(
  SELECT id FROM traces WHERE project_id = :project_id AND id = ANY(:ids) ORDER BY id FOR UPDATE))
""")
SET_ASIDE = text("""
UPDATE traces SET analysed = revision, tries = 0
WHERE project_id = :project_id AND id = ANY(ARRAY(
  SELECT id FROM traces WHERE project_id = :project_id AND id = ANY(:ids) ORDER BY id FOR UPDATE))
""")


@dataclass(slots=True)
class Choice:
    """The traces of one job; `skipped` counts those that were left out."""

    project_id: UUID
    wish: Json
    skipped: int = 0
    _place: Any = "-infinity"
    _last: UUID = LOWEST
    _named: list[UUID] | None = None
    _waiting: list[UUID] = field(default_factory=list)

    def next(self, at_most: int, *, careful: bool) -> list[UUID]:
        """Some more, none at the end. `careful`: an attempt at this job did not come to its end."""
        if self._waiting:
            return self._alone()
        with db.transaction() as session:
            rows = self._rows(session, at_most)
            if careful:
                self._count_tries(session, [row.id for row in rows if not row.tries])
            hopeless = [row.id for row in rows if row.tries >= MOST_TRIES]
            self._run(session, SET_ASIDE, hopeless)
        self.skipped += len(hopeless)
        self._waiting = [row.id for row in rows if 0 < row.tries < MOST_TRIES]
        fresh = [row.id for row in rows if not row.tries]
        if fresh or not rows:
            return fresh
        return self._alone() if self._waiting else self.next(at_most, careful=careful)

    def take_skipped(self) -> int:
        """How many were left out since this was last asked."""
        count, self.skipped = self.skipped, 0
        return count

    def _alone(self) -> list[UUID]:
        one = [self._waiting.pop(0)]
        with db.transaction() as session:
            self._count_tries(session, one)
        return one

    def _rows(self, session: Session, at_most: int) -> Sequence[Any]:
        asked: Json = {"project_id": self.project_id, "at_most": at_most, "place": self._place, "last": self._last}
        asked["again"] = self.wish.get("again", False)
        if "trace_ids" in self.wish:
            return self._of_named(session, asked)
        if "since" in self.wish or "until" in self.wish:
            asked["since"] = self.wish.get("since") or "-infinity"
            asked["until"] = self.wish.get("until") or "infinity"
            found = session.execute(BEGUN, asked).all()
        else:
            asked["quiet_since"] = now() - timedelta(seconds=settings().feature_quiet_seconds)
            found = session.execute(QUIET, asked).all()
        if found:
            self._place, self._last = found[-1].place, found[-1].id
        return found

    def _of_named(self, session: Session, asked: Json) -> Sequence[Any]:
        if self._named is None:
            self._named = [*dict.fromkeys(self.wish["trace_ids"])]
        some, self._named = self._named[: asked["at_most"]], self._named[asked["at_most"] :]
        found = session.execute(NAMED, {**asked, "ids": some}).all() if some else []
        self.skipped += len(some) - len(found)
        return found if found or not self._named else self._of_named(session, asked)

    def _count_tries(self, session: Session, trace_ids: Sequence[UUID]) -> None:
        self._run(session, TRY, trace_ids)

    def _run(self, session: Session, statement: Any, trace_ids: Sequence[UUID]) -> None:
        if trace_ids:
            session.execute(statement, {"project_id": self.project_id, "ids": list(trace_ids)})
