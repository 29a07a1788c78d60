"""API keys: made, recognised, listed, revoked."""

import hashlib
import hmac
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from infra import db, signals
from infra.clock import now
from infra.errors import BadInput, NotFound, Unauthenticated
from models import ApiKey
from schemas.api_key import SCOPES
from workers.paging import PageOf, Window, page

PREFIX = "sy_live_"
HINT_LENGTH = len(PREFIX) + 12
SECRET_BYTES = 24
TOUCH_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls: a key of a project, and what it may do."""

    id: UUID
    project_id: UUID
    scopes: frozenset[str]
    expires_at: datetime | None = None


def create_key(
    session: Session,
    *,
    project_id: UUID,
    name: str,
    scopes: Sequence[str] = SCOPES,
    created_by: UUID | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its secret, which is not stored."""
    secret = PREFIX + secrets.token_hex(6) + secrets.token_hex(SECRET_BYTES)
    key = ApiKey(
        project_id=project_id,
        created_by=created_by,
        name=name,
        hint=secret[:HINT_LENGTH],
        digest=_digest(secret),
        scopes=sorted(set(scopes)),
        expires_at=expires_at,
    )
    session.add(key)
    session.flush()
    return key, secret


def create_key_for(
    session: Session, maker: Principal, *, name: str, scopes: Sequence[str] | None, expires_at: datetime | None
) -> tuple[ApiKey, str]:
    """A new key in the maker's project that may do at most what the maker may."""
    wanted = frozenset(scopes or maker.scopes)
    if not wanted <= maker.scopes:
        missing = ", ".join(sorted(wanted - maker.scopes))
        raise BadInput(
            f"A key cannot give what it does not have: {missing}.",
            errors=[{"pointer": "/scopes", "detail": f"Your own key lacks {missing}."}],
        )
    return create_key(session, project_id=maker.project_id, name=name, scopes=sorted(wanted), expires_at=expires_at)


def authenticate(session: Session, secret: str) -> Principal:
    """Whose key this is; raises Unauthenticated without saying which part was wrong."""
    key = session.scalars(ApiKey.by_hint(secret[:HINT_LENGTH])).first()
    expected = key.digest if key is not None else b"\0" * 32
    matches = hmac.compare_digest(_digest(secret), expected)
    moment = now()
    if key is None or not matches or not key.usable_at(moment):
        raise Unauthenticated("This API key is not known, is revoked or has expired.")
    if key.last_used_at is None or key.last_used_at < moment - TOUCH_EVERY:
        _touch(session, key.id, moment)
    return Principal(key.id, key.project_id, frozenset(key.scopes), key.expires_at)


def usable_keys(session: Session, key_ids: Collection[UUID]) -> set[UUID]:
    """Those of the keys that are neither revoked nor expired at this moment."""
    moment = now()
    return {key.id for key in session.scalars(ApiKey.by_ids(key_ids)) if key.usable_at(moment)}


def list_keys(session: Session, project_id: UUID, window: Window) -> PageOf[ApiKey]:
    """The project's keys, revoked ones too."""
    return page(session, ApiKey.in_project(project_id), ApiKey, window)


def get_key(session: Session, project_id: UUID, key_id: UUID) -> ApiKey:
    """One key of the project; raises NotFound."""
    key = session.scalars(ApiKey.in_project(project_id).where(ApiKey.id == key_id)).first()
    if key is None:
        raise NotFound("There is no such API key.")
    return key


def revoke_key(session: Session, project_id: UUID, key_id: UUID) -> ApiKey:
    """Ends a key for good; revoking twice changes nothing."""
    key = get_key(session, project_id, key_id)
    key.revoked_at = key.revoked_at or now()
    session.flush()
    db.after_commit(session, lambda: signals.send(signals.KEYS_CHANGED))
    return key


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _touch(session: Session, key_id: UUID, moment: datetime) -> None:
    """Notes the use; whoever finds the row taken lets it be, so that requests never queue for it."""
    free = ApiKey.by_id(key_id).with_only_columns(ApiKey.id).with_for_update(skip_locked=True)
    session.execute(update(ApiKey).where(ApiKey.id.in_(free.scalar_subquery())).values(last_used_at=moment))
