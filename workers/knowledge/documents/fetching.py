"""Where documents come from: a file of the project, a URL through the guarded client, the request itself."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

from infra import ids, scratch
from infra.errors import AnswerInvalid, NotFound, TargetUnreachable
from infra.http import Answer, GuardedClient
from infra.settings import settings
from schemas.kb_entry import LONGEST_KEY
from workers.files import local_copy

Json = dict[str, Any]

SECONDS = 120.0
REDIRECTS = 5
NAMELESS = "document.md"
_DIGEST = 32
_ACCEPT = {"Accept": "text/markdown, text/html;q=0.9, application/pdf;q=0.9, */*;q=0.8"}


@dataclass(frozen=True, slots=True)
class Fetched:
    """A local copy of what was sent, and what its sender says of it. `key` names the entry unless the job does."""

    path: Path
    filename: str
    key: str
    media_type: str = ""
    charset: str | None = None


@asynccontextmanager
async def opened(project_id: UUID, payload: Json, client: GuardedClient) -> AsyncIterator[Fetched]:
    """The bytes that a payload names. Raises NotFound, Unavailable, and what the guarded client raises."""
    filename = payload.get("filename")
    if payload.get("file_id") is not None:
        async with local_copy(project_id, file_id(payload["file_id"])) as (path, row):
            filename = filename or row.filename
            yield Fetched(path, filename, _key(filename), row.declared_type or row.media_type)
        return
    with scratch.folder() as folder:
        path = folder / "document"
        if payload.get("url") is not None:
            answer = await _asked(client, payload["url"])
            await asyncio.to_thread(path.write_bytes, answer.body)
            found = _of_answer(path, payload["url"], filename, answer)
            del answer
        else:
            await asyncio.to_thread(path.write_text, payload["text"], "utf-8")
            found = Fetched(path, filename or NAMELESS, _key(filename or payload.get("title") or NAMELESS))
        yield found


def file_id(shown: str) -> UUID:
    """The id of a file; raises NotFound for what is none."""
    found = ids.parse("file", shown)
    if found is None:
        raise NotFound("There is no such file.")
    return found


async def _asked(client: GuardedClient, url: str) -> Answer:
    """The answer; one of another status than 200 is an error, which may pass if it is the server's."""
    most = settings().max_upload_bytes
    answer = await client.request("GET", url, headers=_ACCEPT, seconds=SECONDS, at_most=most, redirects=REDIRECTS)
    if answer.status >= 500 or answer.status == 429:
        raise TargetUnreachable(f"{url} answered with status {answer.status}.")
    if answer.status != 200:
        raise AnswerInvalid(f"{url} answered with status {answer.status}, where 200 was expected.")
    return answer


def _of_answer(path: Path, url: str, filename: str | None, answer: Answer) -> Fetched:
    said = Message()
    said["Content-Type"] = answer.headers.get("Content-Type", "")
    last = PurePosixPath(unquote(urlsplit(answer.url).path)).name
    charset = said.get_content_charset()
    return Fetched(path, filename or last or "index.html", _key(url), said.get_content_type(), charset)


def _key(name: str) -> str:
    """The name, cut to what a key may have; a digest keeps apart what begins alike."""
    if len(name) <= LONGEST_KEY:
        return name
    return f"{name[: LONGEST_KEY - _DIGEST - 1]}~{hashlib.sha256(name.encode()).hexdigest()[:_DIGEST]}"
