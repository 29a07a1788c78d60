"""From a specification to the draft: read in the jail, compared with what is there, written in one transaction."""

import asyncio
from pathlib import Path
from typing import Any

from infra import scratch
from infra.errors import Unavailable
from infra.http import GuardedClient
from infra.jail import run_jailed
from workers.kinds.base import Context
from workers.specs.enriching import Enricher
from workers.specs.parsing import PARSER
from workers.specs.sources import MOST_REMOTE, Remote, fingerprint, opened, unpacked_megabytes
from workers.specs.storing import Place

Json = dict[str, Any]

FUNCTION = "workers.specs.parsing:parse"
MEMORY_BYTES = 448 * 1024 * 1024
SECONDS, SECONDS_A_MEGABYTE = 26.0, 2.0
COMPARING_SECONDS = 8.0
TRIES = 3
HOW = ("mode", "entry", "describe_with", "allow_remote_refs")


async def ingest(ctx: Context, payload: Json, client: GuardedClient | None = None) -> Json:
    """Reads the specification that the payload names into the draft; returns the job's result. Raises what is wrong
    with it (BadInput, ParsingTimeout, …), NotFound and what the guarded client raises."""
    own = client or GuardedClient()
    try:
        async with opened(ctx.project_id, payload, own) as path:
            return await _Ingest(ctx, payload, path, own).run()
    finally:
        if client is None:
            await own.close()


class _Ingest:
    """One job's way."""

    def __init__(self, ctx: Context, payload: Json, path: Path, client: GuardedClient) -> None:
        self._ctx, self._payload, self._path, self._client = ctx, payload, path, client
        self._place = Place(ctx.project_id, ctx.job_id, payload)
        self._how = {"parser": PARSER, **{name: payload.get(name) for name in HOW}}

    async def run(self) -> Json:
        """The result, at once if there is nothing to do."""
        self._fingerprint = await asyncio.to_thread(fingerprint, self._path, self._how)
        known = await asyncio.to_thread(self._known)
        if known is not None:
            total = sum(known["found"].values())
            await self._ctx.progress(total, total, "parsing")
            return known
        for _ in range(TRIES):
            with scratch.folder() as folder:
                done = await self._once(folder)
            if done is not None:
                return done
        raise Unavailable("The draft keeps changing while the specification is read; try again in a moment.")

    def _known(self) -> Json | None:
        self._place.find()
        # What remote references lead to may be another by now.
        return None if self._payload.get("allow_remote_refs") else self._place.known(self._fingerprint)

    async def _once(self, folder: Path) -> Json | None:
        """The result; None if somebody else changed the same entries meanwhile."""
        ctx = self._ctx
        await ctx.progress(0, None, "parsing")
        digest = await asyncio.to_thread(self._place.snapshot, folder / "before")
        parsed = await self._parse(folder)
        total = sum(parsed["found"].values())
        await ctx.progress(total, total, "parsing")
        described = {"written": 0, "failed": 0}
        if self._payload.get("describe_with") and parsed["entries"]:
            enricher = Enricher(ctx, self._payload["describe_with"])
            await enricher.enrich(parsed["entries"])
            described = {"written": enricher.written, "failed": enricher.failed}
            parsed["warnings"] += enricher.warnings
            parsed["warnings_total"] += enricher.failed
        ctx.checkpoint()
        await ctx.progress(0, len(parsed["entries"]), "storing")
        done = await asyncio.to_thread(self._place.store, parsed, described, digest, self._fingerprint)
        if done is not None:
            await ctx.progress(len(parsed["entries"]), len(parsed["entries"]), "storing")
        return done

    async def _parse(self, folder: Path) -> Json:
        """What parsing.py returns, after the documents that it wanted were fetched."""
        remote = Remote(self._client, folder)
        megabytes = await asyncio.to_thread(unpacked_megabytes, self._path)
        for _ in range(MOST_REMOTE + 1):
            parsed: Json = await run_jailed(
                FUNCTION,
                self._argument(remote),
                inputs={"document": self._path, "before": folder / "before", **remote.paths},
                seconds=SECONDS + SECONDS_A_MEGABYTE * megabytes,
                memory_bytes=MEMORY_BYTES,
            )
            if "missing" not in parsed:
                break
            self._ctx.checkpoint()
            await remote.fetch(parsed["missing"])
        parsed["warnings"] += remote.warnings()
        parsed["warnings_total"] += len(remote.failures)
        return parsed

    def _argument(self, remote: Remote) -> Json:
        return {
            "uri": self._payload.get("url"),
            "entry": self._payload.get("entry"),
            "remote": bool(self._payload.get("allow_remote_refs")),
            "fetched": remote.names,
            "given_up": list(remote.failures),
            "model": self._payload.get("describe_with"),
            "replace": (self._payload.get("mode") or "replace") == "replace",
            "seconds": COMPARING_SECONDS,
        }
