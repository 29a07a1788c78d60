"""Bodies in a step's result: the first 64 KiB are in it, and the whole of a longer one is a file. Secrets are taken out
before anything is cut, so that no half of one is left."""

import asyncio
import base64
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from infra import ids, scratch
from infra.clock import now
from infra.errors import SwitchyardError
from infra.settings import settings
from models import FilePurpose, Store
from workers.files.copies import write_file
from workers.files.media_types import Watching
from workers.suites.base import BODY_SHOWN, Redaction, World
from workers.suites.steps.redaction import Redactor

Json = dict[str, Any]

NOTHING: Json = {"body": None, "encoding": "utf-8", "bytes": 0, "cut": False, "file_id": None}
SUFFIXES = {"application/json": ".json", "text/html": ".html", "application/xml": ".xml", "text/plain": ".txt"}

log = structlog.get_logger(__name__)


async def shown(body: bytes | None, name: str, world: World, redaction: Redaction, *, cut: bool = False) -> Json:
    """`{body, encoding, bytes, cut, file_id}`: text as it is, other bytes in base64; `bytes` is the size of all that
    was read, `cut` says that `body` is not all of it. A short text still has its secrets in it: they go with the rest
    of the result. `name` begins the file's."""
    if not body:
        return dict(NOTHING)
    if len(body) <= BODY_SHOWN and not cut:
        text = _text(body)
        if text is not None:
            return {"body": text, "encoding": "utf-8", "bytes": len(body), "cut": False, "file_id": None}
        return {**_coded(redaction.bytes(body)), "bytes": len(body), "cut": False, "file_id": None}
    clean = await asyncio.to_thread(_clean, body, redaction, cut)
    is_kept = len(clean) > BODY_SHOWN and world.ctx.store == Store.FULL  # a private job leaves no files
    file_id = await _stored(clean, name, world) if is_kept else None
    is_all = len(clean) <= BODY_SHOWN and not cut
    return {**_beginning(clean[:BODY_SHOWN]), "bytes": len(body), "cut": not is_all, "file_id": file_id}


def _clean(body: bytes, redaction: Redaction, cut: bool) -> bytes:
    if cut and isinstance(redaction, Redactor):
        body = redaction.cut(body)
    return redaction.bytes(body)


def _text(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def _beginning(body: bytes) -> Json:
    """As text, also where the last character is cut in two; else in base64."""
    try:
        return {"body": body.decode(), "encoding": "utf-8"}
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data" and error.start >= len(body) - 3:
            return {"body": body[: error.start].decode(), "encoding": "utf-8"}
    return _coded(body)


def _coded(body: bytes) -> Json:
    return {"body": base64.b64encode(body).decode(), "encoding": "base64"}


async def _stored(body: bytes, name: str, world: World) -> str | None:
    """The id of the file; None where storage fails, which is no reason to lose the step's result."""
    days = settings().test_run_retention_days
    try:
        with scratch.folder() as folder:
            path = folder / "body"
            media_type = await asyncio.to_thread(_put, path, body)
            file_id = await write_file(
                world.project_id,
                f"{name}{SUFFIXES.get(media_type, '.bin')}",
                media_type,
                path,
                FilePurpose.TEST_BODY,
                metadata={"run_id": ids.show("run", world.run_id)},
                expires_at=now() + timedelta(days=days) if days else None,
            )
    except (SwitchyardError, SQLAlchemyError, OSError) as error:
        log.warning("test_run.body_not_stored", run_id=str(world.run_id), error=str(error).splitlines()[0])
        return None
    return ids.show("file", file_id)


def _put(path: Path, body: bytes) -> str:
    """Writes it; returns its media type, told by its bytes."""
    path.write_bytes(body)
    watching = Watching()
    watching.see(body)
    return watching.told(BytesIO(body), len(body), "")
