"""Input and result of a job that reads documents."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from infra.targets import LONGEST_URL
from schemas.base import PublicId, Text
from schemas.job import ErrorOut
from schemas.kb_entry import LONGEST_KEY, LONGEST_TEXT, LONGEST_TITLE, EntryFields

SOURCES = ("file_id", "url", "text")
MODES = ("merge", "replace")
STATUSES = ("added", "changed", "removed", "unchanged", "failed")
MOST_LISTED = 1000
LONGEST_FILENAME = 1024


class HowToIngestDocuments(EntryFields):
    """What is done with the documents, wherever they come from."""

    key = Text(
        at_least=1,
        at_most=LONGEST_KEY,
        metadata={
            "description": "Name of the document within its source; left out: its file name or URL. Of an archive, "
            "the folder that its files are put into."
        },
    )
    title = Text(
        at_least=1, at_most=LONGEST_TITLE, metadata={"description": "Of one document; left out: what it says itself."}
    )
    filename = Text(
        at_least=1,
        at_most=LONGEST_FILENAME,
        metadata={"description": "Its ending tells the format of text; `document.md` where there is no other name."},
    )
    mode = fields.String(
        validate=validate.OneOf(MODES),
        load_default="merge",
        metadata={"description": "`merge`: other documents of the source stay in the draft; `replace`: they leave it."},
    )


class DocumentIngestIn(HowToIngestDocuments):
    """PDF, DOCX, PPTX, XLSX, CSV, HTML, Markdown, reStructuredText, text or code; or a zip of such files."""

    knowledge_base_id = PublicId("kb", allow_none=True, metadata={"description": "Left out: the project's own."})
    file_id = PublicId("file", allow_none=True)
    url = Text(at_least=1, at_most=LONGEST_URL, allow_none=True, metadata={"format": "uri"})
    text = Text(at_least=1, at_most=LONGEST_TEXT, allow_none=True)

    @validates_schema
    def _one_source(self, data: dict[str, Any], **_: Any) -> None:
        given = [name for name in SOURCES if data.get(name) is not None]
        if len(given) != 1:
            raise ValidationError("Give exactly one of file_id, url and text.", given[1] if given else "file_id")
        if given == ["text"] and not any(data.get(name) for name in ("key", "title", "filename")):
            raise ValidationError("A text needs a key, a title or a filename.", "key")


class DocumentCounts(Schema):
    """How many documents the draft has that it had not, and so on."""

    added = fields.Integer(required=True)
    changed = fields.Integer(required=True)
    removed = fields.Integer(required=True)
    unchanged = fields.Integer(required=True)


class ReadingWarning(Schema):
    """What was left out of a document, or is doubtful."""

    code = fields.String(required=True)
    detail = fields.String(required=True)


class DocumentStatus(Schema):
    """What became of one document."""

    key = fields.String(required=True)
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    title = fields.String(required=True, allow_none=True)
    format = fields.String(required=True, allow_none=True)
    pages = fields.Integer(required=True, allow_none=True)
    characters = fields.Integer(required=True)
    warnings = fields.List(fields.Nested(ReadingWarning), required=True)
    error = fields.Nested(ErrorOut, required=True, allow_none=True)


class DocumentIngestOut(Schema):
    """What was read, and what of the draft it changed."""

    knowledge_base_id = PublicId("kb", required=True)
    source = fields.String(required=True)
    title = fields.String(required=True, allow_none=True, metadata={"description": "Of one document; null: many."})
    pages = fields.Integer(required=True, metadata={"description": "Of all that have pages."})
    characters = fields.Integer(required=True)
    documents = fields.Nested(DocumentCounts, required=True)
    failed = fields.Integer(required=True, metadata={"description": "How many could not be read."})
    entries = fields.List(
        fields.Nested(DocumentStatus),
        required=True,
        metadata={"description": f"Each document, those that failed first; {MOST_LISTED:,} at most."},
    )
    warnings = fields.List(
        fields.Nested(ReadingWarning),
        required=True,
        metadata={"description": "Of one document; of many: in `entries`."},
    )
