"""Cases for the operations of a knowledge base: made in the jail, some at a time, from the specification alone.

The same operations and seed make the same cases. An operation that the generator fails on gets none, and a warning.
"""

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID

from infra import db, ids, scratch
from infra.errors import ParserCrashed, ParsingTimeout, ParsingTooLarge
from infra.jail import run_jailed
from models import KnowledgeBase
from workers.kinds.base import Context
from workers.suites import environments
from workers.suites.generating import known_operations

Json = dict[str, Any]

FUNCTION = "workers.suites.generating.jailed:generate"
MOST_OPERATIONS = 1000
AT_ONCE = 25
JAILS = 2
SECONDS, SECONDS_AN_OPERATION = 40.0, 4.0
MEMORY_BYTES = 1024 * 1024 * 1024


async def cases_from_openapi(ctx: Context, wish: Json) -> Json:
    """`{"cases", "warnings", "operations"}` for a loaded input of the kind; raises BadInput and NotFound."""
    with scratch.folder() as folder:
        path = folder / "api.json"
        argument, chosen, warnings = await asyncio.to_thread(_prepare, ctx.project_id, wish, path)
        groups = [chosen[at : at + AT_ONCE] for at in range(0, len(chosen), AT_ONCE)]
        made = await _Making(ctx, argument, path, len(chosen)).all_of(groups)
    cases = [one for group in made for one in group["cases"]]
    warnings += [one for group in made for one in group["warnings"]]
    return {"cases": cases, "warnings": warnings, "operations": len(chosen)}


def _prepare(project_id: UUID, wish: Json, path: Path) -> tuple[Json, list[int], list[Json]]:
    """What the jail is told, which operations are chosen, and warnings; the operations are in the file."""
    with db.transaction() as session:
        base = known_operations.base_of(session, project_id, wish.get("knowledge_base_id"))
        known = known_operations.read(session, base, wish.get("source"))
        chosen = known_operations.chosen(known, wish.get("operations"), "/input/operations")
        known_operations.write(session, project_id, known, path)
        auth: Json = {}
        default = None
        environment = environments.wished_for(session, project_id, wish)
        if environment is not None:
            auth = {name: _without_secrets(one) for name, one in environment.auth.items()}
            default = environment.default_auth
        argument = {
            "seed": wish["seed"],
            "modes": wish["modes"],
            "max_cases_per_operation": wish["max_cases_per_operation"],
            "max_latency_ms": wish["max_latency_ms"],
            "knowledge_base_id": ids.show(KnowledgeBase.prefix, base.id),
            "auth": auth,
            "default_auth": default,
        }
    warnings = []
    if len(chosen) > MOST_OPERATIONS:
        left = len(chosen) - MOST_OPERATIONS
        message = f"A job takes {MOST_OPERATIONS} operations; {left} are left out. Name those in `operations`."
        warnings.append({"operation": None, "code": "too_many_operations", "message": message})
    return argument, chosen[:MOST_OPERATIONS], warnings


def _without_secrets(auth: Json) -> Json:
    """What tells which scheme it is for."""
    return {name: auth[name] for name in ("type", "name", "in") if name in auth}


class _Making:
    """The jails of one job, some at a time."""

    def __init__(self, ctx: Context, argument: Json, path: Path, total: int) -> None:
        self._ctx, self._argument, self._path = ctx, argument, path
        self._total, self._done = total, 0
        self._places = asyncio.Semaphore(JAILS)

    async def all_of(self, groups: list[list[int]]) -> list[Json]:
        """What came of each group, in their order."""
        await self._ctx.progress(0, self._total, "generating")
        async with asyncio.TaskGroup() as tasks:
            made = [tasks.create_task(self._group(group)) for group in groups]
        return [one for task in made for one in task.result()]

    async def _group(self, group: list[int]) -> list[Json]:
        async with self._places:
            self._ctx.checkpoint()
            found = await self._made(group)
        self._done += len(group)
        await self._ctx.progress(self._done, self._total, "generating")
        return found

    async def _made(self, group: list[int]) -> list[Json]:
        """The cases of a group; where the generator fails on it, of its halves."""
        try:
            found: Json = await run_jailed(
                FUNCTION,
                {**self._argument, "chosen": group},
                inputs={"api": self._path},
                seconds=SECONDS + SECONDS_AN_OPERATION * len(group),
                memory_bytes=MEMORY_BYTES,
            )
            return [found]
        except (ParsingTimeout, ParsingTooLarge, ParserCrashed) as error:
            if len(group) == 1:
                return [{"cases": [], "warnings": [_gave_up(group[0], error.detail)]}]
        half = len(group) // 2
        return [*await self._made(group[:half]), *await self._made(group[half:])]


def _gave_up(index: int, why: str) -> Json:
    return {"operation": index, "code": "not_generated", "message": f"No cases could be made for it: {why}"}
