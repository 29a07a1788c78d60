"""Test cases as clients send and see them."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from models import Case, CaseOrigin, CaseState, CaseVersion, StoredFile
from schemas.assertion import operation_name
from schemas.base import AsIs, PublicId, QueryNumber, Text, Time, not_blank, page_query
from schemas.chat import Checked
from schemas.step import MOST_STEPS, step_list
from schemas.templated import variable_pairs

Json = dict[str, Any]

STATES = [state.value for state in CaseState]
ORIGINS = [origin.value for origin in CaseOrigin]
CONTENT = ("variables", "data", "data_file_id", "setup", "steps", "teardown")
# One of these says which rows a case has.
ROWS = ("data", "data_csv", "data_file_id")
MOST_TAGS = 50
MOST_ROWS = 10_000
MOST_AT_ONCE = 1000
LONGEST_COLUMN = 200
LONGEST_CSV = 16 * 1024 * 1024
BIGGEST_NUMBER = 2_147_483_647


def _rows(value: Any) -> Any:
    """What is wrong with data rows; how many there may be is said elsewhere."""
    if not isinstance(value, list):
        return ["Must be a list of objects."]
    for index, row in enumerate(value):
        if not isinstance(row, dict):
            return {index: ["Must be an object: the values of one row by their names."]}
        if not all(1 <= len(column) <= LONGEST_COLUMN for column in row):
            return {index: [f"A name in a row has 1 to {LONGEST_COLUMN} characters."]}
    return []


def distinct(value: list[Any]) -> None:
    """Refuses a list that has something twice."""
    if len(set(value)) < len(value):
        raise ValidationError("Names something twice.")


def title(**kwargs: Any) -> Text:
    """A field for what something is called."""
    field = Text(at_least=1, at_most=200, **kwargs)
    field.validators.append(not_blank)
    return field


def tag_list(**kwargs: Any) -> fields.List[Any]:
    """A field for tags."""
    one = Text(at_least=1, at_most=100)
    one.validators.append(not_blank)
    return fields.List(one, validate=[validate.Length(max=MOST_TAGS), distinct], **kwargs)


class CaseFields(Schema):
    """What a case is called, what it tests, and what it does."""

    name = title(required=True, metadata={"example": "A user can be read"})
    description = Text(at_most=10_000, load_default=None, allow_none=True)
    tags = tag_list(load_default=list)
    operation = operation_name(load_default=None, allow_none=True)
    knowledge_base_id = PublicId("kb", load_default=None, allow_none=True)
    feature_id = PublicId("feat", load_default=None, allow_none=True)
    variables = variable_pairs(load_default=dict)
    data = Checked(
        _rows,
        load_default=list,
        schema={
            "type": "array",
            "items": {"type": "object"},
            "description": f"Rows, at most {MOST_ROWS}: the case is executed once with each, as `{{{{row.name}}}}`.",
            "example": [{"id": 7, "status": 200}, {"id": 0, "status": 404}],
        },
    )
    data_csv = Text(
        at_least=1,
        at_most=LONGEST_CSV,
        metadata={"description": "The same as CSV with a line of names; its values are texts.", "example": "id\n7\n"},
    )
    data_file_id = PublicId(StoredFile.prefix, load_default=None, allow_none=True)
    setup = step_list(load_default=list, validate=validate.Length(max=MOST_STEPS))
    steps = step_list(required=True, validate=validate.Length(min=1, max=MOST_STEPS))
    teardown = step_list(load_default=list, validate=validate.Length(max=MOST_STEPS))

    @validates_schema
    def _rows_of_one_source(self, data: Json, **_: Any) -> None:
        given = [one for one in ROWS if data.get(one)]
        for one in given[1:]:
            raise ValidationError(f"A case has its rows of one source, and this one has `{given[0]}`.", one)


class CaseIn(CaseFields):
    """A new case."""

    state = fields.String(
        validate=validate.OneOf([CaseState.APPROVED, CaseState.DRAFT], error="Must be one of: {choices}."),
        load_default=CaseState.APPROVED.value,
        metadata={"description": "Runs take approved cases."},
    )


class CasePatch(CaseFields):
    """What is to change; everything else stays. What a case does is changed by a new version of it."""

    note = Text(at_most=2000, metadata={"description": "Why; kept with the new version."})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "partial": True})


class CaseQuarantine(Schema):
    """Why a case's verdict does not count, and since which run."""

    reason = fields.String(required=True)
    run_id = fields.String(required=True, allow_none=True)


