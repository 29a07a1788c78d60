"""Who calls, and may they."""

from flask import request
from sqlalchemy.orm import Session

from api.limits import Verdict, limiter
from infra.errors import Forbidden, Unauthenticated
from infra.settings import settings
from workers.identity.keys import Principal, authenticate

KEY_LENGTH_AT_MOST = 200


def bearer() -> str | None:
    """The token of this request, if it has one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token or len(token) > KEY_LENGTH_AT_MOST or not token.isascii():
        return None
    return token.strip()


def identify(session: Session, scope: str) -> tuple[Principal, Verdict]:
    """The caller and what is left of their allowance; raises Unauthenticated, Forbidden or RateLimited."""
    token = bearer()
    try:
        if token is None:
            raise Unauthenticated
        principal = authenticate(session, token)
    except Unauthenticated:
        anonymous()
        raise
    verdict = limiter.take(f"key:{principal.id.hex}", settings().requests_per_minute)
    if scope not in principal.scopes:
        raise Forbidden(f"This key lacks the scope {scope}.")
    return principal, verdict


def anonymous() -> Verdict:
    """Counts a request without a valid token against its address."""
    return limiter.take(f"ip:{request.remote_addr}", settings().anonymous_requests_per_minute)
