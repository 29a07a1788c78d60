"""Has documents read in the jail: one, or many of an archive, of which none that fails hinders the others."""

from dataclasses import dataclass
from typing import Any

from infra.errors import DocumentUnreadable, ParserCrashed, ParsingTimeout, ParsingTooLarge
from infra.jail import run_jailed
from schemas.kb_entry import LONGEST_KEY
from workers.kinds.base import Context
from workers.knowledge.documents.fetching import Fetched

Json = dict[str, Any]

MEGABYTE = 1024 * 1024
RESULT_BYTES = 256 * MEGABYTE
# What is read of an archive by one child.
DOCUMENTS_AT_ONCE = 50
BYTES_AT_ONCE = 8 * MEGABYTE
LONGEST_ALTOGETHER = 50_000_000
_READING = "workers.knowledge.documents.reading"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one child may use: for a document, or for some documents of an archive."""

    seconds: float = 60.0
    memory_bytes: int = 512 * MEGABYTE


@dataclass(frozen=True, slots=True)
class Reading:
    """One document by its key: either what `base.Document.finished` says, or why it could not be read."""

    key: str
    document: Json | None = None
    error: Json | None = None


async def read(
    ctx: Context, fetched: Fetched, key: str | None, limits: Limits = Limits()
) -> tuple[list[Reading], bool]:
    """The documents of a file, and whether it is an archive. Raises what the jail raises for the one document, and
    DocumentUnreadable for an archive without any that can be read."""
    await ctx.progress(0, None, "parsing")
    argument = {"filename": fetched.filename, "media_type": fetched.media_type, "charset": fetched.charset}
    found = await _jailed("read", argument, fetched, limits)
    if "members" not in found:
        await ctx.progress(1, 1, "parsing")
        return [Reading(key or fetched.key, found)], False
    folder = f"{key.rstrip('/')}/" if key else ""
    return await _Archive(ctx, fetched, folder, limits).read(found["members"]), True


async def _jailed(function: str, argument: Json, fetched: Fetched, limits: Limits) -> Any:
    return await run_jailed(
        f"{_READING}:{function}",
        argument,
        inputs={"file": fetched.path},
        seconds=limits.seconds,
        memory_bytes=limits.memory_bytes,
        result_bytes=RESULT_BYTES,
    )


class _Archive:
    """The members of one archive."""

    def __init__(self, ctx: Context, fetched: Fetched, folder: str, limits: Limits) -> None:
        self._ctx, self._fetched, self._folder, self._limits = ctx, fetched, folder, limits

    async def read(self, members: list[Json]) -> list[Reading]:
        await self._ctx.progress(0, len(members), "parsing")
        readings: dict[str, Reading] = {}
        characters = done = 0
        for names in _grouped(members):
            self._ctx.checkpoint()
            for name, found in zip(names, await self._read(names), strict=True):
                reading = self._reading(name, found, readings)
                readings[reading.key] = reading
                characters += len(reading.document["text"]) if reading.document else 0
            if characters > LONGEST_ALTOGETHER:
                raise ParsingTooLarge(f"The archive has more than {LONGEST_ALTOGETHER:,} characters of text; split it.")
            done += len(names)
            await self._ctx.progress(done, len(members), "parsing")
        if not any(one.document for one in readings.values()):
            raise _nothing_read(list(readings.values()))
        return list(readings.values())

    async def _read(self, names: list[str]) -> list[Json]:
        """What reading.read_members says of these. A child that dies of them is asked again for each half."""
        try:
            found: list[Json] = await _jailed("read_members", {"names": names}, self._fetched, self._limits)
            return found
        except (ParsingTimeout, ParsingTooLarge, ParserCrashed) as error:
            if len(names) == 1:
                return [{"error": error.as_json()}]
        self._ctx.checkpoint()
        half = len(names) // 2
        return [*await self._read(names[:half]), *await self._read(names[half:])]

    def _reading(self, name: str, found: Json, known: dict[str, Reading]) -> Reading:
        """By a key that is the path in the archive."""
        path = name.replace("\\", "/").removeprefix("./").lstrip("/")
        key = (self._folder + path).replace("\0", "")
        problem = None
        if len(key) > LONGEST_KEY:
            problem, key = f"The path is longer than {LONGEST_KEY} characters.", key[:LONGEST_KEY]
        elif ".." in path.split("/"):
            problem = "The path leads out of the archive."
        if key in known:
            # What was read first stays; this one is said under a name that is nobody's.
            problem, key = "Another file has the same path.", f"{key[: LONGEST_KEY - 20]} ({len(known)})"
        if problem:
            return Reading(key, error=DocumentUnreadable(problem).as_json())
        return Reading(key, found.get("document"), found.get("error"))


def _grouped(members: list[Json]) -> list[list[str]]:
    """Names, as many at once as one child should read."""
    groups: list[list[str]] = []
    size = BYTES_AT_ONCE + 1
    for member in members:
        size += member["bytes"]
        if size > BYTES_AT_ONCE or len(groups[-1]) == DOCUMENTS_AT_ONCE:
            groups.append([])
            size = member["bytes"]
        groups[-1].append(member["name"])
    return groups


def _nothing_read(readings: list[Reading]) -> DocumentUnreadable:
    failed = [{"key": one.key, "error": one.error} for one in readings[:20]]
    first = readings[0].error["message"] if readings[0].error else ""
    return DocumentUnreadable(f"None of {len(readings)} documents could be read. The first: {first}", documents=failed)
