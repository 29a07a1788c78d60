"""Taking an upload in: its bytes go to a file without a name as they come, counted, hashed and looked at on the way;
then into storage under a reserved row; and the transaction of the answer says that it is there."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import BinaryIO, Self
from uuid import UUID

from sqlalchemy.orm import Session

from infra import db, scratch, storage
from infra.errors import BadInput, BodyTooLarge, SwitchyardError
from infra.settings import settings
from models import StoredFile
from workers.files import stored
from workers.files.media_types import Watching
from workers.files.names import NAMELESS, cleaned


class Received:
    """The bytes of one upload, in a file without a name that ends with it."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.size = 0
        self.accepted = False
        self._digest = hashlib.sha256()

    @property
    def fingerprint(self) -> bytes:
        """The SHA-256 of all that was written."""
        return self._digest.digest()

    def name(self, filename: str | None, media_type: str | None) -> None:
        """What the sender says that it is."""

    def write(self, piece: bytes) -> int:
        """Takes what came; raises BodyTooLarge as soon as that is certain, and Unavailable."""
        self.size += len(piece)
        if self.size > settings().max_upload_bytes:
            raise too_large()
        self._digest.update(piece)
        try:
            return self.file.write(piece)
        except OSError as error:
            raise scratch.cannot_write(error) from error


class Upload(Received):
    """A file that is being uploaded."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.filename = NAMELESS
        self.declared_type: str | None = None
        self._watching = Watching()

    def name(self, filename: str | None, media_type: str | None) -> None:
        """What the sender says that it is; the name is cleaned."""
        self.filename = cleaned(filename or "")
        self.declared_type = (media_type or "")[:255] or None

    def write(self, piece: bytes) -> int:
        """Takes and looks at what came."""
        self._watching.see(piece)
        return super().write(piece)

    def end(self) -> Self:
        """All of it is there; raises BadInput where that is nothing."""
        if not self.size:
            raise BadInput("The file is empty.", errors=[{"pointer": "/file", "detail": "Has no bytes."}])
        return self

    def facts(self) -> stored.Facts:
        """What it is."""
        try:
            self.file.flush()
            media_type = self._watching.told(self.file, self.size, self.filename)
            self.file.seek(0)
        except OSError as error:
            raise scratch.cannot_write(error) from error
        return stored.Facts(media_type, self.size, self.fingerprint.hex())


def too_large() -> BodyTooLarge:
    """The refusal of an upload."""
    return BodyTooLarge(f"The upload is larger than {settings().max_upload_bytes} bytes.")


@contextmanager
def receiving() -> Iterator[Upload]:
    """Where to write the bytes of a file."""
    with scratch.file() as file:
        yield Upload(file)


@contextmanager
def in_storage(upload: Upload, project_id: UUID) -> Iterator[UUID]:
    """Puts the bytes into storage under a new file's id. They stay only if `accept` is called and committed."""
    facts = upload.facts()
    with db.transaction() as session:
        row = stored.reserve(session, facts, project_id=project_id, filename=upload.filename)
    try:
        storage.store().put_file(row.key, upload.file, facts.media_type)
        yield row.id
    except SwitchyardError:
        stored.discard(row.id, row.key)
        raise
    # Whether a transaction was committed that broke in its commit, nobody knows but the sweep.
    if not upload.accepted:
        stored.discard(row.id, row.key)


def accept(
    session: Session,
    *,
    file_id: UUID,
    upload: Upload,
    project_id: UUID,
    metadata: dict[str, str],
    expires_at: datetime | None,
    created_by: UUID,
) -> StoredFile:
    """From here on there is the file; raises Unavailable if storing it took longer than the row was reserved for."""
    stored.complete(session, file_id)
    upload.accepted = True
    found = stored.get_file(session, project_id, file_id)
    found.declared_type, found.labels = upload.declared_type, metadata
    found.expires_at, found.created_by = expires_at, created_by
    return found
