"""Having texts embedded: batches on their way, tried again, halved, and kept as soon as they are answered."""

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from time import monotonic
from typing import Any
from uuid import UUID

import numpy as np
import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import db, json
from infra.errors import ModelNotFound, ProviderAuth, ProviderBusy, ProviderError, ProviderNotConfigured
from workers.kinds import costs
from workers.kinds.base import Context
from workers.providers import pace, routing
from workers.providers.base import Embeddings, Provider, ProviderUsage
from workers.providers.meter import characters, tokens
from workers.providers.names import SANDBOX, Target

Json = dict[str, Any]

MOST_TEXTS, FEWEST_TEXTS = 96, 4
MOST_CHARACTERS = 200_000
AT_ONCE = 4
# What is on its way to the provider is at most this part of all there is to embed.
LOST_AT_MOST = 50
ATTEMPTS = 5
LONGEST_PAUSE_SECONDS = 60.0
PATIENCE_SECONDS = 600.0
# So many refused texts without any success mean that the model takes none.
HOPELESS = 3
NOT_THE_TEXT = (ModelNotFound, ProviderAuth, ProviderNotConfigured)
REFUSED = "embedding_refused"

log = structlog.get_logger(__name__)

KEEP = text("""
INSERT INTO embeddings (project_id, model, text_hash, embedding, tokens, used_at)
SELECT :project_id, :model, decode(r.hash, 'hex'), CAST(r.vector AS halfvec), r.tokens, now()
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(hash text, vector text, tokens int) ORDER BY r.hash
ON CONFLICT DO NOTHING
""")

# (hash, text)
Batch = list[tuple[str, str]]
Counted = Callable[[Session, int, ProviderUsage], None]


@dataclass(slots=True)
class Embedded:
    """What it took to have vectors of some texts.

    `texts` were sent, `known` were there already; tokens and calls of the provider, US dollars (None: no list price),
    and why texts were refused, by their hash. `vectors` is in the order of the texts, with None for a refused one; only
    `embed_texts` fills it.
    """

    texts: int = 0
    known: int = 0
    tokens: int = 0
    calls: int = 0
    cost_usd: Decimal | None = Decimal(0)
    refused: dict[str, Json] = field(default_factory=dict)
    vectors: list[list[float] | None] = field(default_factory=list)

    def count(self, texts: int, usage: ProviderUsage) -> None:
        """Adds a call that was answered."""
        self.texts += texts
        self.calls += 1
        self.tokens += usage.input_tokens
        priced = self.cost_usd is not None and usage.cost_usd is not None
        self.cost_usd = (self.cost_usd or 0) + (usage.cost_usd or Decimal(0)) if priced else None


