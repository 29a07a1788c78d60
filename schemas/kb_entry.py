"""Entries of knowledge bases as clients send and see them: operations of APIs, tables of databases, documents."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from marshmallow import Schema, ValidationError, fields, validate

from infra import ids
from models import ENTRY_PREFIX, EntryType, KbRevision, KnowledgeBase
from schemas.base import Flag, OneOf, PageQuery, Pairs, PublicId, Text, Time

Json = dict[str, Any]

COLLECTIONS = {"apis": EntryType.API, "tables": EntryType.TABLE, "documents": EntryType.DOCUMENT}
METHODS = ("GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE")
CHANGES = ("added", "changed", "removed", "unchanged")
LONGEST_KEY = 500
LONGEST_TITLE = 500
LONGEST_TEXT = 2_000_000
MOST_TAGS = 50
MOST_LABELS = 50
MOST_COLUMNS = 2000
PATTERN = "^(api|table|doc)_[0-9a-f]{32}$"
CHANGE = "Against the active version; `removed`: that has it, and the draft no more."
WHOLE = "Markdown, for documents; for others it is written from what they are, unless it is given."


class EntryId(fields.Field[UUID]):
    """`api_…`, `table_…` or `doc_…`."""

    def __init__(self, **kwargs: Any) -> None:
        described = kwargs.pop("metadata", {})
        super().__init__(metadata={"type": "string", "pattern": PATTERN, **described}, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> UUID:
        found = entry_id(value)
        if found is None:
            raise ValidationError("Must be the id of an entry: api_, table_ or doc_, and 32 lowercase hex digits.")
        return found


def entry_id(text: Any) -> UUID | None:
    """The id of an entry of any type; None where the text is none."""
    known = (ids.parse(prefix, text) for prefix in ENTRY_PREFIX.values()) if isinstance(text, str) else ()
    return next((one for one in known if one is not None), None)


class Label(fields.Field[Any]):
    """A value of an entry's metadata: text, number or flag."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metadata={"type": ["string", "number", "boolean"]}, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if not isinstance(value, str | int | float | bool):
            raise ValidationError("Must be text, a number, true or false.")
        if isinstance(value, str) and len(value) > LONGEST_KEY:
            raise ValidationError(f"Must have at most {LONGEST_KEY} characters.")
        return value


class EntryFields(Schema):
    """What entries of all types have."""

    tags = fields.List(Text(at_least=1, at_most=100), validate=validate.Length(max=MOST_TAGS), load_default=list)
    metadata = Pairs(
        keys=Text(at_least=1, at_most=64), values=Label(), validate=validate.Length(max=MOST_LABELS), load_default=dict
    )
    source = Text(
        at_least=1,
        at_most=100,
        load_default="default",
        metadata={"description": "Which API, database or collection it belongs to; keys are unique within one."},
    )


class _Patch(Schema):
    """What any entry may have changed. What is left out stays."""

    title = Text(at_least=1, at_most=LONGEST_TITLE)
    text = Text(at_least=1, at_most=LONGEST_TEXT, metadata={"description": WHOLE})
    tags = fields.List(Text(at_least=1, at_most=100), validate=validate.Length(max=MOST_TAGS))
    metadata = Pairs(keys=Text(at_least=1, at_most=64), values=Label(), validate=validate.Length(max=MOST_LABELS))
    expected_revision = PublicId(
        KbRevision.prefix,
        metadata={
            "type": "string",
            "pattern": f"^{KbRevision.prefix}_[0-9a-f]{{32}}$",
            "description": "The `revision_id` that was read; where another one is there by now, nothing is changed.",
        },
    )


class DocumentIn(EntryFields):
    """A document, as Markdown."""

    title = Text(at_least=1, at_most=LONGEST_TITLE, required=True)
    text = Text(at_least=1, at_most=LONGEST_TEXT, required=True, metadata={"description": "Markdown."})
    key = Text(at_least=1, at_most=LONGEST_KEY, metadata={"description": "Its name within the source; else its title."})


class DocumentPatch(_Patch):
    """What is to change of a document."""


class _Operation(Schema):
    """An operation as OpenAPI 3.1 writes it."""

    operation = fields.Dict(
        keys=fields.String(),
        required=True,
        metadata={"description": "The OpenAPI 3.1 operation object.", "example": {"summary": "Lists all orders"}},
    )
    schemas = fields.Dict(
        keys=fields.String(),
        values=fields.Raw(),
        load_default=dict,
        metadata={"description": "What it refers to as `#/components/schemas/<name>`."},
    )


class ApiIn(EntryFields, _Operation):
    """An operation of an API, written by hand."""

    method = fields.String(required=True, validate=validate.OneOf(METHODS))
    path = fields.String(
        required=True,
        validate=[validate.Length(min=1, max=LONGEST_KEY), validate.Regexp("^/", error="Must begin with `/`.")],
        metadata={"pattern": "^/", "example": "/orders/{order_id}"},
    )
    title = Text(at_least=1, at_most=LONGEST_TITLE, metadata={"description": "Left out: its summary."})
    text = Text(at_least=1, at_most=LONGEST_TEXT, metadata={"description": WHOLE})


class ApiPatch(_Patch):
    """What is to change of an operation. With another `operation`, title and text are written anew."""

    operation = fields.Dict(keys=fields.String(), metadata={"description": "The OpenAPI 3.1 operation object."})
    schemas = fields.Dict(
        keys=fields.String(),
        values=fields.Raw(),
        load_default=dict,
        metadata={"description": "What the operation refers to as `#/components/schemas/<name>`."},
    )


