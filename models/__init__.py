"""What we remember: one table family a file."""

from models.api_key import ApiKey
from models.base import Base
from models.idempotency import IdempotencyKey
from models.job import FINAL, Job, JobEvent, JobStatus, OutboxEntry
from models.project import MemberRole, Membership, Project
from models.usage import Usage
from models.user import User, UserRole

__all__ = [
    "FINAL",
    "ApiKey",
    "Base",
    "IdempotencyKey",
    "Job",
    "JobEvent",
    "JobStatus",
    "MemberRole",
    "Membership",
    "OutboxEntry",
    "Project",
    "Usage",
    "User",
    "UserRole",
]
