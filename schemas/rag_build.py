"""Input and result of a job that builds a knowledge base, and what would become of one."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from models import EntryType
from schemas.base import AsIs, Flag, PublicId, Text
from schemas.dry_run import CostRangeOut
from schemas.job import ErrorOut
from schemas.kb_entry import LONGEST_TEXT, LONGEST_TITLE, EntryId
from schemas.knowledge_settings import MODEL, Chunking

Json = dict[str, Any]
FOR_THIS_BUILD = "In place of the knowledge base's own setting, for this build alone. "


class ChunkingPatch(Chunking):
    """Some of the chunking settings; the others are the knowledge base's."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "partial": True})


class BuildWishes(Schema):
    """How a knowledge base is to be built."""

    chunking = fields.Nested(ChunkingPatch, metadata={"description": FOR_THIS_BUILD})
    embedding_model = Text(
        at_least=1, at_most=300, allow_none=True, metadata={"description": FOR_THIS_BUILD + MODEL, "example": "sandbox"}
    )
    activate = Flag(
        load_default=False,
        metadata={"description": "Activate the version once it is ready, if the gate lets it; else it stays ready."},
    )
    allow_partial = Flag(
        load_default=True,
        metadata={"description": "Let the version be ready without the entries that could not be indexed."},
    )


class RagBuildIn(BuildWishes):
    """Builds a version of a knowledge base's draft: cuts, embeds and indexes what has changed since the last one."""

    knowledge_base_id = PublicId("kb", allow_none=True, metadata={"description": "Left out: the project's own."})


class BuildRequest(BuildWishes):
    """How a knowledge base is to be built, or whether only to say what that would take."""

    dry_run = Flag(load_default=False, metadata={"description": "As the parameter of that name: nothing is built."})


class UpdateRequest(BuildRequest):
    """As a build, which activates its version unless it is told not to."""

    activate = Flag(
        load_default=True,
        metadata={"description": "Activate the version once it is ready, if the gate lets it; else it stays ready."},
    )


class EntriesBuiltOut(Schema):
    """What became of the entries: `reused` are as in the version before, `indexed` cut and embedded."""

    total = fields.Integer(required=True)
    reused = fields.Integer(required=True)
    indexed = fields.Integer(required=True)
    failed = fields.Integer(required=True)


class ChunksBuiltOut(Schema):
    """How many chunks the version has, and how they compare with the version before."""

    total = fields.Integer(required=True)
    reused = fields.Integer(required=True)
    new = fields.Integer(required=True)
    removed = fields.Integer(required=True)


class RefusalOut(ErrorOut):
    """Why something was not done, and the figures behind it."""

    errors = fields.List(fields.Dict(keys=fields.String()))


class RagBuildOut(Schema):
    """The version that is ready."""

    knowledge_base_id = fields.String(required=True)
    version = fields.Integer(required=True)
    base = fields.Integer(required=True, allow_none=True, metadata={"description": "The version before."})
    embedding_model = fields.String(required=True, allow_none=True)
    entries = fields.Nested(EntriesBuiltOut, required=True)
    chunks = fields.Nested(ChunksBuiltOut, required=True)
    failed = fields.Integer(required=True, metadata={"description": "Entries that could not be indexed."})
    tokens = fields.Integer(required=True, metadata={"description": "As the model's provider counted them."})
    embedding_calls = fields.Integer(required=True)
    embedded_texts = fields.Integer(required=True, metadata={"description": "Texts that had no vector yet."})
    cost_usd = fields.String(required=True, allow_none=True)
    evaluation = fields.Dict(
        keys=fields.String(), required=True, allow_none=True, metadata={"description": "Null: no query is saved."}
    )
    activated = fields.Boolean(required=True)
    not_activated_because = AsIs(RefusalOut, required=True, allow_none=True)
    note = fields.String(required=True, allow_none=True)


class EntriesPlannedOut(Schema):
    """The draft beside the newest version that is ready; `to_index` would be cut."""

    total = fields.Integer(required=True)
    new = fields.Integer(required=True)
    changed = fields.Integer(required=True)
    removed = fields.Integer(required=True)
    unchanged = fields.Integer(required=True)
    to_index = fields.Integer(required=True)


class ChunksPlannedOut(Schema):
    """Chunks that would come, stay and go."""

    new = fields.Integer(required=True)
    reused = fields.Integer(required=True)
    removed = fields.Integer(required=True)


class BuildPlanOut(Schema):
    """What a build would do and cost."""

    object = fields.Constant("build_plan", required=True)
    knowledge_base_id = PublicId("kb", required=True)
    base = fields.Integer(required=True, allow_none=True, metadata={"description": "The version it would follow."})
    embedding_model = fields.String(required=True, allow_none=True)
    chunking = fields.Nested(Chunking, required=True)
    entries = fields.Nested(EntriesPlannedOut, required=True)
    chunks = fields.Nested(ChunksPlannedOut, required=True)
    texts_to_embed = fields.Integer(required=True, metadata={"description": "Those that have no vector yet."})
    tokens = fields.Integer(required=True, metadata={"description": "Of these texts, counted as o200k."})
    cost_usd = fields.Nested(CostRangeOut, required=True)
    exact = fields.Boolean(
        required=True, metadata={"description": "False: there is too much text to cut all of it for this answer."}
    )
    note = fields.String(required=True, allow_none=True)


class PreviewIn(Schema):
    """A text to cut, or an entry of the draft."""

    text = Text(at_least=1, at_most=LONGEST_TEXT)
    title = Text(at_most=LONGEST_TITLE, load_default="")
    type = fields.String(
        validate=validate.OneOf([one.value for one in EntryType]), load_default=EntryType.DOCUMENT.value
    )
    entry_id = EntryId()
    chunking = fields.Nested(ChunkingPatch, metadata={"description": "In place of the knowledge base's own settings."})

    @validates_schema
    def _one_of_them(self, data: Json, **_: Any) -> None:
        if ("text" in data) == ("entry_id" in data):
            raise ValidationError("Give either a text or an entry_id.", "entry_id" if "text" in data else "text")


class ChunkPreviewOut(Schema):
    """A chunk as it would be: `text` is characters `start` to before `end` of the text."""

    ordinal = fields.Integer(required=True)
    text = fields.String(required=True)
    start = fields.Integer(required=True, attribute="starts")
    end = fields.Integer(required=True, attribute="ends")
    tokens = fields.Integer(required=True)
    heading = fields.List(fields.String(), required=True)
    page = fields.Integer(required=True, allow_none=True)
    context = fields.String(required=True, metadata={"description": "Embedded and searched with it, and not quoted."})
    parent = fields.Integer(required=True, allow_none=True, metadata={"description": "The ordinal of its parent."})
    searched = fields.Boolean(required=True, metadata={"description": "False: a parent, which is only quoted."})


class PreviewOut(Schema):
    """How a text would be cut."""

    object = fields.Constant("chunk_preview", required=True)
    chunking = fields.Nested(Chunking, required=True)
    total = fields.Integer(required=True, metadata={"description": "How many chunks there are; the first are shown."})
    tokens = fields.Integer(required=True, metadata={"description": "Of all that are searched."})
    chunks = fields.List(fields.Nested(ChunkPreviewOut), required=True)
