"""What traces are found by when what is wanted is rare: the values in the index `ix_traces_facets` (models/trace.py).

Facets only narrow a search down: amounts are steps there, and a model may be called like anything, so the conditions
themselves are asked for, too.
"""

import math
from collections.abc import Iterator
from typing import Any

from sqlalchemy import text
from sqlalchemy.sql.elements import TextClause

from models.trace import FACETS, LEAST_COST, STEPS

Json = dict[str, Any]

TEXTS = {"name": "n", "service": "s", "user_id": "u", "release": "r", "environment": "e", "status": "y"}
# What an amount is at least, as far as steps go, and at most: OTLP's times can be 1,170 years apart, one after another.
AMOUNTS = {
    "duration_ms": ("d", 1.0, 2.0**46),
    "cost_usd": ("c", float(LEAST_COST), 2.0**40),
    "tokens": ("t", 1.0, 2.0**53),
}


def conditions(wanted: Json) -> Iterator[TextClause]:
    """What the index knows of what is wanted."""
    all_of = [f"{letter}:{wanted[name]}" for name, letter in TEXTS.items() if wanted.get(name) is not None]
    all_of += [wanted[name] for name in ("model", "tag") if wanted.get(name) is not None]
    if wanted.get("has_errors"):
        all_of.append("x")
    if all_of:
        yield text(f"{FACETS} @> CAST(:all_of AS text[])").bindparams(all_of=all_of)
    if all_of or any(wanted.get(name) is not None for name in ("q", "feature_id", "session_id")):
        # Steps are many, and narrow down little beside those.
        return
    for name in AMOUNTS:
        least, most = wanted.get(f"min_{name}"), wanted.get(f"max_{name}")
        if least is not None or most is not None:
            steps = f"steps_of_{name}"
            yield text(f"{FACETS} && CAST(:{steps} AS text[])").bindparams(**{steps: _steps(name, least, most)})


def _steps(name: str, least: Any, most: Any) -> list[str]:
    """The steps that amounts between these are in, and one more at both ends, whoever rounds."""
    letter, lowest, highest = AMOUNTS[name]
    first = _step(max(lowest, float(least or 0)))
    last = _step(min(highest, max(lowest, highest if most is None else float(most))))
    return [f"{letter}:{step}" for step in range(min(first, _step(highest)) - 1, last + 2)]


def _step(amount: float) -> int:
    return math.floor(math.log(amount) * STEPS / math.log(2))
