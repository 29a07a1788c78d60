"""Filters by the inverted index: each type, source, tag, pair of metadata and entry is a posting of its own, beside the
lexemes, so that what passes is known without a look at the chunks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.orm import Session

from workers.knowledge.search.inverted import Index
from workers.knowledge.search.scope import Scope

# No lexeme begins with this character.
MARK = "chr(1)"


def _facet(name: str, value: str) -> str:
    return f"{MARK} || '{name}:' || md5({value})"


# 1 and 1.0 are one number.
_PAIR = """pair.key || chr(1) || CASE jsonb_typeof(pair.value)
  WHEN 'number' THEN trim_scale(pair.value::text::numeric)::text ELSE pair.value::text END"""

# The facets of a chunk `c`, as rows.
OF_CHUNK = f"""
SELECT {_facet("type", "c.type")} AS lexeme
UNION ALL SELECT {_facet("source", "c.source")}
UNION ALL SELECT {_facet("entry", "c.entry_id::text")}
UNION SELECT {_facet("tag", "tag")} FROM unnest(c.tags) AS tag
UNION SELECT {_facet("pair", _PAIR)} FROM jsonb_each(c.metadata) AS pair
"""
_ASKED = {
    "types": ("type", "value", "unnest(CAST(:types AS text[])) AS value"),
    "sources": ("source", "value", "unnest(CAST(:sources AS text[])) AS value"),
    "tags": ("tag", "value", "unnest(CAST(:tags AS text[])) AS value"),
    "any_tags": ("tag", "value", "unnest(CAST(:any_tags AS text[])) AS value"),
    "metadata": ("pair", _PAIR, "jsonb_each(CAST(:metadata AS jsonb)) AS pair"),
    "entry_ids": ("entry", "value", "unnest(CAST(:entry_ids AS text[])) AS value"),
}
# Of these all must be there; of the others one.
_ALL = ("tags", "metadata")
POSTINGS = """
WITH asked AS ({asked})
SELECT a.name, a.lexeme, p.segment, p.numbers FROM asked a LEFT JOIN kb_postings p
  ON p.knowledge_base_id = :kb AND p.lexeme = a.lexeme AND p.segment <= :version
"""


@dataclass(frozen=True, slots=True)
class Passing:
    """The chunks that pass the filters: a flag for each number, and how many they are."""

    flags: NDArray[np.bool_]
    count: int


def passing(session: Session, scope: Scope, index: Index) -> Passing | None:
    """Which chunks pass; None without filters. Some of them may be none of the version's any more."""
    wanted = scope.wanted
    if not wanted:
        return None
    parts = [
        f"SELECT '{name}' AS name, {_facet(*_ASKED[name][:2])} AS lexeme FROM {_ASKED[name][2]}" for name in wanted
    ]
    statement = text(POSTINGS.format(asked=" UNION ".join(parts)))
    flags = np.ones(index.total, np.bool_)
    found: dict[tuple[str, str], NDArray[np.bool_]] = {}
    for row in session.execute(statement, {**scope.place, **wanted}):
        where = (row.name, row.lexeme if row.name in _ALL else "")
        having = found.setdefault(where, np.zeros(index.total, np.bool_))
        if row.segment is not None:
            having[index.numbers(row)] = True
    for having in found.values():
        flags &= having
    return Passing(flags, int(flags.sum()))