class ColumnIn(Schema):
    """A column of a table."""

    name = Text(at_least=1, at_most=200, required=True)
    type = Text(at_least=1, at_most=200, required=True, metadata={"example": "varchar(40)"})
    nullable = Flag(load_default=True)
    default = Text(at_least=1, at_most=1000, allow_none=True, load_default=None)
    comment = Text(at_most=2000, allow_none=True, load_default=None)


class ForeignKeyIn(Schema):
    """Columns that name rows of another table."""

    columns = fields.List(Text(at_least=1, at_most=200), required=True, validate=validate.Length(min=1, max=50))
    table = Text(at_least=1, at_most=400, required=True, metadata={"description": "`table` or `schema.table`."})
    references = fields.List(Text(at_least=1, at_most=200), required=True, validate=validate.Length(min=1, max=50))


class _Table(Schema):
    """What a table consists of."""

    columns = fields.List(fields.Nested(ColumnIn), required=True, validate=validate.Length(min=1, max=MOST_COLUMNS))
    primary_key = fields.List(Text(at_least=1, at_most=200), load_default=list, validate=validate.Length(max=50))
    foreign_keys = fields.List(fields.Nested(ForeignKeyIn), load_default=list, validate=validate.Length(max=500))
    comment = Text(at_most=10_000, allow_none=True, load_default=None)


class TableIn(EntryFields, _Table):
    """A table of a database, written by hand."""

    name = Text(at_least=1, at_most=200, required=True)
    schema = Text(at_least=1, at_most=200, allow_none=True, load_default=None)
    title = Text(at_least=1, at_most=LONGEST_TITLE, metadata={"description": "Left out: its name."})
    text = Text(at_least=1, at_most=LONGEST_TEXT, metadata={"description": WHOLE})


class TablePatch(_Patch):
    """What is to change of a table. With other columns or keys, the text is written anew."""

    columns = fields.List(fields.Nested(ColumnIn), validate=validate.Length(min=1, max=MOST_COLUMNS))
    primary_key = fields.List(Text(at_least=1, at_most=200), validate=validate.Length(max=50))
    foreign_keys = fields.List(fields.Nested(ForeignKeyIn), validate=validate.Length(max=500))
    comment = Text(at_most=10_000, allow_none=True)


class EntryIn(OneOf):
    """A new entry: an operation in `apis`, a table in `tables`, a document in `documents`."""

    one_of: ClassVar[dict[str, type[Schema]]] = {"apis": ApiIn, "tables": TableIn, "documents": DocumentIn}


class EntryPatch(OneOf):
    """What is to change of an entry, by the collection it is in."""

    one_of: ClassVar[dict[str, type[Schema]]] = {"apis": ApiPatch, "tables": TablePatch, "documents": DocumentPatch}


class EntryOut(Schema):
    """An entry without its content."""

    id = EntryId(required=True)
    object = fields.Constant("kb_entry", required=True)
    knowledge_base_id = PublicId(KnowledgeBase.prefix, required=True)
    type = fields.String(required=True, validate=validate.OneOf([one.value for one in EntryType]))
    source = fields.String(required=True)
    key = fields.String(required=True, metadata={"description": "`GET /orders/{}`, `public.orders`, a file's name."})
    title = fields.String(required=True)
    tags = fields.List(fields.String(), required=True)
    metadata = fields.Dict(keys=fields.String(), required=True)
    revision_id = PublicId(KbRevision.prefix, required=True)
    change = fields.String(required=True, validate=validate.OneOf(CHANGES), metadata={"description": CHANGE})
    created_at = Time(required=True)
    updated_at = Time(required=True, metadata={"description": "When what it says now was first said."})


class WholeEntryOut(EntryOut):
    """An entry with all it says."""

    text = fields.String(required=True)
    content = fields.Dict(keys=fields.String(), required=True, metadata={"description": "The record behind the text."})
    origin = fields.Dict(keys=fields.String(), required=True, metadata={"description": "Where it came from."})


class RevisionOut(Schema):
    """What an entry said at one time."""

    id = PublicId(KbRevision.prefix, required=True)
    object = fields.Constant("kb_revision", required=True)
    entry_id = EntryId(required=True)
    title = fields.String(required=True)
    tags = fields.List(fields.String(), required=True)
    metadata = fields.Dict(keys=fields.String(), required=True)
    origin = fields.Dict(keys=fields.String(), required=True)
    content_hash = fields.String(required=True, metadata={"description": "SHA-256 of all it says, in hex."})
    in_draft = fields.Boolean(required=True)
    created_by = PublicId("key", required=True, allow_none=True)
    created_at = Time(required=True)


class _EntriesQuery(PageQuery):
    """Filters of a list of entries."""

    after = EntryId(metadata={"description": "Continue after this object."})
    source = Text(at_least=1, at_most=100)
    tag = Text(at_least=1, at_most=100)
    q = Text(at_least=1, at_most=200, metadata={"description": "The title contains this, in whatever case."})


class ActiveEntriesQuery(_EntriesQuery):
    """Filters of the entries of a version."""


class DraftEntriesQuery(_EntriesQuery):
    """Filters of the entries of the draft."""

    change = fields.String(validate=validate.OneOf(CHANGES), metadata={"description": CHANGE})


class RevisionsQuery(PageQuery):
    """How to walk the revisions of an entry."""

    after = PublicId(KbRevision.prefix)


class RemoveEntryQuery(Schema):
    """What must still be so."""

    expected_revision = PublicId(KbRevision.prefix)
