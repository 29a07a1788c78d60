"""Knowledge bases in a database that nobody but the test works on, with versions as a build would leave them."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from infra import db, ids
from infra.clock import now
from models import EntryType, KbVersion, KnowledgeBase
from schemas.knowledge_settings import KnowledgeSettings
from tests.workers.jobs.conftest import Core, core, servers
from workers.knowledge import bases, drafts
from workers.knowledge.drafts import Changes, EntryContent

__all__ = ["core", "servers"]

Json = dict[str, Any]
MANIFEST = text("""
INSERT INTO kb_version_entries (knowledge_base_id, version, entry_id, revision_id, state, chunks)
SELECT knowledge_base_id, :number, id, draft_revision_id, 'indexed', 1 FROM kb_entries
WHERE knowledge_base_id = :kb AND draft_revision_id IS NOT NULL
""")


class Knowledge:
    """One knowledge base of a project of its own, and who works on it."""

    def __init__(self, core: Core, **settings: Any) -> None:
        self.core, self.project = core, core.project()
        self.writer, self.reviewer = ids.new_id(), ids.new_id()
        body = {"name": "test", "description": None, "settings": KnowledgeSettings().load(settings)}
        self.id: UUID = self.do(
            lambda session: bases.create_base(session, project_id=self.project, created_by=self.writer, body=body).id
        )

    def do(self, function: Callable[..., Any]) -> Any:
        """Calls it with a session of its own."""
        with db.transaction() as session:
            return function(session)

    def locked(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Calls it with a session and the locked base."""
        with db.transaction() as session:
            return function(session, bases.get_base(session, self.project, self.id, lock=True), *args, **options)

    @property
    def base(self) -> KnowledgeBase:
        """As it is now."""
        found: KnowledgeBase = self.do(lambda session: bases.get_base(session, self.project, self.id))
        return found

    def put(self, replace: bool = False, **texts: str) -> Changes:
        """Documents by key with their texts, in the draft."""
        wanted = [
            EntryContent(type=EntryType.DOCUMENT, key=key, title=key, text=said, content={})
            for key, said in texts.items()
        ]
        options = {"type": EntryType.DOCUMENT, "source": "default", "replace": replace}
        done: Changes = self.locked(drafts.put_entries, wanted, **options)
        return done

    def entry(self, key: str) -> UUID:
        """The id of the document with that key."""
        found: UUID = self.core.sql(
            "SELECT id FROM kb_entries WHERE knowledge_base_id = :kb AND key = :key", kb=self.id, key=key
        )[0].id
        return found

    def built(self, *, state: str = "ready", ago: float = 0.0, chunks: int = 10, **columns: Any) -> int:
        """The number of a version of the draft, as a build leaves it that ended so many seconds ago."""

        def build(session: Any, base: KnowledgeBase) -> int:
            base.newest_version += 1
            moment = now() - timedelta(seconds=ago)
            row = {"draft_serial": base.draft_serial, "settings": {}, "attempt": 1, "job_id": None, "created_by": None}
            row |= {"base": base.active_version, "built_at": moment, "created_at": moment}
            row |= {"stats": {"chunks": {"total": chunks}, "entries": {"failed": 0}}, **columns}
            session.add(
                KbVersion(
                    project_id=base.project_id,
                    knowledge_base_id=base.id,
                    number=base.newest_version,
                    state=state,
                    **row,
                )
            )
            session.execute(MANIFEST, {"kb": base.id, "number": base.newest_version})
            if state == "ready":
                base.ready_version = base.newest_version
            return base.newest_version

        found: int = self.locked(build)
        return found

    def events(self) -> list[str]:
        """The types of what happened to it, in order."""
        rows = self.core.sql("SELECT type FROM job_events WHERE job_id = :kb ORDER BY sequence", kb=self.id)
        return [row.type for row in rows]


@pytest.fixture
def knowledge(core: Core) -> Iterator[Knowledge]:
    """An empty knowledge base."""
    yield Knowledge(core)
