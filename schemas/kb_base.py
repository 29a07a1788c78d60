"""Knowledge bases as clients send and see them, and the reviews of their drafts."""

from typing import Any

from marshmallow import Schema, fields, validate

from models import EntryType, KbReview, KnowledgeBase, ReviewState
from schemas.base import AsIs, PublicId, Text, Time, page_query
from schemas.knowledge_settings import KnowledgeSettings, KnowledgeSettingsPatch

Json = dict[str, Any]

TYPES = [one.value for one in EntryType]
DRAFT_STATES = ("clean", "changed", "submitted", "approved", "rejected")
DRAFT_STATE = (
    "`clean`: says what the active version says; `changed`: does not, and nobody was asked; `submitted`: waits for a "
    "review; `approved`, `rejected`: what came of it. Whatever changes the draft takes it back to `changed`."
)
SERIAL = "Grows with every change of the draft."
LONGEST_NOTE = 2000


class KnowledgeBaseIn(Schema):
    """A new knowledge base. Settings that are left out have their defaults."""

    name = Text(at_least=1, at_most=200, required=True, metadata={"example": "Orders"})
    description = Text(at_most=2000, allow_none=True, load_default=None)
    settings = fields.Nested(KnowledgeSettings, load_default=lambda: KnowledgeSettings().load({}))


class KnowledgeBasePatch(Schema):
    """What is to change; everything else stays, each setting too. Chunking and embedding model are the next build's."""

    name = Text(at_least=1, at_most=200)
    description = Text(at_most=2000, allow_none=True)
    settings = fields.Nested(KnowledgeSettingsPatch)


class CountsByTypeOut(Schema):
    """How many entries of each type."""

    api = fields.Integer(required=True)
    table = fields.Integer(required=True)
    document = fields.Integer(required=True)


class DraftCountsOut(Schema):
    """The draft in figures."""

    state = fields.String(required=True, validate=validate.OneOf(DRAFT_STATES), metadata={"description": DRAFT_STATE})
    serial = fields.Integer(required=True, metadata={"description": SERIAL})
    entries = AsIs(CountsByTypeOut, required=True)


class ActiveCountsOut(Schema):
    """The active version in figures."""

    version = fields.Integer(required=True)
    entries = AsIs(CountsByTypeOut, required=True)


class BuildingOut(Schema):
    """The version that is being built, and by which job."""

    version = fields.Integer(required=True)
    job_id = PublicId("job", required=True, allow_none=True)


class KnowledgeBaseOut(Schema):
    """A knowledge base: a draft to edit, and versions to serve, one of which is active."""

    id = PublicId(KnowledgeBase.prefix, required=True)
    object = fields.Constant("knowledge_base", required=True)
    project_id = PublicId("proj", required=True)
    name = fields.String(required=True)
    description = fields.String(required=True, allow_none=True)
    is_default = fields.Boolean(
        required=True, metadata={"description": "Whether `/v1/projects/{project_id}/kb` means this one."}
    )
    settings = AsIs(KnowledgeSettings, required=True)
    active_version = fields.Integer(required=True, allow_none=True)
    newest_version = fields.Integer(
        required=True, metadata={"description": "The last number that was given to a build; 0: there was none."}
    )
    draft = fields.Nested(DraftCountsOut, required=True)
    active = fields.Nested(ActiveCountsOut, required=True, allow_none=True)
    building = fields.Nested(BuildingOut, required=True, allow_none=True)
    created_at = Time(required=True)
    updated_at = Time(required=True)


class ChangeCountsOut(Schema):
    """How many entries of a type the draft has that the active version has not, and the other way round."""

    added = fields.Integer(required=True)
    changed = fields.Integer(required=True)
    removed = fields.Integer(required=True)
    unchanged = fields.Integer(required=True)


class ChangesByTypeOut(Schema):
    """The draft against the active version; against nothing where none is active."""

    api = fields.Nested(ChangeCountsOut, required=True)
    table = fields.Nested(ChangeCountsOut, required=True)
    document = fields.Nested(ChangeCountsOut, required=True)


class ReviewOut(Schema):
    """A draft that was submitted, and what came of it."""

    id = PublicId(KbReview.prefix, required=True)
    object = fields.Constant("kb_review", required=True)
    draft_serial = fields.Integer(required=True)
    state = fields.String(
        required=True,
        validate=validate.OneOf(list(ReviewState)),
        metadata={"description": "`void`: the draft was changed before anybody judged it."},
    )
    submitted_by = PublicId("key", required=True, allow_none=True)
    note = fields.String(required=True, allow_none=True)
    reviewed_by = PublicId("key", required=True, allow_none=True)
    review_note = fields.String(required=True, allow_none=True)
    reviewed_at = Time(required=True, allow_none=True)
    created_at = Time(required=True)


class DraftOut(Schema):
    """The draft as a whole."""

    knowledge_base_id = PublicId(KnowledgeBase.prefix, required=True)
    object = fields.Constant("kb_draft", required=True)
    state = fields.String(required=True, validate=validate.OneOf(DRAFT_STATES), metadata={"description": DRAFT_STATE})
    serial = fields.Integer(required=True, metadata={"description": SERIAL})
    active_version = fields.Integer(required=True, allow_none=True)
    changes = fields.Nested(ChangesByTypeOut, required=True)
    review = fields.Nested(ReviewOut, required=True, allow_none=True)


class SubmitIn(Schema):
    """A word to whoever reviews."""

    note = Text(at_most=LONGEST_NOTE, allow_none=True, load_default=None)


class DecisionIn(Schema):
    """The judgement."""

    decision = fields.String(required=True, validate=validate.OneOf(["approve", "reject"]))
    note = Text(at_most=LONGEST_NOTE, allow_none=True, load_default=None)
    draft_serial = fields.Integer(
        strict=True,
        load_default=None,
        allow_none=True,
        metadata={"description": "The draft that was read; another one is refused with 409."},
    )


KnowledgeBasesQuery = page_query(KnowledgeBase.prefix)
ReviewsQuery = page_query(KbReview.prefix)


def base_view(base: KnowledgeBase, settings: Json, overview: Json) -> Json:
    """What KnowledgeBaseOut reads; `overview` is what workers/knowledge/overview.py knows of it."""
    return {
        "id": base.id,
        "project_id": base.project_id,
        "name": base.name,
        "description": base.description,
        "is_default": base.is_default,
        "settings": settings,
        "active_version": base.active_version,
        "newest_version": base.newest_version,
        "created_at": base.created_at,
        "updated_at": base.updated_at,
        **overview,
    }
