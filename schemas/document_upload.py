"""What is said of documents that are sent to a knowledge base, beside their bytes or in place of them."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from schemas.base import Pairs, Text
from schemas.document_ingest import MODES, DocumentIngestIn
from schemas.kb_entry import LONGEST_KEY, LONGEST_TITLE, MOST_LABELS, MOST_TAGS

LONGEST_TAG = 100


class CommaList(fields.Field[list[str]]):
    """`a,b` as a list of texts."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metadata={"type": "string", "description": "Separated by commas.", "example": "a,b"}, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> list[str]:
        found = [one.strip() for one in str(value).split(",") if one.strip()]
        if len(found) > MOST_TAGS or any(len(one) > LONGEST_TAG for one in found):
            raise ValidationError(f"Must be at most {MOST_TAGS} texts of at most {LONGEST_TAG} characters.")
        return found


class DocumentUploadQuery(Schema):
    """What is done with an uploaded document, in the query or in the form; `metadata.<key>=<value>` may be added."""

    source = Text(at_least=1, at_most=100)
    key = Text(at_least=1, at_most=LONGEST_KEY, metadata={"description": "Left out: the file's name."})
    title = Text(at_least=1, at_most=LONGEST_TITLE)
    filename = Text(at_least=1, at_most=1024, metadata={"description": "A form's file has one of its own."})
    mode = fields.String(validate=validate.OneOf(MODES))
    tags = CommaList()
    metadata = Pairs(
        keys=Text(at_least=1, at_most=64), values=Text(at_most=LONGEST_KEY), validate=validate.Length(max=MOST_LABELS)
    )


class DocumentUploadIn(DocumentIngestIn):
    """A document that is not uploaded here: one of `file_id`, `url` and `text`."""

    class Meta:
        """The address says which knowledge base."""

        exclude = ("knowledge_base_id",)
