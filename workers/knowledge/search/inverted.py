"""The inverted index of a version as a search reads it: its segments one after the other, so that every chunk that the
version may have is a number."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.orm import Session

from workers.knowledge.search.scope import Scope

Numbers = NDArray[np.int64]

SEGMENTS = text("""
SELECT segment, chunks, languages FROM kb_segments
WHERE knowledge_base_id = :kb AND segment <= :version ORDER BY segment
""")
CHUNK_IDS = text("""
SELECT encode(chunk_ids, 'hex') AS ids FROM kb_segments
WHERE knowledge_base_id = :kb AND segment <= :version ORDER BY segment
""")


@dataclass(frozen=True, slots=True)
class Index:
    """`starts` has the number of each segment's first chunk, `total` how many chunks there are, also those that the
    version has not any more; `languages` the text search configurations of them all."""

    starts: dict[int, int]
    total: int
    languages: list[str]

    def numbers(self, row: Any) -> Numbers:
        """The chunks of a row of postings."""
        return np.frombuffer(row.numbers, ">i4").astype(np.int64) + self.starts[row.segment]

    def places(self, numbers: NDArray[Any]) -> dict[str, list[int]]:
        """Where chunks are: their segments, and their numbers within those."""
        names, starts = np.array([*self.starts]), np.array([*self.starts.values()])
        which = np.searchsorted(starts, numbers, side="right") - 1
        return {"segments": names[which].tolist(), "numbers": (numbers - starts[which]).tolist()}


def opened(session: Session, scope: Scope) -> Index:
    """The index of the scope's version. What later builds added has no part in it, so a version that is active again
    finds what it found."""
    starts, total, languages = dict[int, int](), 0, set[str]()
    for segment in session.execute(SEGMENTS, scope.place):
        starts[segment.segment] = total
        total += segment.chunks
        languages.update(segment.languages)
    return Index(starts, total, sorted(languages))


def ids_of(session: Session, scope: Scope, numbers: NDArray[Any]) -> list[str]:
    """The ids of chunks, in hex."""
    every = "".join(row.ids for row in session.execute(CHUNK_IDS, scope.place))
    return [every[32 * number : 32 * number + 32] for number in numbers.tolist()]
