"""What the attacks did and what they broke, as a table at the end of the run."""

from dataclasses import dataclass, fields

from tests.chaos.plan import LONG, SEED


@dataclass(slots=True)
class Line:
    """One attack."""

    promise: int
    attack: str
    jobs: int
    faults: str
    lost: int
    duplicated: int
    doubly_counted: int
    seen: str = ""


SUMMED = ("jobs", "lost", "duplicated", "doubly_counted")
LINES: list[Line] = []


def table() -> list[str]:
    """The lines as text, with their sums."""
    names = [field.name for field in fields(Line)]
    rows = [[name.replace("_", " ") for name in names]]
    rows += [[str(getattr(line, name)) for name in names] for line in sorted(LINES, key=lambda line: line.promise)]
    jobs, *broken = (sum(getattr(line, name) for line in LINES) for name in SUMMED)
    form = f"{'long' if LONG else 'short'} form, CHAOS_SEED={SEED}"
    rows.append(["", "in all", str(jobs), "", *map(str, broken), form])
    widths = [max(len(row[column]) for row in rows) for column in range(len(names))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
