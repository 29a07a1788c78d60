"""What we remember: one table family a file."""

from models.api_key import ApiKey
from models.base import Base
from models.batch import BATCH_FINAL, Batch, BatchLine, BatchStatus
from models.hook import Hook, InboxMessage, InboxStatus, SignatureScheme
from models.idempotency import IdempotencyKey
from models.job import FINAL, Job, JobEvent, JobStatus, OutboxEntry, Store
from models.project import MemberRole, Membership, Project
from models.provider_limit import ProviderLimit
from models.schedule import CatchUp, Schedule
from models.usage import Usage
from models.user import User, UserRole
from models.webhook import DeliveryStatus, DisabledReason, Payload, WebhookDelivery, WebhookEndpoint

__all__ = [
    "BATCH_FINAL",
    "FINAL",
    "ApiKey",
    "Base",
    "Batch",
    "BatchLine",
    "BatchStatus",
    "CatchUp",
    "DeliveryStatus",
    "DisabledReason",
    "Hook",
    "IdempotencyKey",
    "InboxMessage",
    "InboxStatus",
    "Job",
    "JobEvent",
    "JobStatus",
    "MemberRole",
    "Membership",
    "OutboxEntry",
    "Payload",
    "Project",
    "ProviderLimit",
    "Schedule",
    "SignatureScheme",
    "Store",
    "Usage",
    "User",
    "UserRole",
    "WebhookDelivery",
    "WebhookEndpoint",
]
