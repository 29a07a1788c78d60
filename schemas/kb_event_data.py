"""What the events of knowledge bases say in their `data`."""

from marshmallow import fields

from schemas.base import AsIs, PublicId
from schemas.event_data import EventData
from schemas.job import ErrorOut
from schemas.spec_change import ChangeOut


class KnowledgeBaseData(EventData):
    """The knowledge base that it happened to."""

    knowledge_base_id = PublicId("kb", required=True)


class KbReviewData(KnowledgeBaseData):
    """The draft that was submitted or judged, by whom, and what they said of it."""

    draft_serial = fields.Integer(required=True, metadata={"description": "Which draft; grows with every change."})
    by = PublicId("key", required=True, allow_none=True)
    note = fields.String(required=True, allow_none=True)


class KbBuiltData(KnowledgeBaseData):
    """The version that is ready, what is in it, and how it answered the saved queries."""

    version = fields.Integer(required=True)
    job_id = PublicId("job", required=True, allow_none=True)
    stats = fields.Dict(keys=fields.String(), required=True, metadata={"description": "Entries, chunks, tokens, cost."})
    evaluation = fields.Dict(keys=fields.String(), required=True, allow_none=True)


class KbBuildFailedData(KnowledgeBaseData):
    """The version that did not come about, and why."""

    version = fields.Integer(required=True, allow_none=True)
    job_id = PublicId("job", required=True, allow_none=True)
    error = AsIs(ErrorOut, required=True)


class KbActivatedData(KnowledgeBaseData):
    """The version that is served from here on, and the one that was."""

    version = fields.Integer(required=True)
    previous = fields.Integer(required=True, allow_none=True)
    forced = fields.Boolean(required=True, metadata={"description": "Whether the gate was passed over."})
    by = PublicId("key", required=True, allow_none=True)


class KbDiscardedData(KnowledgeBaseData):
    """The draft says again what the active version says; null: there is none, and the draft is empty."""

    version = fields.Integer(required=True, allow_none=True)
    draft_serial = fields.Integer(required=True)
    by = PublicId("key", required=True, allow_none=True)


class KbIngestedData(KnowledgeBaseData):
    """What a job wrote into the draft: how many entries."""

    job_id = PublicId("job", required=True, allow_none=True)
    kind = fields.String(required=True)
    source = fields.String(required=True)
    added = fields.Integer(required=True)
    changed = fields.Integer(required=True)
    removed = fields.Integer(required=True)
    unchanged = fields.Integer(required=True)


class KbExportedData(KnowledgeBaseData):
    """The version that was written out, and to which file."""

    version = fields.Integer(required=True)
    job_id = PublicId("job", required=True, allow_none=True)
    file_id = PublicId("file", required=True, allow_none=True)


class KbImportedData(KnowledgeBaseData):
    """The file that was read in, and how many entries of the draft it added or changed."""

    job_id = PublicId("job", required=True, allow_none=True)
    file_id = PublicId("file", required=True, allow_none=True)
    version = fields.Integer(allow_none=True, metadata={"description": "The version it became; left out: none yet."})
    entries = fields.Integer(required=True)


class AffectedOperations(EventData):
    """What the changes touch."""

    operations = fields.List(
        fields.String(), required=True, metadata={"description": "`GET /orders`; the first ones, 20 at most."}
    )


class SpecBreakingData(KnowledgeBaseData):
    """The changes of an API that break its clients, with the rules that say so."""

    job_id = PublicId("job", required=True, allow_none=True)
    source = fields.String(required=True)
    count = fields.Integer(required=True)
    changes = fields.List(
        fields.Nested(ChangeOut), required=True, metadata={"description": "The first of them, 20 at most."}
    )
    affected = fields.Nested(AffectedOperations, required=True)
