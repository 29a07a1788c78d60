"""Chunks of entries as search finds them, their vectors, and the vectors kept so that no text is paid for twice.

A chunk belongs to all versions from `first_version` to `last_version`; without a last one also to the newest that is
ready. So a version with few changes adds few rows, and readers need no join to know what they may see.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import Index, Integer, LargeBinary, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, InProject, Record


class Chunk(Record, InProject):
    """A piece of an entry's text, from character `starts` to before `ends`.

    `config` is the hash of what else decides its content and vector (chunking, embedding model). `context` is the line
    of titles above it, which is embedded and searched with it and not quoted; `parent_id` the larger chunk around it.
    `search` are its lexemes, from which the inverted index is made (models/search_index.py); null for a parent.
    """

    __tablename__ = "kb_chunks"
    __table_args__ = (
        UniqueConstraint("knowledge_base_id", "revision_id", "config", "first_version", "ordinal"),
        Index(None, "knowledge_base_id", "last_version"),
    )
    prefix = "chunk"

    project_id: Mapped[UUID]
    knowledge_base_id: Mapped[UUID]
    entry_id: Mapped[UUID]
    revision_id: Mapped[UUID]
    config: Mapped[str]
    first_version: Mapped[int] = mapped_column(Integer)
    last_version: Mapped[int | None] = mapped_column(Integer)
    ordinal: Mapped[int] = mapped_column(Integer)
    type: Mapped[str]
    source: Mapped[str]
    text: Mapped[str]
    context: Mapped[str]
    heading: Mapped[list[str]] = mapped_column(ARRAY(Text))
    page: Mapped[int | None] = mapped_column(Integer)
    starts: Mapped[int] = mapped_column(Integer)
    ends: Mapped[int] = mapped_column(Integer)
    tokens: Mapped[int] = mapped_column(Integer)
    parent_id: Mapped[UUID | None]
    language: Mapped[str | None]
    text_hash: Mapped[bytes] = mapped_column(LargeBinary)
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    labels: Mapped[dict[str, Any]] = mapped_column("metadata")
    search: Mapped[Any | None] = mapped_column(TSVECTOR, deferred=True)


class ChunkVector(Base):
    """A chunk's vector, apart from its text: an exact search reads all vectors of a knowledge base and nothing else."""

    __tablename__ = "kb_vectors"
    __table_args__ = (Index(None, "knowledge_base_id"),)

    chunk_id: Mapped[UUID] = mapped_column(primary_key=True)
    knowledge_base_id: Mapped[UUID]
    first_version: Mapped[int] = mapped_column(Integer)
    last_version: Mapped[int | None] = mapped_column(Integer)
    embedding: Mapped[Any] = mapped_column(HALFVEC)


class KeptEmbedding(Base):
    """The vector of a text by a model, within one project; `text_hash` is the SHA-256 of the text as embedded."""

    __tablename__ = "embeddings"
    __table_args__ = (Index(None, "used_at"),)

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(primary_key=True)
    text_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    embedding: Mapped[Any] = mapped_column(HALFVEC)
    tokens: Mapped[int] = mapped_column(Integer)
    used_at: Mapped[datetime]
