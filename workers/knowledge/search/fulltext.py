"""Full text: BM25 over all chunks of a knowledge base at once, from its inverted index (models/search_index.py).

The postings of the query's lexemes come from PostgreSQL as arrays and are added up here; 100,000 chunks take some
milliseconds. Words that are in very many chunks are left out when rarer ones have filled the budget.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.orm import Session

from workers.knowledge.search.facets import Passing
from workers.knowledge.search.indexing import words_and_literals
from workers.knowledge.search.inverted import Index
from workers.knowledge.search.scope import Scope

# So many entries of postings are added up at most.
MOST_POSTINGS = 400_000
# So many more are looked up at first than are wanted.
SPARE = 20
LOOKED_UP_AT_MOST = 20_000
# Positions of literals begin here, so that they are told from those of words.
LITERALS = 100_000

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
SELECT t.place, c.id::text AS id
FROM unnest(CAST(:segments AS int[]), CAST(:numbers AS int[])) WITH ORDINALITY AS t(segment, number, place)
JOIN kb_segments s ON s.knowledge_base_id = :kb AND s.segment = t.segment
JOIN kb_chunks c ON c.id = encode(substring(s.chunk_ids FROM t.number * 16 + 1 FOR 16), 'hex')::uuid
WHERE {visible} ORDER BY t.place
"""


@dataclass(frozen=True, slots=True)
class Matches:
    """What a query found: a score for each chunk of the index.

    `coverage` is how much of the query the best chunk has: about 1 where that has all its words, near 0 where it has
    one of many.
    """

    index: Index
    scores: NDArray[np.float32]
    coverage: float

    def best(self, at_most: int) -> NDArray[np.intp]:
        """The chunks with the highest scores above 0, best first; of equal ones the older first, so that fewer are
        always the beginning of more."""
        found = np.flatnonzero(self.scores)
        if at_most < len(found):
            scores = self.scores[found]
            found = found[scores >= np.partition(scores, -at_most)[-at_most]]
        return found[np.argsort(-self.scores[found], kind="stable")[:at_most]]


def match(session: Session, scope: Scope, index: Index, query: str, passing: Passing | None = None) -> Matches | None:
    """Scores all chunks, or those that pass; None where none of them has a word of the query."""
    words, literals = words_and_literals(query)
    asked = {"words": words, "literals": literals, "languages": index.languages, "budget": MOST_POSTINGS}
    rows = session.execute(POSTINGS, {**scope.place, **asked}).all() if index.total else []
    scores = np.zeros(index.total, np.float32)
    for row in rows:
        if row.numbers is not None:
            worth = np.float32(rarity(row.frequency, index.total) / 10_000)
            scores[index.numbers(row)] += np.frombuffer(row.weights, ">i2") * worth
    if passing is not None:
        scores[~passing.flags] = 0
    highest = float(scores.max(initial=0))
    return Matches(index, scores, highest / _worth(rows, index.total)) if highest else None


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


def hits(session: Session, scope: Scope, matches: Matches, count: int) -> list[tuple[str, float]]:
    """The best chunks that the version has, and their scores."""
    statement = text(LOOK_UP.format(visible=scope.visible("c")))
    found: list[tuple[str, float]] = []
    for numbers in _blocks(matches, count + SPARE):
        rows = session.execute(statement, {**scope.place, **matches.index.places(numbers)})
        found += [(row.id, float(matches.scores[numbers[row.place - 1]])) for row in rows]
        if len(found) >= count:
            break
    return found[:count]


def _blocks(matches: Matches, size: int) -> Iterator[NDArray[np.intp]]:
    """The best chunks, then more and more of those after them, since the version may have lost many."""
    done = 0
    while done < LOOKED_UP_AT_MOST:
        found = matches.best(done + size)[done:]
        if not len(found):
            return
        yield found
        done, size = done + len(found), size * 4
