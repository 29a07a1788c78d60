"""One ranking out of two: reciprocal rank fusion, in which each hit counts by how good it is for its leg.

    score = trust × relative_v × (k + 1) / (k + rank_v)  +  (1 − trust) × relative_t × (k + 1) / (k + rank_t),   k = 60

`relative` is a hit's own score between 0 and the leg's best (for vectors: between the hundredth and the best, since any
two texts are somewhat alike), so a leg that is sure of few hits moves them, and one that finds all alike moves little.

`trust` is what the vector leg gets, by one rule for all: a half where the embedding model knows the language, a tenth
where it does not, and between these by how many of the top hits are in a language it knows. It grows a little where
the best chunk has few of the query's words, and shrinks where it has them all. Nothing here is fitted to a data set.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from workers.knowledge.search.languages import certain_language, script_of

K = 60
KNOWN, UNKNOWN = 0.5, 0.1
# By how much trust changes with the part of the query that the best chunk lacks, around the usual part.
LEANING, USUAL_COVERAGE, MOST_LEANING = 0.2, 0.6, 0.15
LOWEST_RANK = 100
LOOKED_AT = 10

# Embedding models that have learned English only, by the last part of their names; all others count as multilingual.
ENGLISH_ONLY = re.compile(
    r"^sandbox$|all-minilm|all-mpnet|multi-qa|msmarco|^bge-(small|base|large)(-en)?|^gte-(small|base|large)$"
    r"|^e5-(small|base|large)|^nomic-embed-text(-v1(\.5)?)?(:|$)|^mxbai-embed-large|^snowflake-arctic-embed(-[mlxs]+)?(:|$)"
)

Leg = list[tuple[str, float]]


@dataclass(frozen=True, slots=True)
class Fused:
    """A chunk's place in the fused ranking: its score, and what the legs said of it."""

    chunk_id: str
    score: float
    text: float | None
    vector: float | None


def english_only(model: str) -> bool:
    """Whether an embedding model is known to have learned only English."""
    return ENGLISH_ONLY.search(model.rpartition("/")[2].lower()) is not None


def trust(model: str, query: str, languages: Iterable[str | None], coverage: float) -> float:
    """The weight of the vector leg, between 0 and 1; `languages` are those of the top hits of both legs."""
    known = 1.0 if not english_only(model) else _known(query, list(languages))
    leaning = LEANING * (USUAL_COVERAGE - coverage)
    return (UNKNOWN + (KNOWN - UNKNOWN) * known) * (1 + 2 * max(-MOST_LEANING, min(MOST_LEANING, leaning)))


def _known(query: str, languages: list[str | None]) -> float:
    """How likely it is that a question and its answers are in English: what the question says for itself goes first."""
    if script_of(query) != "LATIN":
        return 0.0
    if certain_language(query) == "english":
        return 1.0
    return languages.count("english") / len(languages) if languages else 1.0


def fuse(text: Leg, vector: Leg, weight: float) -> list[Fused]:
    """All hits of both legs, best first; each leg comes best first."""
    if not text or not vector:
        weight = 1.0 if vector else 0.0
    parts: dict[str, float] = {}
    for leg, share, lowest in ((text, 1 - weight, 0.0), (vector, weight, _lowest(vector))):
        span = max(leg[0][1] - lowest, 1e-9) if leg else 1.0
        for rank, (chunk_id, score) in enumerate(leg, start=1):
            relative = max(0.0, (score - lowest) / span)
            parts[chunk_id] = parts.get(chunk_id, 0.0) + share * relative * (K + 1) / (K + rank)
    by_text, by_vector = dict(text), dict(vector)
    # Equal scores: as the legs had them.
    order = sorted(parts, key=lambda one: -parts[one])
    return [Fused(one, parts[one], by_text.get(one), by_vector.get(one)) for one in order]


def _lowest(leg: Leg) -> float:
    """The similarity that counts as none; with one hit alone, any below its own."""
    if len(leg) < 2:
        return leg[0][1] - 1 if leg else 0.0
    return leg[:LOWEST_RANK][-1][1]
