"""The stage `embedding`: chunks by the page, their texts embedded through the cache, their vectors taken from there."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import db, json
from workers.kinds.base import Context
from workers.knowledge import embedding
from workers.knowledge.building.state import Build, fence
from workers.providers.base import ProviderUsage

Json = dict[str, Any]

CHUNKS_AT_ONCE = 512

# Their ids are of the time of the build, so this reads no others' chunks.
WAITING = text("""
SELECT c.id, c.entry_id, c.ordinal, c.context, c.text, encode(c.text_hash, 'hex') AS text_hash
FROM kb_chunks c
WHERE c.id > :after AND c.knowledge_base_id = :kb AND c.first_version = :version AND c.search IS NOT NULL
  AND NOT EXISTS (SELECT FROM kb_vectors v WHERE v.chunk_id = c.id)
ORDER BY c.id LIMIT :at_most
""")
COUNTED = text("""
SELECT count(*) AS total, count(v.chunk_id) AS done FROM kb_chunks c LEFT JOIN kb_vectors v ON v.chunk_id = c.id
WHERE c.id > :after AND c.knowledge_base_id = :kb AND c.first_version = :version AND c.search IS NOT NULL
""")
INSERT = text("""
INSERT INTO kb_vectors (chunk_id, knowledge_base_id, first_version, embedding)
SELECT c.id, c.knowledge_base_id, c.first_version, e.embedding
FROM kb_chunks c JOIN embeddings e
  ON e.project_id = c.project_id AND e.model = :model AND e.text_hash = c.text_hash
WHERE c.id = ANY(:chunks) AND c.first_version = :version AND c.search IS NOT NULL
ON CONFLICT DO NOTHING
""")
INDEXED = text("""
UPDATE kb_version_entries m SET state = 'indexed'
WHERE m.knowledge_base_id = :kb AND m.version = :version AND m.entry_id = ANY(:entries) AND m.state = 'chunked'
  AND NOT EXISTS (
    SELECT FROM kb_chunks c WHERE c.knowledge_base_id = :kb AND c.revision_id = m.revision_id AND c.config = :config
      AND c.first_version = :version AND c.search IS NOT NULL
      AND NOT EXISTS (SELECT FROM kb_vectors v WHERE v.chunk_id = c.id))
""")
FAILED = text("""
WITH failed AS (
  UPDATE kb_version_entries m SET state = 'failed', chunks = 0, error = r.error
  FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(entry_id uuid, error jsonb)
  WHERE m.knowledge_base_id = :kb AND m.version = :version AND m.entry_id = r.entry_id
  RETURNING m.revision_id
), gone AS (
  DELETE FROM kb_chunks c USING failed WHERE c.knowledge_base_id = :kb AND c.revision_id = failed.revision_id
    AND c.config = :config AND c.first_version = :version RETURNING c.id
)
DELETE FROM kb_vectors v USING gone WHERE v.chunk_id = gone.id
""")
SPENT = text("""
UPDATE kb_versions SET stats = stats || jsonb_build_object(
  'tokens', (stats ->> 'tokens')::bigint + :tokens, 'embedding_calls', (stats ->> 'embedding_calls')::int + 1,
  'embedded_texts', (stats ->> 'embedded_texts')::int + :texts,
  'cost_usd', ((stats ->> 'cost_usd')::numeric + CAST(:cost AS numeric))::text)
WHERE id = :version_id
""")


async def embed_all(ctx: Context, build: Build) -> None:
    """Gives every chunk of the version its vector, as far as its texts are not refused; tells the progress."""
    total, done = await asyncio.to_thread(_counted, build)
    after = build.earliest
    while rows := await asyncio.to_thread(_waiting, build, after):
        ctx.checkpoint()
        await ctx.progress(done, total, "embedding")
        texts = [f"{row.context}\n{row.text}" if row.context else row.text for row in rows]
        made = await embedding.keep(
            build.project_id,
            build.model or "",
            texts,
            ctx,
            of=total,
            counted=lambda session, count, usage: _spent(session, build, count, usage),
        )
        await asyncio.to_thread(_write, build, rows, made.refused)
        after, done = rows[-1].id, done + len(rows)
    await ctx.progress(total, total, "embedding")


def _counted(build: Build) -> tuple[int, int]:
    with db.transaction() as session:
        asked = {"after": build.earliest, "kb": build.base_id, "version": build.number}
        total, done = session.execute(COUNTED, asked).one()
        return total, done


def _waiting(build: Build, after: UUID) -> Sequence[Any]:
    with db.transaction() as session:
        asked = {"after": after, "kb": build.base_id, "version": build.number, "at_most": CHUNKS_AT_ONCE}
        return session.execute(WAITING, asked).all()


def _write(build: Build, rows: Sequence[Any], refused: dict[str, Json]) -> None:
    """The page's vectors; an entry with a text that was refused fails with the reason, and its chunks go."""
    whose: dict[UUID, Json] = {}
    for row in rows:
        if row.text_hash in refused and row.entry_id not in whose:
            whose[row.entry_id] = {**refused[row.text_hash], "chunk": row.ordinal}
    asked = {"kb": build.base_id, "version": build.number, "config": build.config, "model": build.model}
    with db.transaction() as session:
        fence(session, build)
        session.execute(INSERT, {**asked, "chunks": [row.id for row in rows]})
        if whose:
            failed = [{"entry_id": entry_id, "error": error} for entry_id, error in whose.items()]
            session.execute(FAILED, {**asked, "rows": json.dump_for_postgres(failed)})
        session.execute(INDEXED, {**asked, "entries": list({row.entry_id for row in rows})})


def _spent(session: Session, build: Build, texts: int, usage: ProviderUsage) -> None:
    """Counts a call where the version is, so that it is counted even if the worker is killed."""
    asked = {"version_id": build.version_id, "tokens": usage.input_tokens, "texts": texts}
    session.execute(SPENT, {**asked, "cost": None if usage.cost_usd is None else str(usage.cost_usd)})
