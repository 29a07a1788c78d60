"""Versions of a knowledge base as clients see them, what differs between them, and how one is made the active one."""

from typing import Any

from marshmallow import Schema, fields, validate

from models import EntryState, EntryType, KbRevision, KbVersion, VersionState
from schemas.base import AsIs, Flag, Number, PageQuery, PublicId, QueryNumber, Time, page_query
from schemas.job import ErrorOut
from schemas.kb_entry import CHANGES, EntryId

Json = dict[str, Any]

HIGHEST = 2_147_483_647
SHOWN_STATES = [one.value for one in VersionState if one != VersionState.DROPPED]
EXPECTED = "The version that you believe is active; null: none. Another one is refused with 409."


class VersionOut(Schema):
    """A version: what was built from a draft, to be served as a whole."""

    id = PublicId(KbVersion.prefix, required=True)
    object = fields.Constant("kb_version", required=True)
    number = fields.Integer(required=True)
    base = fields.Integer(
        required=True, allow_none=True, metadata={"description": "The version it was compared with when it was built."}
    )
    state = fields.String(required=True, validate=validate.OneOf(SHOWN_STATES))
    active = fields.Boolean(required=True)
    draft_serial = fields.Integer(required=True, metadata={"description": "Which draft it was built from."})
    job_id = PublicId("job", required=True, allow_none=True)
    settings = fields.Dict(
        keys=fields.String(), required=True, metadata={"description": "Chunking and embedding model as used."}
    )
    stats = fields.Dict(
        keys=fields.String(), required=True, metadata={"description": "Entries, chunks, tokens and cost."}
    )
    evaluation = fields.Dict(
        keys=fields.String(),
        required=True,
        allow_none=True,
        metadata={"description": "The figures of the saved queries; null: there were none."},
    )
    error = AsIs(ErrorOut, required=True, allow_none=True)
    created_by = PublicId("key", required=True, allow_none=True)
    created_at = Time(required=True)
    built_at = Time(required=True, allow_none=True)
    activated_at = Time(
        required=True, allow_none=True, metadata={"description": "When it was last activated; null: never."}
    )
    rolled_back_at = Time(
        required=True, allow_none=True, metadata={"description": "When it was left for an earlier one since."}
    )


class VersionEntryOut(Schema):
    """An entry in a version, and how far its indexing is."""

    id = EntryId(required=True)
    object = fields.Constant("kb_version_entry", required=True)
    type = fields.String(required=True, validate=validate.OneOf([one.value for one in EntryType]))
    source = fields.String(required=True)
    key = fields.String(required=True)
    title = fields.String(required=True)
    revision_id = PublicId(KbRevision.prefix, required=True)
    state = fields.String(required=True, validate=validate.OneOf([one.value for one in EntryState]))
    chunks = fields.Integer(required=True)
    error = AsIs(ErrorOut, required=True, allow_none=True, metadata={"description": "Why it failed."})


class FieldDifferenceOut(Schema):
    """One place that is not the same; null where there is nothing."""

    pointer = fields.String(required=True, metadata={"description": "JSON pointer into what the entry says."})
    before = fields.Raw(required=True, allow_none=True, metadata={"description": "Long values are cut."})
    after = fields.Raw(required=True, allow_none=True)


class DifferenceOut(Schema):
    """An entry that is not the same on both sides."""

    id = EntryId(required=True)
    object = fields.Constant("kb_difference", required=True)
    type = fields.String(required=True, validate=validate.OneOf([one.value for one in EntryType]))
    source = fields.String(required=True)
    key = fields.String(required=True)
    title = fields.String(required=True)
    change = fields.String(required=True, validate=validate.OneOf(CHANGES[:3]))
    before = PublicId(KbRevision.prefix, required=True, allow_none=True)
    after = PublicId(KbRevision.prefix, required=True, allow_none=True)
    fields_changed = fields.List(fields.Nested(FieldDifferenceOut), required=True, data_key="fields")
    more_fields = fields.Integer(required=True, metadata={"description": "How many more fields are not shown."})


class ActivateIn(Schema):
    """Which version to activate."""

    version = Number(
        at_least=1,
        at_most=HIGHEST,
        allow_none=True,
        load_default=None,
        metadata={"description": "Null: the newest that is ready."},
    )
    force = Flag(
        load_default=False, metadata={"description": "Pass over the gate; the key then needs the scope kb:review, too."}
    )
    expected_active = Number(at_least=1, at_most=HIGHEST, allow_none=True, metadata={"description": EXPECTED})


class RollbackIn(Schema):
    """Which version to go back to."""

    version = Number(
        at_least=1,
        at_most=HIGHEST,
        allow_none=True,
        load_default=None,
        metadata={"description": "Null: the one that was active before."},
    )
    expected_active = Number(at_least=1, at_most=HIGHEST, allow_none=True, metadata={"description": EXPECTED})


VersionsQuery = page_query(KbVersion.prefix)


class VersionEntriesQuery(PageQuery):
    """Filters of the entries of a version."""

    after = EntryId(metadata={"description": "Continue after this object."})
    state = fields.String(validate=validate.OneOf([one.value for one in EntryState]))


class DiffQuery(PageQuery):
    """What to compare with, and which differences are wanted."""

    after = EntryId(metadata={"description": "Continue after this object."})
    against = QueryNumber(
        validate=validate.Range(min=1, max=HIGHEST),
        metadata={"description": "The number of a version; left out: the active one."},
    )
    type = fields.String(validate=validate.OneOf([one.value for one in EntryType]))
    change = fields.String(validate=validate.OneOf(CHANGES[:3]))


def version_view(version: KbVersion, active: int | None) -> Json:
    """What VersionOut reads."""
    return {
        "id": version.id,
        "number": version.number,
        "base": version.base,
        "state": version.state,
        "active": version.number == active,
        "draft_serial": version.draft_serial,
        "job_id": version.job_id,
        "settings": version.settings,
        "stats": version.stats,
        "evaluation": version.evaluation,
        "error": version.error,
        "created_by": version.created_by,
        "created_at": version.created_at,
        "built_at": version.built_at,
        "activated_at": version.activated_at,
        "rolled_back_at": version.rolled_back_at,
    }
