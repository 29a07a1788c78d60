"""Sketches of texts: 64 numbers that are alike where texts use the same words.

Each word has a random direction of its own, the same for ever; a text's sketch is the sum of its distinct words'
directions, at length 1, in 64 signed bytes. Distances between means of sketches are those of the texts' words within a
few percent (Johnson and Lindenstrauss). One takes some 20 microseconds, so every trace has one; a neural embedding
takes a thousand times as long, and a sample of them that costs the same finds less. Digits are all the same digit,
since order numbers are no change of meaning; writing without spaces is read in pairs of letters.
"""

import math
import re
import zlib
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt

DIMENSIONS = 64
DIRECTIONS = 8192
MOST_WORDS = 300
LONGEST = 6_000
SCALE = 254.0
_WORD = re.compile(r"[^\W\d_]+|\d+|[#*|{}\[\]`]+")
# Chinese, Japanese, Thai and their like.
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]")

Matrix = npt.NDArray[np.float32]


def sketch(*texts: str) -> bytes | None:
    """64 bytes for texts of which each counts as much as the others, or None where there is no word in them."""
    parts = [one for text in texts if (one := _unit(text)) is not None]
    if not parts:
        return None
    total: Matrix = sum(parts[1:], start=parts[0])
    size = math.sqrt(total.dot(total)) or 1.0
    made: bytes = np.clip(np.rint(total * (SCALE / size)), -127, 127).astype(np.int8).tobytes()
    return made


def _unit(text: str) -> Matrix | None:
    words = {*_words(text[:LONGEST])}
    if not words:
        return None
    total: Matrix = _directions()[[_place(one) for one in sorted(words)[:MOST_WORDS]]].sum(axis=0)
    return total / np.float32(math.sqrt(total.dot(total)) or 1.0)


def read(kept: list[bytes]) -> Matrix:
    """(n, 64), rows of about length 1."""
    joined = np.frombuffer(b"".join(kept), np.int8).reshape(-1, DIMENSIONS)
    return joined.astype(np.float32) / np.float32(SCALE)


def _words(text: str) -> list[str]:
    found = _WORD.findall(text.lower())
    if not _UNSPACED.search(text):
        return ["0" if one[0].isdigit() else one for one in found]
    letters = "".join(found)
    return [letters[at : at + 2] for at in range(len(letters) - 1)] or found


@lru_cache(50_000)
def _place(word: str) -> int:
    return zlib.crc32(word.encode()) % DIRECTIONS


@cache
def _directions() -> Matrix:
    # The legacy generator's numbers are promised never to change; what is kept must stay comparable.
    made = np.random.RandomState(20260807).standard_normal((DIRECTIONS, DIMENSIONS))
    directions: Matrix = (made / np.sqrt(DIMENSIONS)).astype(np.float32)
    return directions
