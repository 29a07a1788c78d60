"""Taking a batch in: its lines go to a file as they come and from there to storage; then one row says it is there.

Nothing is read here but where the lines end, so a batch is accepted as fast as it arrives.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Self
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import ids, scratch, storage
from infra.clock import now
from infra.errors import BadInput, QueueFull, SwitchyardError, TooManyLines
from models import Batch, BatchStatus
from schemas.batch import LINES_AT_MOST
from workers.files.receiving import Received
from workers.jobs.batches import telling
from workers.jobs.submit import find_kind
from workers.webhooks import callbacks

UNREAD_AT_MOST = 20
RETRY_AFTER_SECONDS = 10.0
MEDIA_TYPE = "application/jsonl"
_BLANK = b" \t\r\n"

UNREAD = text("SELECT count(*) FROM batches WHERE project_id = :project_id AND status = 'reading'")


class Lines(Received):
    """The lines of one upload."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.count = self._breaks = 0

    def write(self, piece: bytes) -> int:
        """Takes what came; raises BodyTooLarge and TooManyLines as soon as that is certain."""
        written = super().write(piece)
        used = piece.rstrip(_BLANK)
        if used:
            self.count = self._breaks + used.count(b"\n") + 1
        if self.count > LINES_AT_MOST:
            raise TooManyLines(f"A batch may have {LINES_AT_MOST} lines, and this one has more.")
        self._breaks += piece.count(b"\n")
        return written

    def end(self) -> Self:
        """All of it is there; raises BadInput where that is nothing."""
        if not self.count:
            raise BadInput("The batch has no lines.", errors=[{"pointer": "", "detail": "Send at least one line."}])
        self.file.seek(0)
        return self


@contextmanager
def receiving() -> Iterator[Lines]:
    """Where to write the lines of an upload."""
    with scratch.file() as file:
        yield Lines(file)


@contextmanager
def in_storage(lines: Lines, project_id: UUID) -> Iterator[UUID]:
    """Puts the lines into storage under a new batch's id. They stay only if `accept` is called and not refused; if it
    is not known whether its transaction was committed, they stay, too."""
    batch_id = ids.new_id()
    key = _key(project_id, batch_id)
    store = storage.store()
    store.put_file(key, lines.file, MEDIA_TYPE)
    try:
        yield batch_id
    except SwitchyardError:
        store.delete(key)
        raise
    if not lines.accepted:
        store.delete(key)


def accept(
    session: Session,
    *,
    batch_id: UUID,
    lines: Lines,
    project_id: UUID,
    kind: str | None,
    metadata: dict[str, str],
    callback_url: str | None = None,
    created_by: UUID,
    request_id: str,
) -> Batch:
    """Writes the batch, to be read soon; raises UnknownKind, TargetRefused, or QueueFull where the project has too many
    unread."""
    if kind is not None:
        find_kind(kind)
    if callback_url is not None:
        callbacks.check(callback_url)
        callbacks.expect(session, project_id)
    if session.execute(UNREAD, {"project_id": project_id}).scalar_one() >= UNREAD_AT_MOST:
        sentence = f"{UNREAD_AT_MOST} batches of this project are not read yet; send the next one when one of them is."
        raise QueueFull(sentence, retry_after=RETRY_AFTER_SECONDS)
    batch = Batch(
        id=batch_id,
        created_at=now(),
        project_id=project_id,
        created_by=created_by,
        status=BatchStatus.READING,
        file_key=_key(project_id, batch_id),
        lines=lines.count,
        lines_read=0,
        bytes_read=0,
        accepted=0,
        rejected=0,
        event_sequence=0,
        options={} if kind is None else {"kind": kind},
        labels=metadata,
        callback_url=callback_url,
        request_id=request_id,
    )
    session.add(batch)
    telling.tell(session, batch, "batch.created", {})
    lines.accepted = True
    return batch


def _key(project_id: UUID, batch_id: UUID) -> str:
    return f"batches/{project_id.hex}/{batch_id.hex}.jsonl"
