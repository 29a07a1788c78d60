"""Vectors of what users wanted and were told, offline: MiniLM's where it is installed, else of the words alone.

Both have 384 dimensions and length 1. They are not comparable with each other, so prototypes say by which they were
made. Equal texts are embedded once, also those that came in the portions before: what many users say, and are told, is
often the same to the letter. Nothing is kept in the database.
"""

import asyncio
import re
import zlib
from collections.abc import Iterable, Sequence
from itertools import pairwise
from threading import Lock

import numpy as np
import numpy.typing as npt

from workers.features.base import Summary, Vector
from workers.providers import minilm

Matrix = npt.NDArray[np.float32]

MINILM, OF_WORDS = "sandbox", "words"
DIMENSIONS = 384
# What a request is about stands at its beginning.
LONGEST = 240
# Vectors of so many texts stay in memory: 15 MB.
MOST_KEPT = 10_000
_WORD = re.compile(r"\w+")
_kept: dict[tuple[str, str], Vector] = {}
_keeping = Lock()


def model() -> str:
    """By which model vectors are made here."""
    return MINILM if minilm.installed() else OF_WORDS


async def embed(texts: Sequence[str]) -> Matrix:
    """(texts, 384), rows of length 1; a text without a word has zeros."""
    cut = [one[:LONGEST] for one in texts]
    by = model()
    distinct = sorted({one for one in cut if _WORD.search(one)})
    with _keeping:
        found = {one: _kept[by, one] for one in distinct if (by, one) in _kept}
    fresh = [one for one in distinct if one not in found]
    if fresh and by == MINILM:
        found.update(zip(fresh, np.asarray((await minilm.embed(fresh))[0], np.float32), strict=True))
    else:
        found.update((one, _of_words(one)) for one in fresh)
    _keep({(by, one): found[one] for one in fresh})
    nothing: Vector = np.zeros(DIMENSIONS, np.float32)
    made: Matrix = np.stack([found.get(one, nothing) for one in cut]) if cut else np.zeros((0, DIMENSIONS), np.float32)
    return made


def _keep(fresh: dict[tuple[str, str], Vector]) -> None:
    """Keeps the newest."""
    with _keeping:
        _kept.update(fresh)
        for one in [*_kept][: max(0, len(_kept) - MOST_KEPT)]:
            del _kept[one]


def embed_now(texts: Sequence[str]) -> Matrix:
    """The same for callers without an event loop."""
    return asyncio.run(embed(texts))


def what(summary: Summary) -> str:
    """The text of a trace that is embedded: the user's words, and without them what was done."""
    return summary.goal or summary.text


def give(summaries: Iterable[Summary], made: Matrix) -> None:
    """Puts the vectors where they belong."""
    for summary, vector in zip(summaries, made, strict=True):
        summary.vector = vector


def give_replies(summaries: Iterable[Summary], made: Matrix) -> None:
    """The same for what users were told."""
    for summary, vector in zip(summaries, made, strict=True):
        summary.reply = vector


def _of_words(text: str) -> Vector:
    words = _WORD.findall(text.lower())
    made = np.zeros(DIMENSIONS, np.float32)
    for one in [*words, *map(" ".join, pairwise(words))]:
        hashed = zlib.crc32(one.encode())
        made[hashed % DIMENSIONS] += 1 if hashed >> 31 else -1
    size = float(np.linalg.norm(made))
    return made / np.float32(size or 1.0)
