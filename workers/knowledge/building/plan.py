"""What a build would do and cost, told before: nothing is written, and no model is called."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text

from infra import db
from models import EntryType, KbVersion
from workers.knowledge import bases, chunking, embedding
from workers.knowledge.building.begin import require_buildable, settings_for
from workers.knowledge.building.cutting import TEXTS
from workers.knowledge.chunking.tokens import count
from workers.providers import names, prices

Json = dict[str, Any]

SECONDS = 5.0
TEXTS_AT_ONCE = 20
# By how much a vendor may count other tokens than we do.
DIFFERS = Decimal("0.15")

COMPARED = text("""
SELECT e.draft_revision_id AS revision_id, b.revision_id AS before, coalesce(b.chunks, 0) AS chunks,
  coalesce(b.state = 'indexed', false) AS indexed, coalesce(pg_column_size(r.text), 0) AS bytes
FROM kb_entries e
FULL JOIN (SELECT * FROM kb_version_entries WHERE knowledge_base_id = :kb AND version = :base) b ON b.entry_id = e.id
LEFT JOIN kb_revisions r ON r.id = e.draft_revision_id
WHERE (e.knowledge_base_id = :kb AND e.draft_revision_id IS NOT NULL) OR b.entry_id IS NOT NULL
ORDER BY md5(coalesce(e.id, b.entry_id)::text)
""")


@dataclass(slots=True)
class Cut:
    """What cutting came to; `missing` are the tokens of each text, by its hash, that has no vector yet."""

    bytes: int = 0
    chunks: int = 0
    texts: dict[str, int] = field(default_factory=dict)


def plan(project_id: UUID, base_id: UUID, wish: Json) -> Json:
    """What BuildPlanOut reads. Raises as the admission of a build does.

    Texts are cut for five seconds at most; what is left then is estimated from what was cut, and `exact` is false.
    """
    with db.transaction() as session:
        base = bases.get_base(session, project_id, base_id)
        require_buildable(session, base)
        settings = settings_for(base, wish)
        query = KbVersion.in_project(project_id).where(KbVersion.knowledge_base_id == base_id)
        ready = session.scalars(query.where(KbVersion.number == base.ready_version)).first()
        alike = ready is not None and ready.settings.get("config") == settings["config"]
        rows = session.execute(COMPARED, {"kb": base_id, "base": base.ready_version}).all()
    waiting = [row for row in rows if row.revision_id and not _reused(row, alike=alike)]
    cut = _cut(waiting, settings["chunking"])
    share = sum(row.bytes for row in waiting) / cut.bytes if cut.bytes else 1.0
    missing = _missing(project_id, settings["embedding_model"], cut)
    tokens = round(sum(missing) * share)
    reused = sum(row.chunks for row in rows if _reused(row, alike=alike))
    return {
        "knowledge_base_id": base.id,
        "base": base.ready_version,
        "embedding_model": settings["embedding_model"],
        "chunking": settings["chunking"],
        "entries": _entries(rows, len(waiting)),
        "chunks": {
            "new": round(cut.chunks * share),
            "reused": reused,
            "removed": sum(row.chunks for row in rows if row.indexed) - reused,
        },
        "texts_to_embed": round(len(missing) * share),
        "tokens": tokens,
        "cost_usd": _cost(settings["embedding_model"], tokens),
        "exact": share == 1.0,
        "note": settings.get("note"),
    }


def _reused(row: Any, *, alike: bool) -> bool:
    return alike and row.indexed and row.revision_id == row.before


def _entries(rows: Sequence[Any], to_index: int) -> Json:
    both = [row for row in rows if row.revision_id and row.before]
    return {
        "total": sum(row.revision_id is not None for row in rows),
        "new": sum(row.before is None for row in rows),
        "changed": sum(row.revision_id != row.before for row in both),
        "removed": sum(row.revision_id is None for row in rows),
        "unchanged": sum(row.revision_id == row.before for row in both),
        "to_index": to_index,
    }


def _cut(waiting: Sequence[Any], settings: Json) -> Cut:
    """As many as time allows, in an order that has nothing to do with their sizes."""
    until, cut = time.monotonic() + SECONDS, Cut()
    for page in _pages(waiting):
        with db.transaction() as session:
            entries = session.execute(TEXTS, {"revisions": [row.revision_id for row in page]}).all()
        for entry in entries:
            pieces = chunking.chunks_of(entry.text, EntryType(entry.type), settings, entry.title)
            searched = [piece.embedded for piece in pieces if piece.searched]
            cut.chunks += len(searched)
            cut.texts |= {embedding.text_hash(one): count(one) for one in searched}
        cut.bytes += sum(row.bytes for row in page)
        if time.monotonic() > until:
            break
    return cut


def _pages(waiting: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (waiting[at : at + TEXTS_AT_ONCE] for at in range(0, len(waiting), TEXTS_AT_ONCE))


def _missing(project_id: UUID, model: str | None, cut: Cut) -> list[int]:
    """The tokens of each text that would be sent to the model."""
    if model is None:
        return []
    with db.transaction() as session:
        known = embedding.known(session, project_id, model, [*cut.texts])
    return [tokens for one, tokens in cut.texts.items() if one not in known]


def _cost(model: str | None, tokens: int) -> Json:
    """US dollars; null where the model has no list price."""
    if model is None or not tokens:
        return {"low": Decimal(0), "high": Decimal(0)}
    target = names.target(model)
    cost = prices.cost(target.provider, target.model, input_tokens=tokens, output_tokens=0)
    if cost is None:
        return {"low": None, "high": None}
    return {"low": cost * (1 - DIFFERS), "high": cost * (1 + DIFFERS)}
