"""What changed between two records of a table, in the words of somebody who reads the list."""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

MOST_CHANGES = 50
# By what the things of a list are recognised again; those without a name by what they are about.
_LISTS = {
    "unique": "columns",
    "foreign_keys": "columns",
    "indexes": "columns",
    "checks": "expression",
    "referenced_by": "table",
}
_WHOLE = ("kind", "comment", "primary_key")


def changes_of(before: Json, after: Json) -> list[Json]:
    """`[{"change", "field", "before", "after"}]`: change is `added`, `removed` or `changed`, field is such as
    `columns/email/type`; at most 50, columns first."""
    found = [*_columns(before, after)]
    for field in _WHOLE:
        found += _change(field, before.get(field) or None, after.get(field) or None)
    for field, about in _LISTS.items():
        old, new = _by_name(before.get(field, []), about), _by_name(after.get(field, []), about)
        for name in dict.fromkeys((*old, *new)):
            found += _change(f"{field}/{name}", old.get(name), new.get(name))
    return found[:MOST_CHANGES]


def _columns(before: Json, after: Json) -> Iterator[Json]:
    old = {column["name"]: column for column in before.get("columns", [])}
    new = {column["name"]: column for column in after.get("columns", [])}
    for name in dict.fromkeys((*old, *new)):
        if name not in old or name not in new:
            yield from _change(f"columns/{name}", old.get(name), new.get(name))
            continue
        for field in dict.fromkeys((*old[name], *new[name])):
            yield from _change(f"columns/{name}/{field}", old[name].get(field), new[name].get(field))


def _by_name(things: list[Json], about: str) -> dict[str, Json]:
    return {thing.get("name") or _said(thing[about]): thing for thing in things}


def _said(about: Any) -> str:
    return ",".join(about) if isinstance(about, list) else str(about)[:100]


def _change(field: str, before: Any, after: Any) -> Iterator[Json]:
    if before != after:
        sort = "added" if before is None else "removed" if after is None else "changed"
        yield {"change": sort, "field": field, "before": before, "after": after}
