"""Files as local ones, for what works on paths: copied out of storage, and written into it."""

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from infra import db, scratch, storage
from models import FilePurpose, StoredFile
from workers.files import stored


@asynccontextmanager
async def local_copy(project_id: UUID, file_id: UUID) -> AsyncIterator[tuple[Path, StoredFile]]:
    """The file's bytes as a local file, which ends with the block, and its row. Raises NotFound or Unavailable; call it
    with no transaction open."""
    found = await asyncio.to_thread(_find, project_id, file_id)
    with scratch.folder() as folder:
        path = folder / "file"
        await asyncio.to_thread(_download, found.key, path)
        yield path, found


async def write_file(
    project_id: UUID,
    filename: str,
    media_type: str,
    path: Path,
    purpose: FilePurpose = FilePurpose.EXPORT,
    created_by: UUID | None = None,
    *,
    metadata: dict[str, str] | None = None,
    expires_at: datetime | None = None,
) -> UUID:
    """Stores a local file as one of the project's; returns its id. Raises Unavailable; call it with no transaction
    open."""
    wanted = {"project_id": project_id, "filename": filename, "purpose": purpose, "created_by": created_by}
    return await asyncio.to_thread(_store, path, media_type, wanted | {"metadata": metadata, "expires_at": expires_at})


def _find(project_id: UUID, file_id: UUID) -> StoredFile:
    with db.transaction() as session:
        return stored.get_file(session, project_id, file_id)


def _download(key: str, path: Path) -> None:
    with storage.store().open(key) as source:
        try:
            with path.open("xb") as target:
                shutil.copyfileobj(source, target, storage.PIECE)
        except OSError as error:
            raise scratch.cannot_write(error) from error


def _store(path: Path, media_type: str, wanted: dict[str, Any]) -> UUID:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        facts = stored.Facts(media_type, file.tell(), digest)
        with db.transaction() as session:
            row = stored.reserve(session, facts, **wanted)
        file.seek(0)
        try:
            storage.store().put_file(row.key, file, media_type)
            with db.transaction() as session:
                stored.complete(session, row.id)
        except Exception:
            stored.discard(row.id, row.key)
            raise
    return row.id
