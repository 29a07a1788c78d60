"""Idempotency-Key: the same request again gets the first answer again, and creates nothing.

The answer is written in the request's own transaction, so it exists if and only if what it tells of does. A request
with a key that another request holds at this moment is told so at once (an advisory lock, freed with the transaction).
"""

import hashlib
import re

from flask import Response, request
from sqlalchemy import text
from sqlalchemy.orm import Session

from infra.clock import now
from infra.errors import BadInput, IdempotencyKeyInUse, IdempotencyKeyReused
from models import IdempotencyKey
from workers.identity.keys import Principal

WELL_FORMED = re.compile(r"[\x21-\x7e]{1,255}")
LOCK = text("SELECT pg_try_advisory_xact_lock(:lock)")


class Repeat:
    """One request's dealings with its key; `answer` is the first answer, if there was one."""

    def __init__(self, answer: Response | None = None, row: IdempotencyKey | None = None) -> None:
        self.answer = answer
        self._row = row
        self._session: Session | None = None

    def remember(self, response: Response) -> Response:
        """Keeps the answer for the next 24 hours, if the request has a key."""
        if self._row is not None and self._session is not None:
            self._row.status = response.status_code
            self._row.location = response.headers.get("Location")
            self._row.body = response.get_data()
            self._session.add(self._row)
            self._session.flush()
        return response


def begin(session: Session, principal: Principal, raw: bytes) -> Repeat:
    """Looks the request's key up; raises IdempotencyKeyReused or IdempotencyKeyInUse."""
    key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
    if key is None:
        return Repeat()
    if not WELL_FORMED.fullmatch(key):
        raise BadInput("Idempotency-Key must be 1 to 255 visible ASCII characters.")
    _take_turn(session, principal, key)
    fingerprint = hashlib.sha256(b"\n".join([request.method.encode(), request.full_path.encode(), raw])).digest()
    found = session.scalars(
        IdempotencyKey.in_project(principal.project_id).where(
            IdempotencyKey.principal_id == principal.id, IdempotencyKey.key == key
        )
    ).first()
    if found is None:
        return _first(session, principal, key, fingerprint)
    if found.fingerprint != fingerprint:
        raise IdempotencyKeyReused
    return Repeat(_again(found))


def _take_turn(session: Session, principal: Principal, key: str) -> None:
    digest = hashlib.sha256(principal.id.bytes + key.encode()).digest()
    if not session.execute(LOCK, {"lock": int.from_bytes(digest[:8], signed=True)}).scalar_one():
        raise IdempotencyKeyInUse


def _first(session: Session, principal: Principal, key: str, fingerprint: bytes) -> Repeat:
    row = IdempotencyKey(
        principal_id=principal.id,
        key=key,
        project_id=principal.project_id,
        fingerprint=fingerprint,
        created_at=now(),
    )
    repeat = Repeat(row=row)
    repeat._session = session
    return repeat


def _again(found: IdempotencyKey) -> Response:
    response = Response(found.body, found.status, content_type="application/json")
    if found.location:
        response.headers["Location"] = found.location
    response.headers["Idempotent-Replayed"] = "true"
    return response
