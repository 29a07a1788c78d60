"""What a file of tests names by ids of another project: what can be left out of a case is, with a warning."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from infra import ids
from models import KnowledgeBase
from workers.suites.transfer.imported import Imported

Json = dict[str, Any]

PHASES = ("setup", "steps", "teardown")


class Foreign:
    """Leaves knowledge bases out that the project does not have: its own is meant then, or the environment's."""

    def __init__(self, session: Session, project_id: UUID, found: Imported) -> None:
        self._session, self._project_id, self._found = session, project_id, found
        self._is_here: dict[str, bool] = {}

    def leave_out(self, body: Json, place: str) -> None:
        """Changes a case that `read_case` loaded, which stands at that place of the file."""
        missing = set()
        for holder in (body, *_assertions(body)):
            named = holder.get("knowledge_base_id")
            shown = ids.show(KnowledgeBase.prefix, named) if isinstance(named, UUID) else named
            if shown is not None and not self._has(str(shown)):
                del holder["knowledge_base_id"]
                missing.add(str(shown))
        body.setdefault("knowledge_base_id", None)
        for one in sorted(missing):
            self._found.warn(place, f"This project has no knowledge base {one}; operations are looked up in its own.")

    def _has(self, shown: str) -> bool:
        if shown not in self._is_here:
            wanted = ids.parse(KnowledgeBase.prefix, shown)
            query = KnowledgeBase.in_project(self._project_id).where(
                KnowledgeBase.id == wanted, KnowledgeBase.deleted_at.is_(None)
            )
            # What is no id at all is refused like anything that is written wrongly.
            self._is_here[shown] = wanted is None or self._session.scalars(query).first() is not None
        return self._is_here[shown]


def _assertions(body: Json) -> Iterator[Json]:
    for phase in PHASES:
        for step in body.get(phase) or ():
            yield from step.get("assert") or ()
