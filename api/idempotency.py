"""Idempotency-Key: the same request again gets the first answer again, and creates nothing."""

import hashlib
import re
from collections.abc import Callable
from typing import Any

from flask import Response, request
from sqlalchemy.orm import Session

from infra.errors import BadInput
from workers import idempotency
from workers.identity.keys import Principal

WELL_FORMED = re.compile(r"[\x21-\x7e]{1,255}")


def answer_once(
    session: Session,
    principal: Principal,
    raw: bytes,
    answer: Callable[[], Any],
    *,
    dry: bool = False,
    has_secret: bool = False,
) -> Any:
    """The answer, made now, or for a POST with a key that was seen before: the one that was made then. A `dry` one
    stores nothing, so it neither uses the key up nor is kept; one that has a secret is kept sealed."""
    key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
    if key is None:
        return answer()
    if not WELL_FORMED.fullmatch(key):
        raise BadInput("Idempotency-Key must be 1 to 255 visible ASCII characters.")
    if dry:
        return answer()
    fingerprint = hashlib.sha256(b"\n".join([request.full_path.encode(), raw])).digest()
    asked = idempotency.Asked(principal.project_id, principal.id, key, fingerprint)
    found = idempotency.first_answer(session, asked)
    if found is not None:
        return _again(found)
    made = answer()
    if not isinstance(made, Response):  # made after the transaction, and asks again: nothing is created by it
        return made
    kept = idempotency.Kept(made.status_code, made.headers.get("Location"), made.get_data())
    idempotency.keep_answer(session, asked, kept, has_secret=has_secret)
    return made


def _again(found: idempotency.Kept) -> Response:
    response = Response(found.body, found.status, content_type="application/json")
    if found.location:
        response.headers["Location"] = found.location
    response.headers["Idempotent-Replayed"] = "true"
    return response
