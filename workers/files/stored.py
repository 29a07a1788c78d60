"""The rows of files: found, listed, made, removed.

A row is reserved before its object is written and goes after its object is deleted. Whoever is interrupted leaves a row
that the sweep finds, and never an object that nobody knows of.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from infra import db, ids, storage
from infra.clock import now
from infra.errors import NotFound, Unavailable
from models import FilePurpose, StoredFile
from workers.paging import PageOf, Window, page

# Long enough to write the largest object to the slowest storage.
RESERVED = timedelta(hours=1)

log = structlog.get_logger(__name__)

COMPLETE = text("""
UPDATE files SET removable_at = NULL WHERE id = :id AND removable_at > now() RETURNING id
""")
GIVE_UP = text("UPDATE files SET removable_at = now() WHERE id = :id")
FORGET = text("DELETE FROM files WHERE id = :id AND removable_at IS NOT NULL")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a file's bytes are. `size` in bytes, `sha256` in hex."""

    media_type: str
    size: int
    sha256: str


def get_file(session: Session, project_id: UUID, file_id: UUID) -> StoredFile:
    """The project's file of that id; raises NotFound."""
    found = session.scalars(StoredFile.present(project_id).where(StoredFile.id == file_id)).first()
    if found is None:
        raise NotFound("There is no such file.")
    return found


def get_linked_file(session: Session, file_id: UUID) -> StoredFile:
    """The file that a link is to, whose signature was checked; raises NotFound."""
    found = session.scalars(StoredFile.linked(file_id)).first()
    if found is None:
        raise NotFound("There is no such file.")
    return found


def list_files(session: Session, project_id: UUID, wanted: dict[str, Any], window: Window) -> PageOf[StoredFile]:
    """The project's files; `wanted` may name a purpose and metadata."""
    query = StoredFile.present(project_id)
    if wanted.get("purpose"):
        query = query.where(StoredFile.purpose == wanted["purpose"])
    if wanted.get("metadata"):
        query = query.where(StoredFile.labels.contains(wanted["metadata"]))
    return page(session, query, StoredFile, window)


def find_labelled(
    session: Session, project_id: UUID, purpose: FilePurpose, metadata: dict[str, str]
) -> StoredFile | None:
    """The newest file of that purpose with these labels."""
    query = StoredFile.present(project_id).where(StoredFile.purpose == purpose, StoredFile.labels.contains(metadata))
    return session.scalars(query.order_by(StoredFile.id.desc())).first()


def reserve(
    session: Session,
    facts: Facts,
    *,
    project_id: UUID,
    filename: str,
    purpose: FilePurpose = FilePurpose.UPLOAD,
    created_by: UUID | None = None,
    metadata: dict[str, str] | None = None,
    expires_at: datetime | None = None,
) -> StoredFile:
    """The row of a file whose object is about to be written; it is for nobody until it is completed."""
    file_id = ids.new_id()
    made = StoredFile(
        id=file_id,
        created_at=now(),
        project_id=project_id,
        created_by=created_by,
        filename=filename,
        purpose=purpose,
        media_type=facts.media_type,
        declared_type=None,
        size=facts.size,
        sha256=facts.sha256,
        key=f"files/{project_id.hex}/{file_id.hex}",
        labels=metadata or {},
        expires_at=expires_at,
        removable_at=now() + RESERVED,
    )
    session.add(made)
    return made


def complete(session: Session, file_id: UUID) -> None:
    """The object is written: from here on there is the file. Raises Unavailable if that took too long."""
    if session.execute(COMPLETE, {"id": file_id}).first() is None:
        raise Unavailable("Storing the file took too long; send it again.")


def remove_file(session: Session, project_id: UUID, file_id: UUID) -> StoredFile:
    """Takes a file away from its clients, at once; `clear` it after the commit. Raises NotFound."""
    found = get_file(session, project_id, file_id)
    found.removable_at = now()
    return found


def clear(file_id: UUID, key: str) -> None:
    """Deletes the object and then the row of a file that was removed. What fails is left to the sweep."""
    try:
        storage.store().delete(key)
        with db.transaction() as session:
            session.execute(FORGET, {"id": file_id})
    except (Unavailable, SQLAlchemyError) as error:
        log.warning("file.not_deleted", error=str(error).splitlines()[0])


def discard(file_id: UUID, key: str) -> None:
    """Takes back a file that nobody was told of; what fails is left to the sweep."""
    try:
        with db.transaction() as session:
            session.execute(GIVE_UP, {"id": file_id})
    except SQLAlchemyError as error:
        log.warning("file.not_discarded", error=str(error).splitlines()[0])
        return
    clear(file_id, key)