def batches(texts: Batch, of: int) -> Iterator[Batch]:
    """The texts by the call; `of` is how many there are in all."""
    most = min(MOST_TEXTS, max(FEWEST_TEXTS, of // LOST_AT_MOST // AT_ONCE))
    batch, size = Batch(), 0
    for one in texts:
        if batch and (len(batch) == most or size + len(one[1]) > MOST_CHARACTERS):
            yield batch
            batch, size = Batch(), 0
        batch.append(one)
        size += len(one[1])
    if batch:
        yield batch


@dataclass(slots=True)
class Work:
    """Texts of a project on their way to a model. `dimensions` are those of its other vectors, None for the first;
    `worked` says that it has taken a text before."""

    project_id: UUID
    model: str
    ctx: Context | None
    counted: Counted | None
    dimensions: int | None
    worked: bool
    done: Embedded = field(default_factory=Embedded)
    failed: BaseException | None = None

    async def through(self, all_batches: Iterator[Batch]) -> None:
        """Returns when all texts are kept or refused. After an error nothing more is sent, what is on its way is kept,
        and the error is raised."""
        await asyncio.gather(*(self._take(all_batches) for _ in range(AT_ONCE)))
        if self.failed is not None:
            raise self.failed

    async def _take(self, all_batches: Iterator[Batch]) -> None:
        for batch in all_batches:
            try:
                await self._embed(batch)
            except Exception as error:
                self.failed = self.failed or error
            if self.failed is not None:
                return

    async def _embed(self, batch: Batch) -> None:
        try:
            made = await self._patiently([text for _, text in batch])
        except ProviderError as error:
            if error.retryable or isinstance(error, NOT_THE_TEXT):
                raise
            await self._halve(batch, error)
            return
        self.worked = True
        self.done.count(len(batch), made.usage)
        await asyncio.to_thread(self._keep, batch, made)

    async def _halve(self, batch: Batch, error: ProviderError) -> None:
        """Finds the text that is refused; it alone fails, unless the model takes none."""
        if len(batch) > 1:
            middle = len(batch) // 2
            await self._embed(batch[:middle])
            await self._embed(batch[middle:])
            return
        self.done.refused[batch[0][0]] = error.as_json()
        if not self.worked and len(self.done.refused) >= HOPELESS:
            raise error

    async def _patiently(self, texts: list[str]) -> Embeddings:
        """The vectors, after some more attempts where an error may pass. A model whose rate limit leaves no room is
        waited for: nothing was sent to it."""
        until, attempt = monotonic() + PATIENCE_SECONDS, 1
        while True:
            try:
                return await self._call(texts)
            except ProviderError as error:
                attempt += not isinstance(error, ProviderBusy)
                pause = max(error.retry_after or 0.0, random.uniform(0.5, 1.0) * 2 ** (attempt - 2))
                too_late = monotonic() + pause > until or pause > LONGEST_PAUSE_SECONDS
                if not error.retryable or attempt > ATTEMPTS or too_late:
                    raise
            await asyncio.sleep(pause)

    async def _call(self, texts: list[str]) -> Embeddings:
        if self.ctx is not None:
            self.ctx.checkpoint()
        made = await call(self.model, texts, None if self.ctx is None else costs.Budget(self.ctx))
        if self.ctx is not None:
            self.ctx.used(made.usage)
        return made

    def _keep(self, batch: Batch, made: Embeddings) -> None:
        """Writes a batch's vectors, at length 1, and refuses those that cannot be searched."""
        rows = []
        share = made.usage.input_tokens / max(1, sum(len(one) for _, one in batch))
        for (digest, one), vector in zip(batch, made.vectors, strict=True):
            unit = np.asarray(vector, dtype=np.float64)
            length = float(np.linalg.norm(unit)) if unit.size else 0.0
            self.dimensions = self.dimensions or unit.size
            why = _unusable(unit.size, self.dimensions, length)
            if why is not None:
                message = f"The model {self.model} made a vector that cannot be searched: {why}."
                self.done.refused[digest] = {"code": REFUSED, "message": message, "retryable": False}
                continue
            shown = json.dumps(np.round(unit / length, 6).tolist())
            rows.append({"hash": digest, "vector": shown, "tokens": round(len(one) * share)})
        with db.transaction() as session:
            asked = {"project_id": self.project_id, "model": self.model, "rows": json.dumps(rows)}
            session.execute(KEEP, asked)
            if self.counted is not None:
                self.counted(session, len(batch), made.usage)


async def call(model: str, texts: list[str], budget: costs.Budget | None = None) -> Embeddings:
    """One call of the model's provider, at its pace; raises ProviderError, and CostLimitExceeded by the budget."""
    size = tokens(characters(texts))

    async def embed(provider: Provider, target: Target) -> Embeddings:
        if budget is not None:
            budget.require_input(target, size)
        if target.provider == SANDBOX:
            return await provider.embed(target.model, texts, {"whole": True})
        await pace.take(target.provider, target.model, size)
        return await provider.embed(target.model, texts, {})

    made, _, _ = await routing.first_answer(routing.chain(model), embed)
    return made


def _unusable(size: int, dimensions: int, length: float) -> str | None:
    if size != dimensions:
        return f"it has {size} dimensions where others have {dimensions}"
    if not np.isfinite(length):
        return "not all of its numbers are finite"
    return None if length > 0.0 else "all of its numbers are zero"
