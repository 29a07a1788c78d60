"""Where a specification comes from: a file of the project, a URL, the request itself; and the documents it refers to.

All that is on the network goes through the guarded client (infra/http.py), here and not where it is parsed.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from infra import ids, json, scratch
from infra.errors import AnswerInvalid, NotFound, SwitchyardError, TargetUnreachable
from infra.http import GuardedClient
from infra.settings import settings
from workers.files import local_copy

Json = dict[str, Any]

SECONDS = 60.0
REDIRECTS = 5
MOST_REMOTE = 50
MOST_REMOTE_BYTES = 20 * 1024 * 1024
# What zips of text usually are.
TIMES_SMALLER = 5
_ACCEPT = {"Accept": "application/json, application/yaml, text/yaml, application/zip, */*;q=0.5"}


@asynccontextmanager
async def opened(project_id: UUID, payload: Json, client: GuardedClient) -> AsyncIterator[Path]:
    """The specification as a local file. Raises NotFound, Unavailable, and what the guarded client raises."""
    if payload.get("file_id") is not None:
        file_id = ids.parse("file", payload["file_id"])
        if file_id is None:
            raise NotFound("There is no such file.")
        async with local_copy(project_id, file_id) as (path, _):
            yield path
        return
    if payload.get("url") is not None:
        raw = await fetched(client, payload["url"], settings().max_upload_bytes)
    else:
        document = payload["document"]
        raw = document.encode() if isinstance(document, str) else json.dump_bytes(document)
    with scratch.folder() as folder:
        path = folder / "document"
        await asyncio.to_thread(path.write_bytes, raw)
        del raw
        yield path


async def fetched(client: GuardedClient, url: str, at_most: int) -> bytes:
    """What a URL answers. Raises what the guarded client raises, and AnswerInvalid for any status but 200."""
    answer = await client.request("GET", url, headers=_ACCEPT, seconds=SECONDS, at_most=at_most, redirects=REDIRECTS)
    if answer.status >= 500 or answer.status == 429:
        raise TargetUnreachable(f"{url} answered with status {answer.status}.")
    if answer.status != 200:
        raise AnswerInvalid(f"{url} answered with status {answer.status}, where 200 was expected.")
    return answer.body


class Remote:
    """Documents of elsewhere, each fetched once into a folder; so many and so many bytes at most."""

    def __init__(self, client: GuardedClient, folder: Path) -> None:
        self._client, self._folder = client, folder
        self._left = MOST_REMOTE_BYTES
        self.names: dict[str, str] = {}
        self.paths: dict[str, Path] = {}
        self.failures: dict[str, str] = {}

    async def fetch(self, uris: list[str]) -> None:
        """Gets these, or notes why not."""
        for uri in uris:
            if len(self.names) >= MOST_REMOTE or self._left <= 0:
                self.failures[uri] = f"At most {MOST_REMOTE} documents and {MOST_REMOTE_BYTES} bytes are fetched."
                continue
            try:
                raw = await fetched(self._client, uri, self._left)
            except SwitchyardError as error:
                self.failures[uri] = error.detail
                continue
            self._left -= len(raw)
            name = f"remote {len(self.names)}"
            self.names[uri], self.paths[name] = name, self._folder / name
            await asyncio.to_thread(self.paths[name].write_bytes, raw)

    def warnings(self) -> list[Json]:
        """What could not be had."""
        return [
            {"pointer": "", "code": "unfetched_document", "message": f"{uri} was not fetched: {why}"[:500]}
            for uri, why in self.failures.items()
        ]


def fingerprint(path: Path, how: Mapping[str, Any]) -> str:
    """SHA-256 in hex of the file, and of how it is read."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha256(json.dump_canonical([digest, dict(how)])).hexdigest()


def unpacked_megabytes(path: Path) -> float:
    """About how much there is to read, for how long that may take: a gzip file says it in its last four bytes."""
    size = path.stat().st_size
    with path.open("rb") as file:
        beginning = file.read(4)
        if beginning.startswith(b"\x1f\x8b"):
            file.seek(max(0, size - 4))
            size = max(size, int.from_bytes(file.read(4), "little"))
        elif beginning.startswith(b"PK"):
            size *= TIMES_SMALLER
    return float(min(size, settings().max_upload_bytes) / 2**20)
