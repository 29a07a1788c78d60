"""Analyses traces: assigns each to its feature, looks for new ones in what is left, has both noted, and says so.

Work is done in portions of some hundred traces. A portion's assignments are written first, then noted for its features
(drift/noting.py), and only then are its traces marked as analysed: a job that is killed goes on with the portion it was
at, which changes nothing that is written already. Features are read anew before each portion and the project is locked
while one is written, so that what a person decides meanwhile stands.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from infra import ids
from models import Feature
from workers.features import choosing, discovering, founding, keeping, loading, naming, vectors
from workers.features.assigning import Assigner
from workers.features.base import Assignment, Summary
from workers.features.drift.noting import note
from workers.features.judging import Judge
from workers.features.loading import Learnt, Loaded
from workers.kinds.base import Context

Json = dict[str, Any]

PORTION, CAREFUL_PORTION = 500, 50
# One job does not go on for ever; the next one takes up where it ends.
MOST_TRACES = 20_000
DISCOVER_AT = 2_000


@dataclass(slots=True)
class Tally:
    """What became of the traces so far."""

    features: Counter[UUID] = field(default_factory=Counter)
    new: list[UUID] = field(default_factory=list)
    at_risk: dict[UUID, None] = field(default_factory=dict)
    drift: dict[UUID, None] = field(default_factory=dict)
    traces: int = 0
    skipped: int = 0

    def as_result(self, judge: Judge) -> Json:
        """The job's result."""
        features = [
            {"feature_id": ids.show(Feature.prefix, one), "traces": n}
            for one, n in self.features.most_common()
            if n > 0
        ]
        return {
            "features": features,
            "new": [ids.show(Feature.prefix, one) for one in self.new],
            "at_risk": [ids.show(Feature.prefix, one) for one in self.at_risk],
            "drift": [ids.show("drift", one) for one in self.drift],
            "traces": self.traces,
            "unassigned": self.traces - self.features.total(),
            "skipped": self.skipped,
            "model_calls": judge.calls,
            "warnings": judge.warnings,
        }


async def analyse(ctx: Context, wish: Json) -> Json:
    """Analyses what the wish (FeatureAnalyzeIn) says, and returns what FeatureAnalyzeOut has."""
    work = _Work(ctx, wish)
    await work.through()
    return work.tally.as_result(work.judge)


class _Work:
    """One job's."""

    def __init__(self, ctx: Context, wish: Json) -> None:
        self._ctx, self._wish = ctx, wish
        self._project_id = ctx.project_id
        self._again: bool = wish.get("again", False)
        self._choice = choosing.Choice(ctx.project_id, wish)
        self._learnt = Learnt()
        self.judge = Judge(ctx, wish.get("model"))
        self.tally = Tally()

    async def through(self) -> None:
        """All of it."""
        self._learnt = await asyncio.to_thread(keeping.read_learnt, self._project_id)
        size = PORTION if self._ctx.attempt == 1 else CAREFUL_PORTION
        while self.tally.traces + self.tally.skipped < MOST_TRACES:
            self._ctx.checkpoint()
            chosen = await asyncio.to_thread(self._choice.next, size, careful=self._ctx.attempt > 1)
            self.tally.skipped += self._choice.take_skipped()
            if not chosen:
                break
            await self._portion(chosen)
            if self._learnt.waiting >= DISCOVER_AT:
                await self._discover()
            await self._ctx.progress(self.tally.traces, None, "analysing")
            self._ctx.partial(self.tally.as_result(self.judge))
        await self._discover()

    async def _portion(self, chosen: Sequence[UUID]) -> None:
        loaded: Loaded = await asyncio.to_thread(loading.load, self._project_id, chosen, self._learnt)
        assigner = await asyncio.to_thread(keeping.read_assigner, self._project_id, self._learnt)
        await self._embed(assigner, loaded.summaries)
        assignments = assigner.assign_all(loaded.summaries)
        assignments += await self.judge.confirm(assigner)
        written = await asyncio.to_thread(
            keeping.write, self._project_id, loaded, assignments, assigner, self._learnt, again=self._again
        )
        await self._note(written)
        await asyncio.to_thread(keeping.mark_analysed, self._project_id, loaded, written)
        self._count(loaded, written)

    async def _embed(self, assigner: Assigner, summaries: Sequence[Summary]) -> None:
        """Has what users said embedded where it may decide, and what they were told where that leaves doubts."""
        wanted = [one for one in summaries if assigner.wants_vector(one)]
        vectors.give(wanted, await vectors.embed([vectors.what(one) for one in wanted]))
        told = [one for one in wanted if assigner.wants_reply(one)]
        vectors.give_replies(told, await vectors.embed([one.details["answer"] for one in told]))

    async def _note(self, assignments: Sequence[Assignment]) -> None:
        if not assignments:
            return
        noted = await asyncio.to_thread(note, self._project_id, assignments, job_id=self._ctx.job_id)
        self.tally.drift.update(dict.fromkeys(noted.drifts))
        self.tally.at_risk.update(dict.fromkeys(noted.at_risk))

    async def _discover(self) -> None:
        """Looks for features in what has none, if enough has come since that was last done."""
        if self._learnt.waiting < discovering.WORTH:
            return
        buffer, assigner = await asyncio.to_thread(keeping.read_buffer, self._project_id, self._learnt)
        if self._learnt.waiting < discovering.due_at(len(buffer)):
            return
        self._ctx.checkpoint()
        found = await asyncio.to_thread(discovering.discover, buffer, assigner)
        names = await self.judge.names(naming.named(found, assigner))
        made = await asyncio.to_thread(founding.write, self._ctx.job_id, self._project_id, found, names, self._learnt)
        self.tally.new += made.new
        known = {one.summary.trace_id for one in made.assignments}
        entries = {one.details["entry"] for each in found for one in each.members}
        rest = [one for one in buffer if one.trace_id not in known and one.details["entry"] in entries]
        await self._note_found(made.assignments + await self._assign_rest(rest))

    async def _assign_rest(self, rest: list[Summary]) -> list[Assignment]:
        """What resembles the new features, but did not make them."""
        if not rest:
            return []
        assigner = await asyncio.to_thread(keeping.read_assigner, self._project_id, self._learnt)
        made = assigner.assign_all(rest)
        some = Loaded([one.summary for one in made])
        return await asyncio.to_thread(keeping.write, self._project_id, some, made, assigner, self._learnt, again=False)

    async def _note_found(self, assignments: Sequence[Assignment]) -> None:
        """The buffer has summaries without calls; what is noted has them."""
        for at in range(0, len(assignments), PORTION):
            some = {one.summary.trace_id: one for one in assignments[at : at + PORTION]}
            loaded = await asyncio.to_thread(loading.load, self._project_id, [*some], self._learnt)
            for whole in loaded.summaries:
                whole.vector = some[whole.trace_id].summary.vector
                some[whole.trace_id].summary = whole
            ready = [some[one.trace_id] for one in loaded.summaries]
            await self._note(ready)
            self.tally.features.update(one.feature_id for one in ready)

    def _count(self, loaded: Loaded, written: Sequence[Assignment]) -> None:
        self.tally.traces += len(loaded.summaries)
        self.tally.skipped += len(loaded.missing) + len(loaded.broken)
        self.tally.features.update(one.feature_id for one in written)
