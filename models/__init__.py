"""What we remember: one table family a file."""

from models.api_key import ApiKey
from models.base import Base
from models.batch import BATCH_FINAL, Batch, BatchLine, BatchStatus
from models.chunk import Chunk, ChunkVector, KeptEmbedding
from models.hook import Hook, InboxMessage, InboxStatus, SignatureScheme
from models.idempotency import IdempotencyKey
from models.job import FINAL, Job, JobEvent, JobStatus, OutboxEntry, Store
from models.kb_query import KbEvaluation, KbQuery
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
from models.stored_file import FilePurpose, StoredFile
from models.usage import Usage
from models.user import User, UserRole
from models.webhook import DeliveryStatus, DisabledReason, Payload, WebhookDelivery, WebhookEndpoint

__all__ = [
    "BATCH_FINAL",
    "ENTRY_PREFIX",
    "FINAL",
    "ApiKey",
    "Base",
    "Batch",
    "BatchLine",
    "BatchStatus",
    "CatchUp",
    "Chunk",
    "ChunkVector",
    "DeliveryStatus",
    "DisabledReason",
    "EntryState",
    "EntryType",
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
    "KbRevision",
    "KbVersion",
    "KbVersionEntry",
    "KeptEmbedding",
    "KnowledgeBase",
    "MemberRole",
    "Membership",
    "OutboxEntry",
    "Payload",
    "Project",
    "ProviderLimit",
    "Schedule",
    "SignatureScheme",
    "Store",
    "StoredFile",
    "Usage",
    "User",
    "UserRole",
    "VersionState",
    "WebhookDelivery",
    "WebhookEndpoint",
]
