"""Builds: the draft becomes a version beside the active one, from its first row to the moment when it is ready.

    snapshot    the version gets its number and a copy of the draft's list of entries
    chunking    what has changed is cut
    embedding   what no vector is kept of is embedded
    indexing    gone chunks are closed, the search index is brought up to date
    evaluating  the saved queries are asked

An attempt that follows one which was killed goes on where that was; nothing is cut, embedded or paid twice. A build
whose job has ended otherwise is failed by the clock (building/abandoned.py).
"""

import asyncio
from typing import Any
from uuid import UUID

from infra import db
from infra.errors import BuildFailed, CostLimitExceeded, ProviderError, SwitchyardError
from workers.kinds.base import Context
from workers.knowledge import bases, evaluation, versions
from workers.knowledge.building import begin, cutting, ending, vectors
from workers.knowledge.building.state import Build
from workers.knowledge.search import indexing

Json = dict[str, Any]


async def build(ctx: Context, base_id: UUID, wish: Json) -> Json:
    """Builds a version of the knowledge base's draft; returns what RagBuildOut reads.

    `wish` is a loaded RagBuildIn. Raises what the admission raises, BuildFailed where (too) few entries could be
    indexed, ProviderError and CostLimitExceeded of the embedding model, and what may pass: BuildRunning, Unavailable.
    """
    await ctx.progress(0, None, "snapshot")
    made = await asyncio.to_thread(begin.begin, ctx.project_id, base_id, ctx.job_id, ctx.attempt, wish)
    if not made.done:
        try:
            await _through(ctx, made, allow_partial=wish["allow_partial"])
        except (BuildFailed, CostLimitExceeded, ProviderError) as error:
            if not error.retryable:
                await asyncio.to_thread(_failed, made, error)
            raise
    refusal = await asyncio.to_thread(_activate, made) if wish["activate"] else None
    return await asyncio.to_thread(_result, made, refusal)


async def _through(ctx: Context, made: Build, *, allow_partial: bool) -> None:
    """All stages after the first."""
    left = total = await asyncio.to_thread(cutting.entries_left, made)
    while left:
        ctx.checkpoint()
        await ctx.progress(total - left, total, "chunking")
        left = max(0, left - await asyncio.to_thread(cutting.cut_page, made))
    if made.model is not None:
        await vectors.embed_all(ctx, made)
    await asyncio.to_thread(ending.require_enough, made, allow_partial=allow_partial)
    ctx.checkpoint()
    await ctx.progress(0, None, "indexing")
    removed = await asyncio.to_thread(ending.close_gone, made)
    await indexing.after_build(made.base_id, made.number)
    ctx.checkpoint()
    await ctx.progress(0, None, "evaluating")
    figures = await evaluation.evaluate(made.project_id, made.base_id, made.number, ctx.job_id, ctx)
    await asyncio.to_thread(ending.finish, made, removed, figures)


def _failed(made: Build, error: SwitchyardError) -> None:
    """The version has failed; its chunks go at once."""
    ending.fail(made, error)
    begin.undo(made.base_id, ready=made.base, number=made.number, own=True)


def _activate(made: Build) -> Json | None:
    """Activates the version if the gate lets it; returns why not. What an earlier attempt has activated, somebody may
    have left again since."""
    body = {"version": made.number, "force": False}
    try:
        with db.transaction() as session:
            base = bases.get_base(session, made.project_id, made.base_id, lock=True)
            if made.done and versions.get_version(session, base, made.number).activated_at is not None:
                return None
            versions.activate(session, base, by=made.created_by, may_force=False, body=body)
    except SwitchyardError as error:
        return {**error.as_json(), "errors": error.errors}
    return None


def _result(made: Build, refusal: Json | None) -> Json:
    with db.transaction() as session:
        base = bases.get_base(session, made.project_id, made.base_id)
        version = versions.get_version(session, base, made.number)
        stats: Json = version.stats
        return {
            "knowledge_base_id": base.public_id,
            "version": version.number,
            "base": version.base,
            "embedding_model": version.settings["embedding_model"],
            "entries": stats["entries"],
            "chunks": stats["chunks"],
            "failed": stats["entries"]["failed"],
            "tokens": stats["tokens"],
            "embedding_calls": stats["embedding_calls"],
            "embedded_texts": stats["embedded_texts"],
            "cost_usd": stats["cost_usd"],
            "evaluation": version.evaluation,
            "activated": base.active_version == version.number,
            "not_activated_because": refusal,
            "note": stats.get("note"),
        }
