"""Who calls, and may they."""

import hashlib
import time
from collections.abc import Callable

from flask import request
from sqlalchemy.orm import Session

from api.hub import hub
from api.limits import Verdict, limiter
from infra import signals
from infra.clock import now
from infra.errors import Forbidden, Unauthenticated
from infra.process import PerProcess
from infra.settings import settings
from workers.identity.keys import Principal, authenticate

KEY_LENGTH_AT_MOST = 200
KNOWN_SECONDS = 5.0
KNOWN_AT_MOST = 10_000


class KnownKeys:
    """Keys seen within the last seconds, so that a busy key costs no query. A revocation empties it everywhere at once
    over Redis; while Redis is away nothing is kept."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[float, Principal]] = {}
        self._changes = 0
        hub().on_signal(signals.KEYS_CHANGED, self._forget)

    def _forget(self) -> None:
        self._changes += 1
        self._known.clear()

    def find(self, token: str) -> Principal | None:
        """Whose key this is, if that is known and still true."""
        until, principal = self._known.get(_digest(token), (0.0, None))
        if principal is None or time.monotonic() > until or not hub().connected:
            return None
        return principal if principal.expires_at is None or principal.expires_at > now() else None

    def learn(self, token: str, ask: Callable[[], Principal]) -> Principal:
        """Asks whose key it is, and remembers it for a few seconds unless a key was revoked meanwhile."""
        changes = self._changes
        principal = ask()
        if len(self._known) >= KNOWN_AT_MOST:
            self._known.clear()
        if changes == self._changes:
            self._known[_digest(token)] = (time.monotonic() + KNOWN_SECONDS, principal)
        return principal


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


known_keys = PerProcess(KnownKeys)


def bearer(header: str) -> str | None:
    """The token in an Authorization header, if it has one."""
    scheme, _, token = header.partition(" ")
    plain = token.isascii() and token.isprintable()
    return token.strip() if scheme.lower() == "bearer" and plain and 0 < len(token) <= KEY_LENGTH_AT_MOST else None


def identify(session: Session, scope: str) -> tuple[Principal, Verdict]:
    """The caller and what is left of their allowance; raises Unauthenticated, Forbidden or RateLimited."""
    return identify_token(session, _token(), scope, request.remote_addr)


def identify_token(session: Session, token: str | None, scope: str, address: str | None) -> tuple[Principal, Verdict]:
    """The same for a token that came some other way, from that address."""
    try:
        if token is None:
            raise Unauthenticated
        principal = known_keys().find(token) or known_keys().learn(token, lambda: authenticate(session, token))
    except Unauthenticated:
        _count_address(address)
        raise
    verdict = count(principal)
    if scope not in principal.scopes:
        raise Forbidden(f"This key lacks the scope {scope}.")
    return principal, verdict


def count(principal: Principal) -> Verdict:
    """Counts something that a known caller asks for; raises RateLimited."""
    return limiter.take(f"key:{principal.id.hex}", settings().requests_per_minute)


def require_token() -> None:
    """Raises Unauthenticated for a request without a token, before anything of its body is read."""
    if _token() is None:
        anonymous()
        raise Unauthenticated


def anonymous() -> Verdict:
    """Counts a request without a valid token against its address."""
    return _count_address(request.remote_addr)


def _count_address(address: str | None) -> Verdict:
    return limiter.take(f"ip:{address}", settings().anonymous_requests_per_minute)


def _token() -> str | None:
    return bearer(request.headers.get("Authorization", ""))
