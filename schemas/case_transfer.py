"""Test cases as files: what is imported, what became of it, and what is exported."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from models import CaseState
from schemas.base import PublicId, Text
from schemas.case import STATES, title

Json = dict[str, Any]

FORMATS = ("auto", "postman", "yaml")
EXPORTS = ("yaml", "curl")
MOST_NAMED = 1000


class CasesImportFields(Schema):
    """How a file of test cases is taken in."""

    format = fields.String(
        validate=validate.OneOf(FORMATS, error="Must be one of: {choices}."),
        metadata={
            "default": "auto",
            "description": "`postman`: a collection or an environment; `yaml`: tests; `auto`: by what it is.",
        },
    )
    suite = title(metadata={"description": "Makes a suite of that name, with the cases in the order of the file."})
    state = fields.String(
        validate=validate.OneOf([CaseState.APPROVED, CaseState.DRAFT], error="Must be one of: {choices}."),
        metadata={"default": CaseState.APPROVED.value},
    )
    environment = title(
        metadata={
            "description": "The environment that takes what the file says of addresses, authentication and secrets; it "
            "is made if there is none of that name. Left out: of the name that the file gives."
        }
    )


class CasesImportQuery(CasesImportFields):
    """How a file of test cases is taken in; a form or a JSON document may say the same in its fields."""

    dry_run = fields.Boolean(
        truthy={"true"}, falsy={"false"}, load_default=False, metadata={"description": "Shows what would come of it."}
    )


class CasesImportIn(CasesImportFields):
    """A file of test cases, as part of a JSON document."""

    content = fields.Raw(
        required=True,
        metadata={"type": ["string", "object", "array"], "description": "The file's text, or its JSON."},
    )

    @validates_schema
    def _is_a_file(self, data: Json, **_: Any) -> None:
        if not isinstance(data["content"], str | dict | list) or not data["content"]:
            raise ValidationError("Must be the text of a file, or its JSON.", "content")


class ImportedCaseOut(Schema):
    """A case of the file."""

    id = PublicId("tc", required=True, allow_none=True)
    name = fields.String(required=True)
    tags = fields.List(fields.String(), required=True)
    steps = fields.Integer(required=True)
    pointer = fields.String(required=True, metadata={"description": "Where it stands in the file."})


class ImportWarningOut(Schema):
    """What was not taken over, and where it stands in the file."""

    pointer = fields.String(required=True)
    message = fields.String(required=True)


class CasesImportOut(Schema):
    """What came of an import, or would come of it."""

    object = fields.Constant("test_case_import", required=True)
    dry_run = fields.Boolean(required=True)
    format = fields.String(required=True, validate=validate.OneOf(FORMATS[1:]))
    created = fields.List(PublicId("tc"), required=True)
    cases = fields.List(fields.Nested(ImportedCaseOut), required=True)
    suite_id = PublicId("suite", required=True, allow_none=True)
    environment_id = PublicId("env", required=True, allow_none=True)
    secrets = fields.List(
        fields.String(), required=True, metadata={"description": "Names of those that the environment got sealed."}
    )
    warnings = fields.List(fields.Nested(ImportWarningOut), required=True)
    more_warnings = fields.Integer(required=True, metadata={"description": "How many there are beside those."})


class CaseExportQuery(Schema):
    """How a test case is written."""

    format = fields.String(
        validate=validate.OneOf(EXPORTS, error="Must be one of: {choices}."),
        load_default="yaml",
        metadata={"description": "`yaml` can be imported again; `curl` is a script of bash."},
    )


class _Ids(fields.List[Any]):
    """Ids with commas between them."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return super()._deserialize([one.strip() for one in str(value).split(",")], attr, data, **kwargs)


class CasesExportQuery(CaseExportQuery):
    """Which test cases are written: those of a suite, those that are named, or all of the project."""

    suite_id = PublicId("suite")
    test_case_ids = _Ids(
        PublicId("tc"),
        validate=validate.Length(min=1, max=MOST_NAMED),
        metadata={"type": "string", "description": "With commas between them.", "explode": False},
    )
    state = fields.String(validate=validate.OneOf(STATES, error="Must be one of: {choices}."))
    tag = Text(at_most=100)
