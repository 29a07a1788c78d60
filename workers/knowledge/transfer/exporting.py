"""Writing a version to a file of its project: rows to a scratch folder, the folder into a zip, the zip into storage."""

import asyncio
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from infra import db, ids, json, scratch
from infra.clock import now, rfc3339
from models import FilePurpose, KnowledgeBase, StoredFile
from workers.files import stored, write_file
from workers.files.media_types import ZIP
from workers.files.names import cleaned
from workers.kinds.base import Context
from workers.knowledge import embedding
from workers.knowledge.transfer import layout, rows, told, vectors
from workers.knowledge.transfer.rows import Plan
from workers.knowledge.transfer.tables import Table

Json = dict[str, Any]

COMPRESSION = 6
TOLD_TIMES = 20


async def export(ctx: Context, wishes: Json) -> Json:
    """Exports a version; `wishes` is a loaded KbExportIn; returns what KbExportOut reads.

    An attempt after one that had stored the file takes that.
    """
    plan = await asyncio.to_thread(_plan, ctx.project_id, wishes["knowledge_base_id"], wishes["version"])
    found = await asyncio.to_thread(_stored_before, ctx) if ctx.attempt > 1 else None
    if found is None:
        with scratch.folder() as folder:
            packed = await _pack(ctx, plan, layout.Format(wishes["format"]), folder)
            await asyncio.to_thread(rows.require_kept, plan)
            ctx.checkpoint()
            await ctx.progress(plan.entries + plan.chunks, plan.entries + plan.chunks, "storing")
            seconds = wishes["expires_in_s"]
            file_id = await write_file(
                ctx.project_id,
                cleaned(f"{plan.name} v{plan.version}.zip"),
                ZIP,
                packed,
                FilePurpose.EXPORT,
                metadata=_label(ctx),
                expires_at=None if seconds is None else now() + timedelta(seconds=seconds),
            )
            found = (file_id, packed.stat().st_size)
    await asyncio.to_thread(_tell, ctx, plan, found[0])
    return {
        "knowledge_base_id": ids.show(KnowledgeBase.prefix, plan.kb_id),
        "file_id": ids.show(StoredFile.prefix, found[0]),
        "version": plan.version,
        "entries": plan.entries,
        "chunks": plan.chunks,
        "bytes": found[1],
    }


async def _pack(ctx: Context, plan: Plan, form: layout.Format, folder: Path) -> Path:
    writing = _Writing(plan, form, folder)
    total, step = plan.entries + plan.chunks, max(1, (plan.entries + plan.chunks) // TOLD_TIMES)
    steps, said = writing.steps(), 0
    while (done := await asyncio.to_thread(next, steps, None)) is not None:
        ctx.checkpoint()
        if done - said >= step:
            said = done
            await ctx.progress(min(done, total), total, "exporting")
    ctx.checkpoint()
    await ctx.progress(total, total, "packing")
    return await asyncio.to_thread(writing.pack)


class _Writing:
    """A version on its way into a folder."""

    def __init__(self, plan: Plan, form: layout.Format, folder: Path) -> None:
        self._plan, self._folder = plan, folder
        self._tables = {name: Table(folder, name, layout.SUFFIXES[form]) for name in layout.TABLES}
        self._dimensions: int | None = None

    def steps(self) -> Iterator[int]:
        """Writes a page a step; gives how many entries and chunks are written."""
        entries, schemas, chunks = (self._tables[name] for name in layout.TABLES)
        closures: set[str] = set()
        for page in rows.entry_pages(self._plan):
            entries.add(page)
            closures |= {one for entry in page if isinstance(one := entry["content"].get("definitions"), str)}
            yield entries.rows
        for page in rows.schema_pages(self._plan.project_id, closures):
            schemas.add(page)
            yield entries.rows
        for page in rows.chunk_pages(self._plan):
            chunks.add(page)
            for chunk in page:
                if self._dimensions is None and chunk["embedding"]:
                    self._dimensions = len(vectors.from_postgres(chunk["embedding"]))
            yield entries.rows + chunks.rows

    def pack(self) -> Path:
        """All of it in one file."""
        for table in self._tables.values():
            table.close()
        path = self._folder / "packed.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION) as archive:
            archive.writestr(layout.MANIFEST, json.dump_bytes(self._manifest()))
            for table in self._tables.values():
                for one in table.paths:
                    packed_already = one.suffix == layout.PARQUET
                    archive.write(one, one.name, zipfile.ZIP_STORED if packed_already else None)
        return path

    def _manifest(self) -> Json:
        plan = self._plan
        model = plan.settings["embedding_model"] or ""
        return {
            "format": layout.FORMAT,
            "name": plan.name,
            "description": plan.description,
            "version": plan.version,
            "exported_at": rfc3339(now()),
            "settings": plan.settings,
            "embedding": {"model": embedding.canonical(model), "dimensions": self._dimensions}
            if self._dimensions
            else None,
            "counts": {table.name: table.rows for table in self._tables.values()},
            "files": {name: one for table in self._tables.values() for name, one in table.described().items()},
        }


def _plan(project_id: UUID, kb_id: UUID | None, number: int | None) -> Plan:
    with db.transaction() as session:
        return rows.plan(session, project_id, kb_id, number)


def _label(ctx: Context) -> dict[str, str]:
    return {"job_id": ids.show("job", ctx.job_id)}


def _stored_before(ctx: Context) -> tuple[UUID, int] | None:
    """The file that an earlier attempt stored before its worker died, and its size."""
    with db.transaction() as session:
        found = stored.find_labelled(session, ctx.project_id, FilePurpose.EXPORT, _label(ctx))
        return None if found is None else (found.id, found.size)


def _tell(ctx: Context, plan: Plan, file_id: UUID) -> None:
    with db.transaction() as session:
        data = {"version": plan.version, "file_id": ids.show(StoredFile.prefix, file_id)}
        told.once(session, ctx, plan.kb_id, "kb.exported", data)
