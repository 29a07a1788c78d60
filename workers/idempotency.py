"""Idempotency keys: the first answer to a request, kept with what it created, for a day (workers/jobs/sweep.py).

An answer is written in the request's own transaction, so it exists if and only if what it tells of does. A key that
another request holds at this moment is refused at once (an advisory lock, freed with the transaction).
"""

import hashlib
from dataclasses import asdict, dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra.clock import now
from infra.errors import IdempotencyKeyInUse, IdempotencyKeyReused
from models import IdempotencyKey

LOCK = text("SELECT pg_try_advisory_xact_lock(:lock)")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with a key; `fingerprint` tells it from another with the same key."""

    project_id: UUID
    principal_id: UUID
    key: str
    fingerprint: bytes


def first_answer(session: Session, asked: Asked) -> IdempotencyKey | None:
    """The kept answer, or None for a new key, which is this transaction's from here on; raises IdempotencyKeyReused for
    another request than the first, IdempotencyKeyInUse while the first is under way."""
    digest = hashlib.sha256(asked.principal_id.bytes + asked.key.encode()).digest()
    if not session.execute(LOCK, {"lock": int.from_bytes(digest[:8], signed=True)}).scalar_one():
        raise IdempotencyKeyInUse
    own = IdempotencyKey.in_project(asked.project_id).where(IdempotencyKey.principal_id == asked.principal_id)
    found = session.scalars(own.where(IdempotencyKey.key == asked.key)).first()
    if found is not None and found.fingerprint != asked.fingerprint:
        raise IdempotencyKeyReused
    return found


def keep_answer(session: Session, asked: Asked, *, status: int, location: str | None, body: bytes) -> None:
    """Keeps the first answer."""
    row = IdempotencyKey(status=status, location=location, body=body, created_at=now(), **asdict(asked))
    session.add(row)
    session.flush()
