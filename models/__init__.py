"""What we remember: one table family a file."""

from models.api_key import ApiKey
from models.base import Base
from models.batch import BATCH_FINAL, Batch, BatchLine, BatchStatus
from models.chunk import Chunk, ChunkVector, KeptEmbedding
from models.database_connection import DatabaseConnection
from models.environment import Environment, EnvironmentSecret
from models.feature import (
    DriftSignal,
    DriftState,
    Feature,
    FeatureDrift,
    FeatureLearnt,
    FeaturePrompt,
    FeaturePrototype,
    FeatureState,
    PromptClass,
    RootCause,
)
from models.feature_facts import FeatureFact, FeatureSite, FeatureWatch
from models.feature_work import ErrandAction, FeatureErrand, FeatureRerun
from models.hook import Hook, InboxMessage, InboxStatus, SignatureScheme
from models.idempotency import IdempotencyKey
from models.job import FINAL, Job, JobEvent, JobStatus, OutboxEntry, Store
from models.kb_query import KbEvaluation, KbQuery
from models.kb_review import KbReview, ReviewState
from models.knowledge import (
    ENTRY_PREFIX,
    EntryState,
    EntryType,
    KbEntry,
    KbRevision,
    KbVersion,
    KbVersionEntry,
    KnowledgeBase,
    VersionState,
)
from models.project import MemberRole, Membership, Project
from models.provider_limit import ProviderLimit
from models.schedule import CatchUp, Schedule
from models.search_index import Posting, SearchSegment
from models.spec import SpecSchema, SpecSource
from models.stored_file import FilePurpose, StoredFile
from models.suite import Case, CaseOrigin, CaseState, CaseVersion, Suite
from models.suite_run import CaseResult, CaseRun, CaseRunDecision, Failure, Run, Verdict
from models.trace import Assigned, Observation, ObservationKind, ObservationStatus, Trace, TraceResource
from models.trace_metrics import TraceMetric, TraceSeries, TraceSession
from models.usage import Usage
from models.user import User, UserRole
from models.webhook import DeliveryStatus, DisabledReason, Payload, WebhookDelivery, WebhookEndpoint

__all__ = [
    "BATCH_FINAL",
    "ENTRY_PREFIX",
    "FINAL",
    "ApiKey",
    "Assigned",
    "Base",
    "Batch",
    "BatchLine",
    "BatchStatus",
    "Case",
    "CaseOrigin",
    "CaseResult",
    "CaseRun",
    "CaseRunDecision",
    "CaseState",
    "CaseVersion",
    "CatchUp",
    "Chunk",
    "ChunkVector",
    "DatabaseConnection",
    "DeliveryStatus",
    "DisabledReason",
    "DriftSignal",
    "DriftState",
    "EntryState",
    "EntryType",
    "Environment",
    "EnvironmentSecret",
    "ErrandAction",
    "Failure",
    "Feature",
    "FeatureDrift",
    "FeatureErrand",
    "FeatureFact",
    "FeatureLearnt",
    "FeaturePrompt",
    "FeaturePrototype",
    "FeatureRerun",
    "FeatureSite",
    "FeatureState",
    "FeatureWatch",
    "FilePurpose",
    "Hook",
    "IdempotencyKey",
    "InboxMessage",
    "InboxStatus",
    "Job",
    "JobEvent",
    "JobStatus",
    "KbEntry",
    "KbEvaluation",
    "KbQuery",
    "KbReview",
    "KbRevision",
    "KbVersion",
    "KbVersionEntry",
    "KeptEmbedding",
    "KnowledgeBase",
    "MemberRole",
    "Membership",
    "Observation",
    "ObservationKind",
    "ObservationStatus",
    "OutboxEntry",
    "Payload",
    "Posting",
    "Project",
    "PromptClass",
    "ProviderLimit",
    "ReviewState",
    "RootCause",
    "Run",
    "Schedule",
    "SearchSegment",
    "SignatureScheme",
    "SpecSchema",
    "SpecSource",
    "Store",
    "StoredFile",
    "Suite",
    "Trace",
    "TraceMetric",
    "TraceResource",
    "TraceSeries",
    "TraceSession",
    "Usage",
    "User",
    "UserRole",
    "Verdict",
    "VersionState",
    "WebhookDelivery",
    "WebhookEndpoint",
]
