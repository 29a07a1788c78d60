"""Traces told in outlines, as many as may be held at once."""

from collections.abc import Iterable

from workers.traces.base import Outline, Outlines


def whole_traces(rows: Iterable[Outline], at_most: int) -> Outlines:
    """The traces that these are of, each one's together, out of at most `at_most` + 1 rows. If there are that many, the
    last trace may go on, and is left out."""
    found: dict[str, list[Outline]] = {}
    some: list[Outline] = []
    trace, count = "", 0
    for row in rows:
        if row.trace != trace:
            trace = row.trace
            some = found[trace] = []
        some.append(row)
        count += 1
    if count <= at_most:
        return Outlines(found, complete=True)
    del found[trace]
    return Outlines(found, complete=False)
