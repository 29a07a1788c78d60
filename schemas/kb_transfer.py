"""Exports and imports of knowledge bases: their jobs' inputs and results, and the lines of an exported file."""

from typing import Any

from marshmallow import EXCLUDE, Schema, fields, validate

from models import EntryType
from schemas.base import Flag, Number, PublicId, Text
from schemas.file import LONGEST_LIFE_SECONDS
from schemas.kb_version import HIGHEST

FORMATS = ("jsonl", "parquet", "both")
MOST_DIMENSIONS = 16_000
_OWN: dict[str, Any] = {
    "allow_none": True,
    "load_default": None,
    "metadata": {"type": "string", "pattern": "^kb_[0-9a-f]{32}$", "description": "Left out: the project's own."},
}
HASH = validate.Regexp(r"[0-9a-f]{64}\Z", error="Must be a SHA-256 in hex.")


class ExportWishes(Schema):
    """Which version is written out, and how."""

    version = Number(
        at_least=1,
        at_most=HIGHEST,
        allow_none=True,
        load_default=None,
        metadata={"description": "The version's number; the active one, if left out."},
    )
    format = fields.String(
        validate=validate.OneOf(FORMATS),
        load_default="both",
        metadata={"description": "JSON lines can be imported again; Parquet is for other programs."},
    )
    expires_in_s = Number(
        at_least=60,
        at_most=LONGEST_LIFE_SECONDS,
        allow_none=True,
        load_default=None,
        metadata={"description": "After so many seconds the file is deleted; it stays, if left out."},
    )


class KbExportIn(ExportWishes):
    """A version of a knowledge base that is to be written to a file."""

    knowledge_base_id = PublicId("kb", **_OWN)


class KbExportOut(Schema):
    """The file, a zip, and what is in it."""

    knowledge_base_id = PublicId("kb", required=True)
    file_id = PublicId("file", required=True)
    version = fields.Integer(required=True)
    entries = fields.Integer(required=True)
    chunks = fields.Integer(required=True)
    bytes = fields.Integer(required=True)


class ImportWishes(Schema):
    """Which file is read, and what becomes of what is there."""

    file_id = PublicId("file", required=True)
    replace = Flag(
        load_default=False,
        metadata={"description": "Entries of the draft that the file does not have are removed from it."},
    )
    apply_settings = Flag(
        load_default=False,
        metadata={"description": "The file's chunking and embedding model become the knowledge base's."},
    )


class KbImportIn(ImportWishes):
    """An exported version that is to be read into the draft of a knowledge base."""

    knowledge_base_id = PublicId("kb", **_OWN)


class ImportedEntries(Schema):
    """How many entries of the draft are which."""

    added = fields.Integer(required=True)
    changed = fields.Integer(required=True)
    removed = fields.Integer(required=True)
    unchanged = fields.Integer(required=True)


class KbImportOut(Schema):
    """What was written."""

    knowledge_base_id = PublicId("kb", required=True)
    entries = fields.Nested(ImportedEntries, required=True)
    schemas = fields.Integer(required=True)
    embeddings = fields.Integer(
        required=True, metadata={"description": "Vectors that the next build need not pay for again."}
    )


class _Lenient(Schema):
    """Part of an exported file; what a newer version says beside is passed over."""

    class Meta:
        unknown = EXCLUDE


class MemberLine(_Lenient):
    """A file in the zip."""

    rows = Number(at_least=0, at_most=HIGHEST, required=True)
    size = Number(at_least=0, at_most=1 << 40, required=True, data_key="bytes")
    sha256 = fields.String(required=True, validate=HASH)


class EmbeddingLine(_Lenient):
    """What its vectors were made by."""

    model = Text(at_least=1, at_most=300, required=True)
    dimensions = Number(at_least=1, at_most=MOST_DIMENSIONS, required=True)


class ManifestLine(_Lenient):
    """The manifest of an exported version."""

    format = Number(at_least=1, at_most=HIGHEST, required=True)
    settings = fields.Dict(keys=fields.String(), required=True)
    embedding = fields.Nested(EmbeddingLine, required=True, allow_none=True)
    files = fields.Dict(keys=fields.String(), values=fields.Nested(MemberLine), required=True)


class EntryLine(_Lenient):
    """An entry."""

    type = fields.String(required=True, validate=validate.OneOf([one.value for one in EntryType]))
    source = Text(at_least=1, at_most=100, required=True)
    key = Text(at_least=1, at_most=4000, required=True)
    title = Text(at_most=4000, required=True)
    text = Text(at_most=32 * 1024 * 1024, required=True)
    content = fields.Dict(keys=fields.String(), required=True)
    tags = fields.List(Text(at_least=1, at_most=100), validate=validate.Length(max=1000), load_default=list)
    metadata = fields.Dict(keys=fields.String(), load_default=dict)
    origin = fields.Dict(keys=fields.String(), load_default=dict)


class SchemaLine(_Lenient):
    """The body of a schema."""

    sha256 = fields.String(required=True, validate=HASH)
    body = fields.Raw(required=True)


def load_line(schema: Schema, line: Any) -> dict[str, Any]:
    """A line's object; raises ValidationError."""
    loaded: dict[str, Any] = schema.load(line)
    return loaded
