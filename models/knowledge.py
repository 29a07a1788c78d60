"""Knowledge bases: entries, their immutable revisions, and versions, which are lists of revisions."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from sqlalchemy import BigInteger, Index, Integer, Select, Text, UniqueConstraint, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from infra import ids
from models.base import Base, InProject, Record


class EntryType(StrEnum):
    """What an entry is about: an operation of an API, a table of a database, a document."""

    API = "api"
    TABLE = "table"
    DOCUMENT = "document"


ENTRY_PREFIX = {EntryType.API: "api", EntryType.TABLE: "table", EntryType.DOCUMENT: "doc"}


class VersionState(StrEnum):
    """A version is built, then ready as long as it is kept, or has failed. What is dropped is being cleared away."""

    BUILDING = "building"
    READY = "ready"
    FAILED = "failed"
    DROPPED = "dropped"


class EntryState(StrEnum):
    """How far an entry is in a version that is being built."""

    PENDING = "pending"
    CHUNKED = "chunked"
    INDEXED = "indexed"
    FAILED = "failed"


class KnowledgeBase(Record, InProject):
    """A draft to edit, and numbered versions to serve; `active_version` is the one pointer that readers follow.

    `newest_version` is the last number given to a build, `ready_version` the newest of them that is ready: its chunks
    are those without a `last_version`. `draft_serial` grows with every change of the draft. `review` says who submitted
    which draft, and what became of it. A deleted one is cleared away later (`deleted_at`).
    """

    __tablename__ = "knowledge_bases"
    __table_args__ = (
        Index(None, "project_id", "id"),
        Index(
            "uq_knowledge_bases_default",
            "project_id",
            unique=True,
            postgresql_where=text("is_default AND deleted_at IS NULL"),
        ),
    )
    prefix = "kb"

    project_id: Mapped[UUID]
    created_by: Mapped[UUID | None]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
    name: Mapped[str]
    description: Mapped[str | None]
    is_default: Mapped[bool] = mapped_column(default=False)
    settings: Mapped[dict[str, Any]]
    active_version: Mapped[int | None] = mapped_column(Integer)
    ready_version: Mapped[int | None] = mapped_column(Integer)
    newest_version: Mapped[int] = mapped_column(Integer, default=0)
    draft_serial: Mapped[int] = mapped_column(BigInteger, default=0)
    review: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))


class KbEntry(Record, InProject):
    """What keeps its id while its content changes. The draft is the entries that have a `draft_revision_id`.

    `source` names what it came from (an API, a database), `key` is unique in it: `GET /users/{}`, `public.users`.
    """

    __tablename__ = "kb_entries"
    __table_args__ = (
        UniqueConstraint("knowledge_base_id", "type", "source", "key"),
        Index(None, "knowledge_base_id", "type", "id"),
    )
    prefix = "entry"

    project_id: Mapped[UUID]
    knowledge_base_id: Mapped[UUID]
    type: Mapped[str]
    source: Mapped[str]
    key: Mapped[str]
    draft_revision_id: Mapped[UUID | None]
    updated_at: Mapped[datetime]

    @property
    def public_id(self) -> str:
        """The id as clients see it: `api_…`, `table_…` or `doc_…`."""
        return ids.show(ENTRY_PREFIX[EntryType(self.type)], self.id)


class KbRevision(Record, InProject):
    """The content of an entry at one time; never changed. `text` is what is chunked and found, `content` the record
    behind it, `origin` where it came from (job, file, URL), `content_hash` SHA-256 in hex of all but the origin."""

    __tablename__ = "kb_revisions"
    __table_args__ = (Index(None, "entry_id", "id"), Index(None, "knowledge_base_id"))
    prefix = "rev"

    project_id: Mapped[UUID]
    knowledge_base_id: Mapped[UUID]
    entry_id: Mapped[UUID]
    created_by: Mapped[UUID | None]
    content_hash: Mapped[str]
    title: Mapped[str]
    text: Mapped[str] = mapped_column(deferred=True)
    content: Mapped[dict[str, Any]] = mapped_column(deferred=True)
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    labels: Mapped[dict[str, Any]] = mapped_column("metadata")
    origin: Mapped[dict[str, Any]]


class KbVersion(Record, InProject):
    """A version: what it was built from and what came of it.

    `base` is the version that it was compared with when it was built, `settings` are chunking and embedding model as
    used, `draft_serial` says which draft it is; `stats` counts chunks, tokens and cost, `evaluation` has the figures of
    the saved queries. Only the attempt that holds `attempt` may finish it. `activated_at` is when it was last made the
    active one, `rolled_back_at` when it was left for an earlier one since.
    """

    __tablename__ = "kb_versions"
    __table_args__ = (
        UniqueConstraint("knowledge_base_id", "number"),
        Index(None, "knowledge_base_id", "id"),
        Index("ix_kb_versions_building", "id", postgresql_where=text("state = 'building'")),
    )
    prefix = "kbv"

    project_id: Mapped[UUID]
    knowledge_base_id: Mapped[UUID]
    created_by: Mapped[UUID | None]
    number: Mapped[int] = mapped_column(Integer)
    base: Mapped[int | None] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(default=VersionState.BUILDING)
    job_id: Mapped[UUID | None]
    attempt: Mapped[int] = mapped_column(Integer, default=0)
    draft_serial: Mapped[int] = mapped_column(BigInteger)
    settings: Mapped[dict[str, Any]]
    stats: Mapped[dict[str, Any]] = mapped_column(default=dict)
    evaluation: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    built_at: Mapped[datetime | None]
    activated_at: Mapped[datetime | None]
    rolled_back_at: Mapped[datetime | None]


class KbVersionEntry(Base):
    """An entry in a version; `state` and `error` tell how its indexing went."""

    __tablename__ = "kb_version_entries"
    __table_args__ = (Index(None, "revision_id"),)

    knowledge_base_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    entry_id: Mapped[UUID] = mapped_column(primary_key=True)
    revision_id: Mapped[UUID]
    state: Mapped[str] = mapped_column(default=EntryState.PENDING)
    chunks: Mapped[int] = mapped_column(Integer, default=0)
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))

    @classmethod
    def of(cls, base: KnowledgeBase, version: int | None) -> Select[Self]:
        """Selects the entries of that version; none without one."""
        return select(cls).where(cls.knowledge_base_id == base.id, cls.version == version)
