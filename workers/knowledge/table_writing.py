"""One table that somebody wrote by hand, as the record that its DDL would have become (workers/sql/tables.py)."""

from typing import Any

from infra.errors import BadInput
from models import EntryType
from workers.knowledge.drafts import EntryContent
from workers.sql.describing import describe, title_of

Json = dict[str, Any]

PARTS = ("columns", "primary_key", "foreign_keys", "comment")


def write(body: Json) -> EntryContent:
    """A new entry from a loaded TableIn; raises BadInput with pointers."""
    record = {
        "name": body["name"],
        "schema": body["schema"],
        "dialect": None,
        "kind": "table",
        "comment": body["comment"],
        "columns": body["columns"],
        "primary_key": body["primary_key"],
        "unique": [],
        "foreign_keys": _foreign_keys(body["foreign_keys"]),
        "indexes": [],
        "checks": [],
        "referenced_by": [],
    }
    _require_columns(record)
    # As a name without quotes is compared.
    key = ".".join(part.lower() for part in (body["schema"], body["name"]) if part)
    return EntryContent(
        type=EntryType.TABLE,
        key=key,
        title=body.get("title") or title_of(key, record),
        text=body.get("text") or describe(key, record),
        content=record,
        tags=body["tags"],
        labels=body["metadata"],
    )


def rewrite(said: EntryContent, body: Json) -> EntryContent:
    """The entry with other columns, keys or comment from a loaded TablePatch; what a model once added is left out.
    Raises BadInput with pointers."""
    parts = {name: body[name] for name in PARTS if name in body}
    if "foreign_keys" in parts:
        parts["foreign_keys"] = _foreign_keys(parts["foreign_keys"])
    record = {name: value for name, value in said.content.items() if name != "enriched"} | parts
    _require_columns(record)
    return EntryContent(
        type=EntryType.TABLE,
        key=said.key,
        title=title_of(said.key, record),
        text=describe(said.key, record),
        content=record,
        tags=said.tags,
        labels=said.labels,
    )


def _foreign_keys(given: list[Json]) -> list[Json]:
    return [
        {
            "name": None,
            "columns": one["columns"],
            "references": {"table": one["table"], "columns": one["references"]},
            "on_delete": None,
            "on_update": None,
        }
        for one in given
    ]


def _require_columns(record: Json) -> None:
    """Raises BadInput where a column is there twice, or a key names one that is not there."""
    names = [column["name"] for column in record["columns"]]
    wrong = [
        (f"/columns/{place}/name", "There is another column with this name.")
        for place, name in enumerate(names)
        if name in names[:place]
    ]
    keys = [("/primary_key", record["primary_key"])]
    keys += [(f"/foreign_keys/{place}/columns", one["columns"]) for place, one in enumerate(record["foreign_keys"])]
    wrong += [
        (f"{where}/{place}", "There is no such column.")
        for where, columns in keys
        for place, name in enumerate(columns)
        if name not in names
    ]
    if wrong:
        errors = [{"pointer": pointer, "detail": detail} for pointer, detail in wrong]
        raise BadInput("The table does not fit together; `errors` says where.", errors=errors)