class CaseOut(Schema):
    """A test case, without what it does."""

    id = PublicId("tc", required=True)
    object = fields.Constant("test_case", required=True)
    project_id = PublicId("proj", required=True)
    name = fields.String(required=True)
    description = fields.String(required=True, allow_none=True)
    tags = fields.List(fields.String(), required=True)
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    version = fields.Integer(required=True)
    origin = fields.String(required=True, validate=validate.OneOf(ORIGINS))
    source = fields.Dict(required=True, metadata={"description": "How it came about, and who reviewed it."})
    operation = fields.String(required=True, allow_none=True)
    knowledge_base_id = PublicId("kb", required=True, allow_none=True)
    feature_id = PublicId("feat", required=True, allow_none=True)
    content_hash = fields.String(required=True, metadata={"description": "SHA-256 in hex of what it does."})
    quarantined_at = Time(required=True, allow_none=True)
    quarantine = AsIs(CaseQuarantine, required=True, allow_none=True)
    created_at = Time(required=True)
    updated_at = Time(required=True)


class CaseDetailOut(CaseOut):
    """A test case with what it does, in the newest version or in the one that was asked for."""

    variables = fields.Dict(required=True)
    data = fields.List(fields.Dict(), required=True)
    data_file_id = fields.String(required=True, allow_none=True)
    setup = fields.List(fields.Dict(), required=True)
    steps = fields.List(fields.Dict(), required=True)
    teardown = fields.List(fields.Dict(), required=True)


class CaseVersionOut(Schema):
    """A version of a case; what it does is in the case, asked for with `?version=`."""

    id = PublicId("tcv", required=True)
    object = fields.Constant("test_case_version", required=True)
    test_case_id = PublicId("tc", required=True)
    number = fields.Integer(required=True)
    note = fields.String(required=True, allow_none=True)
    created_by = PublicId("key", required=True, allow_none=True)
    created_at = Time(required=True)


class CaseQuery(Schema):
    """Which version of the case."""

    version = QueryNumber(validate=validate.Range(min=1, max=BIGGEST_NUMBER))


class CasesQuery(page_query("tc")):  # type: ignore[misc]
    """Which cases are listed."""

    state = fields.String(validate=validate.OneOf(STATES, error="Must be one of: {choices}."))
    origin = fields.String(validate=validate.OneOf(ORIGINS, error="Must be one of: {choices}."))
    tag = Text(at_most=100)
    operation = Text(at_most=2048)
    feature_id = PublicId("feat")
    suite = Text(at_most=200, metadata={"description": "The id or the name of a suite: the cases that it runs."})
    quarantined = fields.Boolean(truthy={"true"}, falsy={"false"})
    q = Text(at_most=200, metadata={"description": "A part of the name."})


class CaseReviewIn(Schema):
    """What a reviewer says."""

    note = Text(at_most=2000, load_default=None, allow_none=True)


class CasesReviewIn(CaseReviewIn):
    """What a reviewer says of several drafts."""

    test_case_ids = fields.List(
        PublicId("tc"), required=True, validate=[validate.Length(min=1, max=MOST_AT_ONCE), distinct]
    )


class CasesReviewOut(Schema):
    """The drafts that were reviewed."""

    object = fields.Constant("test_case_review", required=True)
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    test_case_ids = fields.List(PublicId("tc"), required=True)


class CaseQuarantineIn(Schema):
    """Why its verdict is not to count."""

    reason = Text(at_least=1, at_most=2000, required=True)


class CaseReleaseIn(Schema):
    """Why its verdict counts again."""

    reason = Text(at_least=1, at_most=2000, load_default="It was released by hand.")


class CaseDuplicateIn(Schema):
    """What the copy is called."""

    name = title(load_default=None, allow_none=True)


def case_view(case: Case) -> Json:
    """What CaseOut reads."""
    names = ("id", "project_id", "name", "description", "tags", "state", "version", "origin", "source", "operation",
             "knowledge_base_id", "feature_id", "content_hash", "quarantined_at", "quarantine", "created_at",
             "updated_at")  # fmt: skip
    return {name: getattr(case, name) for name in names}


def case_detail_view(case: Case, content: Json, version: int | None = None) -> Json:
    """What CaseDetailOut reads."""
    return case_view(case) | content | ({} if version is None else {"version": version})


def version_view(version: CaseVersion) -> Json:
    """What CaseVersionOut reads."""
    return {
        "id": version.id,
        "test_case_id": version.case_id,
        "number": version.number,
        "note": version.note,
        "created_by": version.created_by,
        "created_at": version.created_at,
    }
