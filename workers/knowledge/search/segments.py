"""The inverted index of a knowledge base (models/search_index.py), made in SQL from the chunks' lexemes.

A build adds one segment with the chunks it inserted; all are merged into one when there are many, or when many of their
chunks are gone. All of it happens in one transaction, so that a search reads whole segments.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import db
from workers.knowledge.search import facets

Json = dict[str, Any]

SECONDS = 900
MOST_SEGMENTS = 8
# A merged index is made when so many chunks of it are gone: this share, and this many.
MOST_GONE = 0.25
FEWEST_GONE = 200
LONGEST_LEXEME = 256
# The number of a merged segment: every version reads it.
MERGED = 0
# BM25. A word of a title counts as so many of the text.
SATURATION = 1.5
LENGTH = 0.75
TITLE_WORD = 2

_COUNT = f"(cardinality(l.positions) + {TITLE_WORD - 1} * cardinality(array_positions(l.weights, 'A')))"
# A word's share of BM25 in a chunk, in ten-thousandths; `:mean` is the mean number of words of a chunk.
_LONG = f"{SATURATION} * ({1 - LENGTH} + {LENGTH} * n.words / :mean)"
_WEIGHT = f"10000 * {SATURATION + 1} * {_COUNT} / ({_COUNT} + {_LONG})"

LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:kb, 5))")
STATE = text("""
SELECT b.ready_version, (SELECT count(*) FROM kb_chunks WHERE knowledge_base_id = b.id AND search IS NOT NULL) AS chunks
FROM knowledge_bases b WHERE b.id = :kb AND b.newest_version <= :version AND b.deleted_at IS NULL
""")
SEGMENTS = text("SELECT segment, chunks, words FROM kb_segments WHERE knowledge_base_id = :kb ORDER BY segment")
NUMBERED = text(f"""
CREATE TEMPORARY TABLE numbered ON COMMIT DROP AS
SELECT (row_number() OVER (ORDER BY id) - 1)::int AS number, id, language, words::int
FROM (
  SELECT c.id, coalesce(c.language, 'simple') AS language,
    (SELECT coalesce(sum({_COUNT}), 0) FROM unnest(c.search) l) AS words
  FROM kb_chunks c
  WHERE c.knowledge_base_id = :kb AND c.first_version > :after AND c.first_version <= :upto AND c.search IS NOT NULL
) one
""")
INSERT_SEGMENT = text("""
INSERT INTO kb_segments (knowledge_base_id, segment, chunks, words, languages, chunk_ids)
SELECT :kb, :segment, count(*), coalesce(sum(words), 0), array_agg(DISTINCT language),
  string_agg(uuid_send(id), '' ORDER BY number)
FROM numbered HAVING count(*) > 0
RETURNING chunks, words
""")
INSERT_POSTINGS = text(f"""
INSERT INTO kb_postings (knowledge_base_id, lexeme, segment, chunks, numbers, weights)
SELECT :kb, lexeme, :segment, count(*), string_agg(int4send(number), ''), string_agg(int2send(weight), '')
FROM (
  SELECT l.lexeme, n.number, ({_WEIGHT})::int2 AS weight
  FROM numbered n JOIN kb_chunks c ON c.id = n.id, unnest(c.search) l
  WHERE octet_length(l.lexeme) <= {LONGEST_LEXEME}
) one GROUP BY lexeme
""")
INSERT_FACETS = text(f"""
INSERT INTO kb_postings (knowledge_base_id, lexeme, segment, chunks, numbers, weights)
SELECT :kb, facet.lexeme, :segment, count(*), string_agg(int4send(n.number), ''), ''
FROM numbered n JOIN kb_chunks c ON c.id = n.id, LATERAL ({facets.OF_CHUNK}) AS facet
GROUP BY facet.lexeme
""")
FORGET = [
    text(f"DELETE FROM {table} WHERE knowledge_base_id = :kb AND segment > :after")
    for table in ("kb_postings", "kb_segments")
]


def refresh(base_id: UUID, version: int) -> int:
    """Adds what the build of `version` inserted, after undoing what builds that failed left; returns how many chunks
    the index has. Whoever calls it twice has it once; a build that a later one has followed changes nothing."""
    with db.transaction() as session:
        session.execute(text(f"SET LOCAL statement_timeout = '{SECONDS}s'"))
        session.execute(LOCK, {"kb": str(base_id)})
        state = session.execute(STATE, {"kb": base_id, "version": version}).first()
        if state is None:
            return 0
        ready, chunks = state
        before = min(ready or 0, version - 1)
        _forget(session, base_id, before)
        segments = session.execute(SEGMENTS, {"kb": base_id}).all()
        kept = sum(segment.chunks for segment in segments)
        words = sum(segment.words for segment in segments)
        too_many = len(segments) >= MOST_SEGMENTS or kept - chunks > max(FEWEST_GONE, MOST_GONE * chunks)
        if too_many or not segments:
            _forget(session, base_id, -1)
            kept, words = _add(session, base_id, before, after=-1, kept=0, words=0, segment=MERGED)
        return _add(session, base_id, version, after=before, kept=kept, words=words)[0]


def _forget(session: Session, base_id: UUID, after: int) -> None:
    for statement in FORGET:
        session.execute(statement, {"kb": base_id, "after": after})


def _add(
    session: Session, base_id: UUID, upto: int, *, after: int, kept: int, words: int, segment: int | None = None
) -> tuple[int, int]:
    """Indexes the chunks of the versions after `after` up to `upto` as a segment, by default `upto`; returns how many
    chunks and words all segments have now."""
    asked = {"kb": base_id, "segment": upto if segment is None else segment, "after": after, "upto": upto}
    session.execute(NUMBERED, asked)
    added = session.execute(INSERT_SEGMENT, asked).first()
    if added is not None:
        kept, words = kept + added.chunks, words + added.words
        session.execute(INSERT_POSTINGS, {**asked, "mean": max(1.0, words / kept)})
        session.execute(INSERT_FACETS, asked)
    session.execute(text("DROP TABLE numbered"))
    return kept, words
