"""Turns measurements into markdown: medians of runs taken alternately (A B A B), so that both meet the same machine."""

import os
import platform
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TypeVar

from tests.bench.load import Run

T = TypeVar("T")
U = TypeVar("U")
QUICK = bool(os.environ.get("BENCH_QUICK"))


def rounds(usual: int = 3) -> int:
    """How often each side is measured; BENCH_QUICK=1 means once."""
    return 1 if QUICK else usual


def size(usual: int) -> int:
    """How many requests or jobs; BENCH_QUICK=1 means a fifth."""
    return max(1, usual // 5) if QUICK else usual


@dataclass
class Row:
    """One line of the table: what was measured, ours, the other's, their ratio (> 1 is better for us)."""

    what: str
    ours: str
    other: str
    ratio: str = ""
    goal: str = ""


@dataclass
class Table:
    """The rows of one benchmark."""

    title: str
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, what: str, ours: str, other: str = "", ratio: float | None = None, goal: str = "") -> None:
        shown = f"{ratio:.1f}×" if ratio is not None and ratio == ratio else ""
        self.rows.append(Row(what, ours.replace("nan", "–"), other, shown, goal))

    def failures(self, *runs: Run) -> None:
        """Says it below the table if requests failed: a figure without them would be a lie."""
        if failed := sum(run.failures for run in runs):
            self.notes.append(f"{self.rows[-1].what}: {failed} requests failed")

    def markdown(self) -> str:
        lines = ["| what | Switchyard | beside it | ratio | goal |", "| --- | --- | --- | --- | --- |"]
        lines += [f"| {row.what} | {row.ours} | {row.other} | {row.ratio} | {row.goal} |" for row in self.rows]
        return f"\n### {self.title}\n\n" + "\n".join([*lines, "", *self.notes])


async def alternately(
    count: int, ours: Callable[[], Awaitable[T]] | None, beside: Callable[[], Awaitable[U]]
) -> tuple[list[T], list[U]]:
    """Runs both sides `count` times in turn and returns their results; ours may be left out."""
    mine: list[T] = []
    theirs: list[U] = []
    for _ in range(count):
        if ours:
            mine.append(await ours())
        theirs.append(await beside())
    return mine, theirs


def ms(seconds: float) -> str:
    """Seconds as milliseconds, as precise as they are meant."""
    return "–" if seconds != seconds else f"{seconds * 1000:.{0 if seconds >= 0.1 else 1}f} ms"


def middle(values: list[float]) -> float:
    return median(values) if values else float("nan")


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def machine() -> str:
    """The line under the tables: what they were taken on."""
    model = "unknown CPU"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB, {platform.system()}, Python {platform.python_version()}, "
        f"load before the run {load:.1f}; loopback, embedded PostgreSQL (fsync on) and Redis; medians, in turns."
    )
