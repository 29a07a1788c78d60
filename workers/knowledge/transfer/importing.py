"""Reading an exported version into a draft. All of the file is checked first; then its vectors go into the cache, and
its entries into the draft in one transaction, so that a draft is never half of one."""

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from marshmallow import ValidationError
from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import db, ids, json
from infra.errors import ExportUnreadable
from models import EntryType, KnowledgeBase, StoredFile
from schemas.base import pointers
from schemas.kb_transfer import EntryLine, SchemaLine
from workers.files import local_copy
from workers.kinds.base import Context
from workers.knowledge import bases, drafts, embedding
from workers.knowledge.drafts import EntryContent
from workers.knowledge.transfer import layout, rows, told, vectors
from workers.knowledge.transfer.packed import Packed
from workers.providers import minilm
from workers.providers.names import SANDBOX
from workers.specs import records
from workers.specs.schemas import hashed_json

Json = dict[str, Any]
Checkpoint = Callable[[], None]

ENTRIES_AT_ONCE = 500
CHARACTERS_AT_ONCE = 8_000_000
VECTORS_AT_ONCE = 2000
SOURCES_AT_MOST = 1000
LONGEST_TOKENS = 10_000_000

IN_DRAFT = text("""
SELECT id, type, source, key FROM kb_entries WHERE knowledge_base_id = :kb AND draft_revision_id IS NOT NULL
""")


async def import_(ctx: Context, wishes: Json) -> Json:
    """Imports a file; `wishes` is a loaded KbImportIn; returns what KbImportOut reads. What it writes, another attempt
    finds written."""
    kb_id = await asyncio.to_thread(_base_id, ctx, wishes["knowledge_base_id"])
    async with local_copy(ctx.project_id, wishes["file_id"]) as (path, _):
        packed = await asyncio.to_thread(Packed, path)
        try:
            await ctx.progress(0, packed.rows(layout.ENTRIES), "checking")
            await asyncio.to_thread(_require_same_size, ctx, packed)
            await asyncio.to_thread(_check, packed, ctx.checkpoint)
            ctx.checkpoint()
            await ctx.progress(0, packed.rows(layout.ENTRIES), "importing")
            embeddings = await asyncio.to_thread(_keep_vectors, ctx, packed)
            ctx.checkpoint()
            entries = await asyncio.to_thread(_write_draft, ctx, kb_id, packed, wishes)
        finally:
            await asyncio.to_thread(packed.close)
    made = {"entries": entries, "schemas": packed.rows(layout.SCHEMAS), "embeddings": embeddings}
    return {"knowledge_base_id": ids.show(KnowledgeBase.prefix, kb_id), **made}


def _base_id(ctx: Context, wanted: UUID | None) -> UUID:
    with db.transaction() as session:
        return rows.base_id(session, ctx.project_id, wanted)


def _check(packed: Packed, checkpoint: Checkpoint) -> None:
    """Raises ExportUnreadable, naming the line, unless all of it can be written."""
    for table in layout.TABLES:
        packed.check(table, checkpoint)
    keys: set[tuple[str, str, str]] = set()
    for number, entry in _entries(packed):
        key = (entry["type"], entry["source"], entry["key"])
        if key in keys:
            raise ExportUnreadable(f"entries.jsonl, line {number}: the entry is there twice.")
        keys.add(key)
        checkpoint()
    if len({(type, source) for type, source, _ in keys}) > SOURCES_AT_MOST:
        raise ExportUnreadable(f"The file has entries of more than {SOURCES_AT_MOST} sources.")
    for _ in _schemas(packed):
        checkpoint()
    for _ in _vectors(packed):
        checkpoint()


def _loaded(schema: Any, packed: Packed, table: str) -> Iterator[tuple[int, Json]]:
    for number, line in packed.lines(table):
        try:
            yield number, schema.load(line)
        except ValidationError as error:
            name, wrong = f"{table}.jsonl", pointers(error.messages)[:20]
            raise ExportUnreadable(f"{name}, line {number}: is not valid; `errors` says where.", errors=wrong) from None


def _entries(packed: Packed) -> Iterator[tuple[int, Json]]:
    return _loaded(EntryLine(), packed, layout.ENTRIES)


def _schemas(packed: Packed) -> Iterator[Json]:
    """The schemas, each the one that its hash is of."""
    for number, one in _loaded(SchemaLine(), packed, layout.SCHEMAS):
        if hashed_json(one["body"]) != one["sha256"]:
            raise ExportUnreadable(f"schemas.jsonl, line {number}: the body is not the one that its hash is of.")
        yield one


def _vectors(packed: Packed) -> Iterator[vectors.Known]:
    """The vectors of chunks that have one, each of as many numbers as the manifest says."""
    said = packed.manifest["embedding"]
    for number, line in packed.lines(layout.CHUNKS):
        if not isinstance(line, dict):
            raise ExportUnreadable(f"chunks.jsonl, line {number}: is no chunk.")
        if said is None or line.get("embedding") is None:
            continue
        vector = vectors.read(line["embedding"], said["dimensions"])
        hashed, tokens = _digest(line.get("text_hash")), line.get("tokens")
        if vector is None:
            wanted = f"{said['dimensions']} numbers of 16 bits in base64"
            raise ExportUnreadable(f"chunks.jsonl, line {number}: `embedding` is not {wanted}.")
        if hashed is None or type(tokens) is not int or not 0 <= tokens <= LONGEST_TOKENS:
            raise ExportUnreadable(f"chunks.jsonl, line {number}: `text_hash` or `tokens` is not valid.")
        yield vectors.Known(hashed, vector, tokens)


