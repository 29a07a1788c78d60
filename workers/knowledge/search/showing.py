"""Hits as they are shown: chunks with what they cite, the larger chunk where there is one, neighbours as one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import ids
from models import ENTRY_PREFIX, Chunk, EntryType
from workers.knowledge.search.fusion import Fused
from workers.knowledge.search.scope import Scope

Json = dict[str, Any]

# Neighbours become one hit as long as it has at most so many chunks; between them is white space at most.
MOST_JOINED = 3
WIDEST_GAP = 4

KNOWN = text("""
SELECT id::text AS id, language, revision_id::text AS revision_id, parent_id::text AS parent_id, starts, ends
FROM kb_chunks WHERE id = ANY(CAST(:ids AS uuid[]))
""")
SHOWN = text("""
SELECT c.id::text AS id, c.entry_id, c.type, c.source, c.text, c.heading, c.page, c.tags, c.metadata AS labels,
  e.key, r.title, r.origin ->> 'url' AS url
FROM kb_chunks c JOIN kb_entries e ON e.id = c.entry_id JOIN kb_revisions r ON r.id = c.revision_id
WHERE c.id = ANY(CAST(:ids AS uuid[]))
""")
JOINED = text("SELECT substr(text, :starts + 1, :ends - :starts) FROM kb_revisions WHERE id = :revision")


@dataclass(frozen=True, slots=True)
class Known:
    """What there is to know of a chunk before it is shown."""

    language: str | None
    revision_id: str
    parent_id: str | None
    starts: int
    ends: int


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found. `score` is the ranking's, `scores` what each leg said of its best chunk (None: it did
    not find it). `citation` names entry, version and range of characters, which do not change."""

    chunk_id: str
    entry_id: str
    entry_type: str
    source: str
    key: str
    title: str
    text: str
    tags: list[str]
    metadata: Json
    score: float
    scores: dict[str, float | None]
    citation: Json


@dataclass(slots=True)
class _Passage:
    """Chunks that are shown as one, in the order of the text; the score is that of the best."""

    best: Fused
    chunks: list[str]
    revision_id: str
    starts: int
    ends: int

    def takes(self, other: "_Passage") -> bool:
        """Whether the other follows or precedes it without a gap."""
        touches = self.starts <= other.ends + WIDEST_GAP and other.starts <= self.ends + WIDEST_GAP
        return self.revision_id == other.revision_id and touches and len(self.chunks) < MOST_JOINED

    def join(self, other: "_Passage") -> None:
        """Takes the other in."""
        chunks = [*other.chunks, *self.chunks] if other.starts < self.starts else [*self.chunks, *other.chunks]
        self.chunks = list(dict.fromkeys(chunks))
        self.starts, self.ends = min(self.starts, other.starts), max(self.ends, other.ends)


def known(session: Session, chunk_ids: Iterable[str]) -> dict[str, Known]:
    """What the ranking and the joining need of each chunk, and of the larger ones around them."""
    found: dict[str, Known] = {}
    wanted = {*chunk_ids}
    while wanted:
        rows = session.execute(KNOWN, {"ids": [*wanted]})
        found |= {row.id: Known(row.language, row.revision_id, row.parent_id, row.starts, row.ends) for row in rows}
        wanted = {one.parent_id for one in found.values() if one.parent_id is not None} - {*found, *wanted}
    return found


def hits(session: Session, scope: Scope, ranked: Sequence[Fused], known: dict[str, Known], wanted: int) -> list[Hit]:
    """The first passages of a ranking, at most as many as wanted."""
    passages = _passages(ranked, known, wanted)
    asked = [chunk for passage in passages for chunk in passage.chunks]
    rows = {row.id: row for row in session.execute(SHOWN, {"ids": asked})} if asked else {}
    # A chunk that is gone was cleared away with its version, long after that was left.
    whole = [one for one in passages if {*one.chunks} <= rows.keys()]
    return [_hit(scope, one, rows[one.chunks[0]], _text(session, one, rows)) for one in whole]


def _text(session: Session, passage: _Passage, rows: dict[str, Any]) -> str:
    """What the passage says: its chunk, or for several what stands in the entry from the first to the last."""
    if len(passage.chunks) == 1:
        return str(rows[passage.chunks[0]].text)
    asked = {"revision": passage.revision_id, "starts": passage.starts, "ends": passage.ends}
    return str(session.execute(JOINED, asked).scalar_one())


def _passages(ranked: Sequence[Fused], known: dict[str, Known], wanted: int) -> list[_Passage]:
    """Chunks of one parent are that parent; neighbours among the first hits are one passage, at the better's place."""
    passages: list[_Passage] = []
    taken: set[str] = set()
    for one in ranked:
        chunk = known.get(one.chunk_id)
        shown = one.chunk_id if chunk is None or chunk.parent_id not in known else chunk.parent_id
        if shown is None or shown not in known or shown in taken:
            continue
        taken.add(shown)
        around = known[shown]
        new = _Passage(one, [shown], around.revision_id, around.starts, around.ends)
        neighbour = next((other for other in passages if other.takes(new)), None)
        if neighbour is not None:
            neighbour.join(new)
        elif len(passages) < wanted:
            passages.append(new)
        else:
            break
    return passages


def _hit(scope: Scope, passage: _Passage, first: Any, said: str) -> Hit:
    entry = ids.show(ENTRY_PREFIX[EntryType(first.type)], first.entry_id)
    chunk = ids.show(Chunk.prefix, UUID(first.id))
    place = {"heading": first.heading, "page": first.page, "title": first.title, "key": first.key, "url": first.url}
    return Hit(
        chunk_id=chunk,
        entry_id=entry,
        entry_type=first.type,
        source=first.source,
        key=first.key,
        title=first.title,
        text=said,
        tags=first.tags,
        metadata=first.labels,
        score=round(passage.best.score, 6),
        scores={"text": _rounded(passage.best.text), "vector": _rounded(passage.best.vector)},
        citation={
            "entry_id": entry,
            "version": scope.version,
            "chunk_id": chunk,
            "start": passage.starts,
            "end": passage.ends,
            **place,
        },
    )


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 6)
