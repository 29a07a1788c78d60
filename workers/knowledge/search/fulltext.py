"""Full text: BM25 over all chunks of a knowledge base at once, from its inverted index (models/search_index.py).

The postings of the query's lexemes come from PostgreSQL as arrays and are added up here; 100,000 chunks take some
milliseconds. Words that are in very many chunks are left out when rarer ones have filled the budget.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.orm import Session

from workers.knowledge.search.indexing import words_and_literals
from workers.knowledge.search.scope import Scope

# So many entries of postings are added up at most.
MOST_POSTINGS = 400_000
LOOKED_UP_FIRST = 200
LOOKED_UP_AT_MOST = 20_000
# Positions of literals begin here, so that they are told from those of words.
LITERALS = 100_000

SEGMENTS = text("""
SELECT segment, chunks, languages FROM kb_segments
WHERE knowledge_base_id = :kb AND segment <= :version ORDER BY segment
""")
# The lexemes of the query in each language of the chunks, rare ones first, and the postings of as many as are wanted.
POSTINGS = text(f"""
WITH words AS (
  SELECT w.lexeme, position FROM unnest(CAST(:languages AS text[])) AS l(language),
    unnest(to_tsvector(l.language::regconfig, :words)) w, unnest(w.positions) position
  UNION SELECT w.lexeme, {LITERALS} + position FROM unnest(to_tsvector('simple', :literals)) w,
    unnest(w.positions) position
), asked AS (SELECT lexeme, array_agg(position::int) AS positions FROM words GROUP BY lexeme),
counted AS (
  SELECT a.lexeme, a.positions, p.segment, p.chunks, p.numbers, p.weights,
    coalesce(sum(p.chunks) OVER (PARTITION BY a.lexeme), 0) AS frequency
  FROM asked a LEFT JOIN kb_postings p
    ON p.knowledge_base_id = :kb AND p.lexeme = a.lexeme AND p.segment <= :version
), budgeted AS (
  SELECT *, sum(chunks) OVER (ORDER BY frequency, lexeme RANGE UNBOUNDED PRECEDING) - frequency AS before FROM counted
)
SELECT lexeme, positions, segment, frequency,
  CASE WHEN before < :budget THEN numbers END AS numbers, CASE WHEN before < :budget THEN weights END AS weights
FROM budgeted
""")
LOOK_UP = """
SELECT t.place, c.id
FROM unnest(CAST(:segments AS int[]), CAST(:numbers AS int[])) WITH ORDINALITY AS t(segment, number, place)
JOIN kb_segments s ON s.knowledge_base_id = :kb AND s.segment = t.segment
JOIN kb_chunks c ON c.id = encode(substring(s.chunk_ids FROM t.number * 16 + 1 FOR 16), 'hex')::uuid
WHERE {passes} ORDER BY t.place
"""
MAPS = text("""
SELECT chunk_ids FROM kb_segments WHERE knowledge_base_id = :kb AND segment <= :version ORDER BY segment
""")


@dataclass(frozen=True, slots=True)
class Matches:
    """What a query found: a score for each chunk of all segments, one after the other.

    `coverage` is how much of the query the best chunk has: about 1 where that has all its words, near 0 where it has
    one of many.
    """

    starts: dict[int, int]
    scores: NDArray[np.float32]
    coverage: float

    def best(self, at_most: int) -> NDArray[np.intp]:
        """The chunks with the highest scores above 0, best first; of equal ones the older first, so that fewer are
        always the beginning of more."""
        count = min(at_most, len(self.scores))
        lowest = np.partition(self.scores, len(self.scores) - count)[len(self.scores) - count]
        found = np.flatnonzero((self.scores >= lowest) & (self.scores > 0))
        return found[np.argsort(-self.scores[found], kind="stable")[:count]]


def match(session: Session, base_id: UUID, version: int, query: str) -> Matches | None:
    """Scores all chunks that the version may have; None where the query has no word that any has. What later builds
    added has no part in it, so a version that is active again finds what it found."""
    segments = session.execute(SEGMENTS, {"kb": base_id, "version": version}).all()
    starts, total = dict[int, int](), 0
    for segment in segments:
        starts[segment.segment] = total
        total += segment.chunks
    words, literals = words_and_literals(query)
    languages = sorted({language for segment in segments for language in segment.languages})
    asked = {
        "kb": base_id,
        "version": version,
        "words": words,
        "literals": literals,
        "languages": languages,
        "budget": MOST_POSTINGS,
    }
    rows = session.execute(POSTINGS, asked).all() if total else []
    scores = np.zeros(total, np.float32)
    for row in rows:
        if row.numbers is not None:
            numbers = np.frombuffer(row.numbers, ">i4").astype(np.int64) + starts[row.segment]
            scores[numbers] += np.frombuffer(row.weights, ">i2") * np.float32(rarity(row.frequency, total) / 10_000)
    highest = float(scores.max(initial=0))
    if not highest:
        return None
    return Matches(starts, scores, highest / _worth(rows, total))


def rarity(frequency: float, total: int) -> float:
    """BM25's inverse document frequency; never below 0."""
    return math.log(1 + (total - frequency + 0.5) / (frequency + 0.5))


