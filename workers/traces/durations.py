"""Histograms of durations that can be added up, and percentiles of them that are at most 2 % off.

Buckets grow by a fixed factor, as in DDSketch: number 0 is for what took no time, number n + 1 for what took more than
GROWTH to the power n - 1 microseconds and no more than GROWTH to the power n. Stored as entries of 4 bytes, big-endian:
11 bits for a bucket, 21 for how many fell into it, in any order; entries of one bucket add up. So histograms are added
by putting them one behind the other.
"""

from collections.abc import Mapping, Sequence
from math import ceil, log
from struct import pack, unpack

import numpy as np
import numpy.typing as npt

ERROR = 0.02
GROWTH = (1 + ERROR) / (1 - ERROR)

_LOG = log(GROWTH)
_LAST = 2_047
_ENTRY = np.dtype(">u4")
_BITS = 21
_MOST = (1 << _BITS) - 1
# Cells of a table of points and buckets that are worked on at once.
_CELLS = 4_000_000

Buckets = Mapping[int, int]


def bucket_of(microseconds: int) -> int:
    """The bucket of a duration."""
    return 0 if microseconds <= 0 else min(_LAST, 1 + ceil(log(microseconds) / _LOG))


def milliseconds(bucket: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """What stands for the durations of each bucket: nothing in it is more than ERROR away."""
    middle = 2 * GROWTH ** (bucket - 1.0) / (GROWTH + 1) / 1000
    return np.where(bucket == 0, 0.0, middle)


def packed(buckets: Buckets) -> bytes:
    """A histogram as it is stored, without what has come to nothing."""
    entries = []
    for bucket, count in sorted(buckets.items()):
        while count > 0:
            entries.append(bucket << _BITS | min(count, _MOST))
            count -= _MOST
    return pack(f">{len(entries)}I", *entries)


def unpacked(histogram: bytes) -> dict[int, int]:
    """The counts of a stored histogram's buckets."""
    found: dict[int, int] = {}
    for entry in unpack(f">{len(histogram) // 4}I", histogram):
        found[entry >> _BITS] = found.get(entry >> _BITS, 0) + (entry & _MOST)
    return found


def together(histogram: bytes) -> bytes:
    """The same histogram with one entry for each bucket."""
    entries = np.frombuffer(histogram, dtype=_ENTRY).astype(np.int64)
    counts = np.bincount(entries >> _BITS, entries & _MOST) if len(entries) else np.zeros(0)
    return packed({bucket: int(counts[bucket]) for bucket in np.flatnonzero(counts).tolist()})


def percentiles(histograms: Sequence[bytes], shares: Sequence[float]) -> npt.NDArray[np.float64]:
    """Milliseconds for each histogram (rows) and each share of it (columns, 0–1); nan where a histogram is empty.

    The share q of n durations is the one at place ceil(q * n), smallest first.
    """
    found = np.full((len(histograms), len(shares)), np.nan)
    entries = np.frombuffer(b"".join(histograms), dtype=_ENTRY).astype(np.int64)
    if not len(entries):
        return found
    buckets, counts = entries >> _BITS, (entries & _MOST).astype(np.float64)
    lowest, width = int(buckets.min()), int(np.ptp(buckets)) + 1
    lengths = np.array([len(one) // 4 for one in histograms])
    ends = np.cumsum(lengths)
    step = max(1, _CELLS // width)
    for begin in range(0, len(histograms), step):
        rows = lengths[begin : begin + step]
        part = slice(int(ends[begin] - lengths[begin]), int(ends[begin + len(rows) - 1]))
        cells = np.repeat(np.arange(len(rows)) * width - lowest, rows) + buckets[part]
        sums = np.bincount(cells, counts[part], len(rows) * width).cumsum()
        found[begin : begin + step] = _places(sums, width, shares, lowest)
    return found


def _places(sums: npt.NDArray[np.float64], width: int, shares: Sequence[float], lowest: int) -> npt.NDArray[np.float64]:
    """`sums` run on from one histogram's buckets, `width` of them, to the next one's."""
    after = sums[width - 1 :: width]
    before = np.concatenate(([0.0], after[:-1]))
    totals = after - before
    columns = []
    for share in shares:
        wanted = before + np.maximum(np.ceil(share * totals), 1)
        bucket = np.searchsorted(sums, wanted) % width + lowest
        columns.append(np.where(totals > 0, milliseconds(bucket), np.nan))
    return np.stack(columns, axis=1)
