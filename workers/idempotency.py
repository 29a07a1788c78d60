"""Idempotency keys: the first answer to a request, kept with what it created, for a day (workers/jobs/sweep.py).

An answer with a secret is sealed, or where there is no key to seal it with, only the fact is kept that it was given.
An answer is written in the request's own transaction, so it exists if and only if what it tells of does. A key that
another request holds at this moment is refused at once (an advisory lock, freed with the transaction).
"""

import hashlib
from dataclasses import asdict, dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import crypto
from infra.clock import now
from infra.errors import (
    EncryptionNotConfigured,
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    NotStored,
    SecretUnreadable,
)
from models import IdempotencyKey

# In place of an answer that is not kept.
WITHHELD = b""

LOCK = text("SELECT pg_try_advisory_xact_lock(:lock)")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with a key; `fingerprint` tells it from another with the same key."""

    project_id: UUID
    principal_id: UUID
    key: str
    fingerprint: bytes

    @property
    def owner(self) -> str:
        """Whom a sealed answer belongs to."""
        return f"idem:{self.principal_id}:{self.key}"


@dataclass(frozen=True, slots=True)
class Kept:
    """A first answer."""

    status: int
    location: str | None
    body: bytes


def first_answer(session: Session, asked: Asked) -> Kept | None:
    """The kept answer, or None for a new key, which is this transaction's from here on; raises IdempotencyKeyReused for
    another request than the first, IdempotencyKeyInUse while the first is under way, NotStored if the answer had a
    secret and cannot be given again."""
    digest = hashlib.sha256(asked.principal_id.bytes + asked.key.encode()).digest()
    if not session.execute(LOCK, {"lock": int.from_bytes(digest[:8], signed=True)}).scalar_one():
        raise IdempotencyKeyInUse
    own = IdempotencyKey.in_project(asked.project_id).where(IdempotencyKey.principal_id == asked.principal_id)
    found = session.scalars(own.where(IdempotencyKey.key == asked.key)).first()
    if found is None:
        return None
    if found.fingerprint != asked.fingerprint:
        raise IdempotencyKeyReused
    return Kept(found.status, found.location, _opened(found, asked))


def keep_answer(session: Session, asked: Asked, kept: Kept, *, has_secret: bool) -> None:
    """Keeps the first answer."""
    body = _sealed(kept.body, asked) if has_secret else kept.body
    values = {"status": kept.status, "location": kept.location, "body": body, "created_at": now()}
    session.add(IdempotencyKey(**values, **asdict(asked)))
    session.flush()


def _sealed(body: bytes, asked: Asked) -> bytes:
    try:
        return crypto.seal(body, owner=asked.owner)
    except EncryptionNotConfigured:
        return WITHHELD


def _opened(found: IdempotencyKey, asked: Asked) -> bytes:
    """The answer's body. A sealed one is known by its first byte, with which no JSON begins."""
    why = "since ENCRYPTION_KEYS is not set"
    if found.body.startswith(crypto.VERSION):
        try:
            return crypto.open_sealed(found.body, owner=asked.owner)
        except (SecretUnreadable, EncryptionNotConfigured):
            why = "since it is sealed under a key that ENCRYPTION_KEYS no longer lists"
    elif found.body != WITHHELD:
        return found.body
    raise NotStored(
        "The first request with this Idempotency-Key succeeded. Its answer has a secret and cannot be given again, "
        f"{why}. Remove {found.location or 'what it made'}, and use a new Idempotency-Key."
    )