def _worth(rows: Any, total: int) -> float:
    """What the words of the query are worth together, if each is once in a chunk of mean length. A word that no chunk
    has is worth most; of a word's forms in several languages the rarest that is found counts."""
    worths: dict[int, float] = {}
    for row in rows:
        for position in row.positions:
            if row.frequency:
                worths[position] = max(worths.get(position, 0.0), rarity(float(row.frequency), total))
            else:
                worths.setdefault(position, 0.0)
    words = {position: worth for position, worth in worths.items() if position < LITERALS} or worths
    return sum(worth or rarity(0, total) for worth in words.values())


def hits(
    session: Session, scope: Scope, matches: Matches, count: int, allowed: set[bytes] | None
) -> list[tuple[UUID, float]]:
    """The best chunks in the scope and their scores; `allowed` are the ids of those in the scope, if they are known."""
    if allowed is not None:
        return _among(session, scope, matches, count, allowed)
    found: list[tuple[UUID, float]] = []
    for numbers in _blocks(matches):
        asked = {**scope.parameters, **_places(matches, numbers)}
        rows = session.execute(text(LOOK_UP.format(passes=scope.passes())), asked)
        found += [(row.id, float(matches.scores[numbers[row.place - 1]])) for row in rows]
        if len(found) >= count:
            break
    return found[:count]


def _blocks(matches: Matches) -> Iterator[NDArray[np.intp]]:
    """The best chunks, then more and more of those after them: most are in the scope, unless filters are strict."""
    done, size = 0, LOOKED_UP_FIRST
    while done < LOOKED_UP_AT_MOST:
        found = matches.best(done + size)[done:]
        if not len(found):
            return
        yield found
        done, size = done + len(found), size * 4


def _places(matches: Matches, numbers: NDArray[np.intp]) -> dict[str, list[int]]:
    """Where the chunks are: their segments, and their numbers within those."""
    names, starts = np.array([*matches.starts]), np.array([*matches.starts.values()])
    which = np.searchsorted(starts, numbers, side="right") - 1
    return {"segments": names[which].tolist(), "numbers": (numbers - starts[which]).tolist()}


def _among(
    session: Session, scope: Scope, matches: Matches, count: int, allowed: set[bytes]
) -> list[tuple[UUID, float]]:
    chunk_ids = b"".join(
        bytes(row.chunk_ids) for row in session.execute(MAPS, {"kb": scope.base_id, "version": scope.version})
    )
    found: list[tuple[UUID, float]] = []
    for number in matches.best(len(matches.scores)).tolist():
        one = chunk_ids[16 * number : 16 * number + 16]
        if one in allowed:
            found.append((UUID(bytes=one), float(matches.scores[number])))
            if len(found) == count:
                break
    return found