def _digest(text: Any) -> bytes | None:
    try:
        found = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        return None
    return found if len(found) == hashlib.sha256().digest_size else None


def _require_same_size(ctx: Context, packed: Packed) -> None:
    """Raises ExportUnreadable where the model's vectors have another length than those that are here."""
    said = packed.manifest["embedding"]
    if said is None:
        return
    with db.transaction() as session:
        asked = {"project_id": ctx.project_id, "model": said["model"]}
        here = session.execute(embedding.DIMENSIONS, asked).scalar()
    if said["model"] == SANDBOX:
        here = minilm.DIMENSIONS
    if here not in (None, said["dimensions"]):
        detail = f"Vectors of {said['model']} have {here} dimensions here, and {said['dimensions']} in the file."
        raise ExportUnreadable(detail)


def _keep_vectors(ctx: Context, packed: Packed) -> int:
    """Into the cache, where the next build of the same texts finds them; returns how many."""
    model, kept, waiting = packed.manifest["embedding"], 0, list[vectors.Known]()

    def flush() -> None:
        if waiting:
            ctx.checkpoint()
            with db.transaction() as session:
                vectors.keep(session, ctx.project_id, model["model"], waiting)
            waiting.clear()

    for one in _vectors(packed):
        waiting.append(one)
        kept += 1
        if len(waiting) == VECTORS_AT_ONCE:
            flush()
    flush()
    return kept


def _write_draft(ctx: Context, kb_id: UUID, packed: Packed, wishes: Json) -> Json:
    with db.transaction() as session:
        base = bases.get_base(session, ctx.project_id, kb_id, lock=True)
        if wishes["apply_settings"]:
            _apply_settings(session, base, packed.manifest["settings"])
        _keep_schemas(session, ctx.project_id, packed)
        counts, keys = _put_entries(session, base, packed, _origin(ctx, wishes), ctx.checkpoint)
        if wishes["replace"]:
            gone = [
                row.id
                for row in session.execute(IN_DRAFT, {"kb": base.id})
                if (row.type, row.source, row.key) not in keys
            ]
            if gone:
                drafts.remove_entries(session, base, gone)
            counts["removed"] = len(gone)
        data = {
            "file_id": ids.show(StoredFile.prefix, wishes["file_id"]),
            "entries": counts["added"] + counts["changed"],
        }
        # A thread outlives the job that was cancelled; it must not commit then.
        ctx.checkpoint()
        told.once(session, ctx, kb_id, "kb.imported", data)
    return counts


def _keep_schemas(session: Session, project_id: UUID, packed: Packed) -> None:
    """What the entries of APIs refer to; in the transaction that writes those, or somebody would clear it away."""
    parts: dict[str, str] = {}
    for one in _schemas(packed):
        parts[one["sha256"]] = json.dumps(one["body"])
        if len(parts) == records.ROWS_AT_ONCE:
            records.keep(session, project_id, parts)
            parts = {}
    records.keep(session, project_id, parts)


def _origin(ctx: Context, wishes: Json) -> Json:
    return {"job_id": ids.show("job", ctx.job_id), "file_id": ids.show(StoredFile.prefix, wishes["file_id"])}


def _apply_settings(session: Session, base: KnowledgeBase, settings: Json) -> None:
    wanted = {name: settings[name] for name in ("chunking", "embedding_model") if name in settings}
    bases.change_base(session, base, {"settings": wanted})


def _put_entries(
    session: Session, base: KnowledgeBase, packed: Packed, origin: Json, checkpoint: Checkpoint
) -> tuple[dict[str, int], set[tuple[str, str, str]]]:
    """Writes the entries, some at a time; returns how many are which, and the keys of all."""
    counts = dict.fromkeys(("added", "changed", "removed", "unchanged"), 0)
    keys: set[tuple[str, str, str]] = set()
    for type, source, some in _together(packed, origin):
        checkpoint()
        changes = drafts.put_entries(session, base, some, type=type, source=source)
        counts["added"] += len(changes.added)
        counts["changed"] += len(changes.changed)
        counts["unchanged"] += changes.unchanged
        keys |= {(type, source, one.key) for one in some}
    return counts, keys


def _together(packed: Packed, origin: Json) -> Iterator[tuple[EntryType, str, list[EntryContent]]]:
    """Entries of one type and source, some hundreds at once, or fewer where they are long."""
    waiting: dict[tuple[EntryType, str], list[EntryContent]] = {}
    length = 0
    for _, one in _entries(packed):
        here = (EntryType(one["type"]), one["source"])
        waiting.setdefault(here, []).append(_content(one, origin))
        length += len(one["text"])
        if length >= CHARACTERS_AT_ONCE:
            yield from ((*place, some) for place, some in waiting.items())
            waiting, length = {}, 0
        elif len(waiting[here]) >= ENTRIES_AT_ONCE:
            yield *here, waiting.pop(here)
    yield from ((*place, some) for place, some in waiting.items())


def _content(one: Json, origin: Json) -> EntryContent:
    return EntryContent(
        type=EntryType(one["type"]),
        key=one["key"],
        title=one["title"],
        text=one["text"],
        content=one["content"],
        tags=one["tags"],
        labels=one["metadata"],
        origin={**one["origin"], **origin},
    )
