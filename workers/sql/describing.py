"""A table in words, as Markdown: what is searched, and what a model gets to read. The same record, the same text.

What tells tables apart comes first: the name, also as the words it is made of, and the comment; then columns, keys and
what refers to what.
"""

import hashlib
import re
from collections.abc import Iterator
from typing import Any

from infra import json

Json = dict[str, Any]

# In characters; four of them are about a token.
LONGEST = 6000
LONGEST_TITLE = 300
LONGEST_COMMENT, LONGEST_NOTE, LONGEST_TYPE = 1000, 200, 120
MOST_COLUMNS, MOST_RELATIONS, MOST_VALUES = 80, 30, 20

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\da-zA-Z_]+|[0-9]+")
_SPACE = re.compile(r"\s+")
_ON_DELETE = {
    "CASCADE": "goes with it when that is deleted",
    "SET NULL": "is emptied when that is deleted",
    "SET DEFAULT": "gets its default when that is deleted",
    "RESTRICT": "keeps that from being deleted",
}


def words_of(name: str) -> str:
    """`custOrd_itm2` as `cust ord itm 2`; empty where the name is one word."""
    found = [word.lower() for word in _WORDS.findall(name)]
    return " ".join(found) if len(found) > 1 else ""


def title_of(key: str, record: Json) -> str:
    """`shop.order_items (order items)`."""
    return f"{key}{_in_words(record['name'])}"[:LONGEST_TITLE]


def describe(key: str, record: Json) -> str:
    """The table in at most 6,000 characters."""
    text = ""
    for line in (*_purpose(key, record), *_columns(record), *_relations(record), *_around(record)):
        if len(text) + len(line) > LONGEST:
            break
        text += f"{line}\n"
    return text.strip()


def _purpose(key: str, record: Json) -> Iterator[str]:
    kind = "View" if record["kind"] == "view" else "Table"
    yield f"# {kind} {title_of(key, record)}"
    yield ""
    if record["comment"]:
        yield _line(record["comment"], LONGEST_COMMENT)
        yield ""
    schema = f" of the schema {record['schema']}" if record["schema"] else ""
    count = len(record["columns"])
    yield f"{kind} `{key}`{schema}, with {count} column{'' if count == 1 else 's'}."
    yield ""


def _columns(record: Json) -> Iterator[str]:
    unique = {key["columns"][0] for key in record["unique"] if len(key["columns"]) == 1}
    to = {key["columns"][0]: key["references"] for key in record["foreign_keys"] if len(key["columns"]) == 1}
    yield "## Columns"
    for column in record["columns"][:MOST_COLUMNS]:
        name = column["name"]
        said = [_line(column["type"], LONGEST_TYPE)] if column["type"] else []
        said += ["primary key"] if name in record["primary_key"] else []
        said += ["unique"] if name in unique else []
        said += [] if column["nullable"] or name in record["primary_key"] else ["required"]
        said += ["numbered by the database"] if column.get("identity") else []
        said += [f"refers to `{to[name]['table']}`"] if name in to else []
        said += [f"computed as `{_line(column['generated'], LONGEST_NOTE)}`"] if column.get("generated") else []
        said += [f"default `{_line(column['default'], 60)}`"] if column["default"] is not None else []
        values = column.get("values")
        said += [f"one of {', '.join(_line(one, 60) for one in values[:MOST_VALUES])}"] if values else []
        comment = f". {_line(column['comment'], LONGEST_NOTE)}" if column["comment"] else ""
        yield f"- `{name}`{_in_words(name)}: {', '.join(said) or 'of no type'}{comment}"
    left = [column["name"] for column in record["columns"][MOST_COLUMNS:]]
    if left:
        yield f"- and {', '.join(left)}"
    yield ""


def _relations(record: Json) -> Iterator[str]:
    if record["foreign_keys"] or record["referenced_by"]:
        yield "## Relations"
    for key in record["foreign_keys"][:MOST_RELATIONS]:
        target = key["references"]
        gone = _ON_DELETE.get(key["on_delete"] or "")
        yield (
            f"- {_list(key['columns'])} refers to {_list(target['columns'])} of `{target['table']}`"
            f"{_in_words(target['table'].rpartition('.')[2])}{f', and {gone}' if gone else ''}"
        )
    for back in record["referenced_by"][:MOST_RELATIONS]:
        name = _in_words(back["table"].rpartition(".")[2])
        yield f"- `{back['table']}`{name} refers to it by {_list(back['columns'])}"
    if record["foreign_keys"] or record["referenced_by"]:
        yield ""


def _around(record: Json) -> Iterator[str]:
    if len(record["primary_key"]) > 1:
        yield f"Primary key: {_list(record['primary_key'])} together."
    for key in record["unique"]:
        if len(key["columns"]) > 1:
            yield f"Unique: {_list(key['columns'])} together."
    for index in record["indexes"][:MOST_RELATIONS]:
        sort = "Unique index" if index["unique"] else "Index"
        where = f" where {_line(index['where'], LONGEST_NOTE)}" if index.get("where") else ""
        yield f"{sort}: {', '.join(_line(one, LONGEST_NOTE) for one in index['columns'])}{where}."
    for check in record["checks"][:MOST_RELATIONS]:
        yield f"Check: `{_line(check['expression'], LONGEST_NOTE)}`."


def _in_words(name: str) -> str:
    words = words_of(name)
    return f" ({words})" if words else ""


def _list(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "the key"


def _line(text: str, longest: int) -> str:
    plain = _SPACE.sub(" ", text).strip()
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"


def entry_of(key: str, record: Json) -> Json:
    """The entry of a table, as it is stored and as workers/specs/enriching.py takes it; `hash` is the record's."""
    content = json.dump_for_postgres(record)
    labels = {"schema": record["schema"], "dialect": record["dialect"], "kind": record["kind"]}
    return {
        "key": key,
        "title": title_of(key, record),
        "text": describe(key, record),
        "content": content,
        "tags": [record["schema"]] if record["schema"] else [],
        "labels": {name: value for name, value in labels.items() if value},
        "hash": hashlib.sha256(content.encode()).hexdigest(),
    }
