"""Vectors of texts, paid for once: what a model said of a text is kept in `embeddings`, by project, model and text.

Texts go to the provider in batches, a few at a time, and each batch is committed when it is there. So a worker that is
killed loses what was on its way and nothing else: at most a fiftieth of a large build, since batches are that small. A
batch that is refused is halved until the text is found that the model does not take; that one is told with the reason.

The offline model reads 256 tokens at a time; a longer text gets the mean of its windows (0.406 nDCG@10 on Cranfield,
where the first 256 tokens alone get 0.400, and the best of a document's windows 0.397). Vectors are kept at length 1,
and forgotten 30 days after they were last used; those of chunks stay with them.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Any
from uuid import UUID

from sqlalchemy import text as sql
from sqlalchemy.orm import Session

from infra import db, json
from workers.kinds.base import Context
from workers.knowledge.embedding_calls import Counted, Embedded, Work, batches, call
from workers.providers import minilm, names, prices
from workers.providers.names import SANDBOX

KEPT_DAYS = 30
FORGOTTEN_AT_ONCE = 5_000
QUERIES_KEPT = 1024
LOOKED_UP_AT_ONCE = 1_000
# Other models have other tokens than we count.
MARGIN = 0.8

# A text that is used again now and then stays. Rows are locked in one order, so that no two builds wait for each other.
USED = sql("""
WITH old AS (
  SELECT text_hash FROM embeddings
  WHERE project_id = :project_id AND model = :model AND used_at < now() - interval '1 day'
    AND text_hash = ANY(ARRAY(SELECT decode(unnest(CAST(:hashes AS text[])), 'hex')))
  ORDER BY text_hash FOR UPDATE)
UPDATE embeddings e SET used_at = now() FROM old
WHERE e.project_id = :project_id AND e.model = :model AND e.text_hash = old.text_hash
""")
# A statement of its own: it does not see what was forgotten while the first one waited.
KNOWN = sql("""
SELECT encode(text_hash, 'hex') FROM embeddings
WHERE project_id = :project_id AND model = :model
  AND text_hash = ANY(ARRAY(SELECT decode(unnest(CAST(:hashes AS text[])), 'hex')))
""")
VECTORS = sql("""
SELECT encode(text_hash, 'hex') AS hash, CAST(embedding AS text) AS vector FROM embeddings
WHERE project_id = :project_id AND model = :model
  AND text_hash = ANY(ARRAY(SELECT decode(unnest(CAST(:hashes AS text[])), 'hex')))
""")
DIMENSIONS = sql("""
SELECT vector_dims(embedding) FROM embeddings WHERE project_id = :project_id AND model = :model LIMIT 1
""")
FORGET = sql("""
DELETE FROM embeddings WHERE ctid = ANY(ARRAY(
  SELECT ctid FROM embeddings WHERE used_at < now() - make_interval(days => :days) ORDER BY used_at LIMIT :at_most
  FOR UPDATE SKIP LOCKED))
""")

_queries: OrderedDict[tuple[UUID, str, str], list[float]] = OrderedDict()
_queries_lock = Lock()


def text_hash(text: str) -> str:
    """SHA-256 in hex of a text as it is embedded."""
    return hashlib.sha256(text.encode()).hexdigest()


def canonical(model: str) -> str:
    """The model's full name, which means the same wherever it is used: `sandbox` or `provider/model`."""
    target = names.target(model, pointer="/input/embedding_model")
    return SANDBOX if target.provider == SANDBOX else str(target)


def available(model: str) -> bool:
    """Whether the model can be called at all: the offline one is a package that need not be installed."""
    return names.target(model).provider != SANDBOX or minilm.installed()


def most_tokens(model: str) -> int | None:
    """How long a text the model reads, in our tokens and with a margin; None where nobody knows, or there is no end."""
    target = names.target(model)
    window = None if target.provider == SANDBOX else prices.context_window(target.provider, target.model)
    return None if window is None else int(window * MARGIN)


async def embed_texts(project_id: UUID, model: str, texts: Sequence[str], ctx: Context | None = None) -> Embedded:
    """The texts' vectors by a model, asked of its provider where they are not kept; raises as `keep` does."""
    done = await keep(project_id, model, texts, ctx)
    hashes = [text_hash(text) for text in texts]
    vectors = await asyncio.to_thread(_read, project_id, model, hashes)
    done.vectors = [vectors.get(one) for one in hashes]
    return done


async def embed_query(project_id: UUID, model: str, text: str, ctx: Context | None = None) -> list[float]:
    """A question's vector. A process remembers the last ones, each for its project alone; raises ProviderError."""
    key = (project_id, model, text)
    with _queries_lock:
        found = _queries.get(key)
        if found is not None:
            _queries.move_to_end(key)
            return found
    made = await call(model, [text])
    if ctx is not None:
        ctx.used(made.usage)
    with _queries_lock:
        _queries[key] = made.vectors[0]
        if len(_queries) > QUERIES_KEPT:
            _queries.popitem(last=False)
    return made.vectors[0]


async def keep(
    project_id: UUID,
    model: str,
    texts: Iterable[str],
    ctx: Context | None = None,
    *,
    of: int | None = None,
    counted: Counted | None = None,
) -> Embedded:
    """Has all these texts' vectors in `embeddings`, or a reason why not.

    `of` says how many texts the whole build has; `counted` is called in the transaction that keeps a batch, with the
    number of its texts and what the call used. Raises ProviderError where the model cannot be used, or not now, and
    CostLimitExceeded.
    """
    wanted = {text_hash(text): text for text in texts}
    have, dimensions = await asyncio.to_thread(_look_up, project_id, model, [*wanted])
    missing = [(one, text) for one, text in wanted.items() if one not in have]
    work = Work(project_id, model, ctx, counted, dimensions, worked=dimensions is not None)
    work.done.known = len(have)
    await work.through(batches(missing, of or len(missing)))
    return work.done


def known(session: Session, project_id: UUID, model: str, hashes: Sequence[str]) -> set[str]:
    """Those of the texts, by their hashes, that have a vector already."""
    found: set[str] = set()
    for at in range(0, len(hashes), LOOKED_UP_AT_ONCE):
        asked = {"project_id": project_id, "model": model, "hashes": list(hashes[at : at + LOOKED_UP_AT_ONCE])}
        session.execute(USED, asked)
        found.update(session.execute(KNOWN, asked).scalars())
    return found


def forget_unused() -> int:
    """Deletes vectors that nobody asked for in 30 days, some thousand of them; returns how many."""
    with db.transaction() as session:
        done: Any = session.execute(FORGET, {"days": KEPT_DAYS, "at_most": FORGOTTEN_AT_ONCE})
        return int(done.rowcount)


def _look_up(project_id: UUID, model: str, hashes: Sequence[str]) -> tuple[set[str], int | None]:
    """Which texts have vectors, and how many dimensions the model's vectors have."""
    with db.transaction() as session:
        dimensions = session.execute(DIMENSIONS, {"project_id": project_id, "model": model}).scalar()
        return known(session, project_id, model, hashes), dimensions


def _read(project_id: UUID, model: str, hashes: list[str]) -> dict[str, list[float]]:
    with db.transaction() as session:
        rows = session.execute(VECTORS, {"project_id": project_id, "model": model, "hashes": hashes})
        return {row.hash: json.loads(row.vector) for row in rows}
