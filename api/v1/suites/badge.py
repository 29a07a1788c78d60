"""A suite's badge, for whoever has its token: no key is needed, so that a README can show it."""

import hmac
from hashlib import sha256
from uuid import UUID

from flask import Response, request

from api.auth import anonymous
from api.limits import limiter
from api.v1.suites.place import bp
from infra import db, ids
from infra.errors import MalformedId, NotFound
from infra.settings import settings
from models import Suite
from workers.suites import runs
from workers.suites.reports.badge import badge


@bp.get("/v1/suites/<suite_id>/badge.svg")
def get_badge(suite_id: str) -> Response:
    """A suite's badge: how its last run ended. The token is the suite's `badge_token`."""
    try:
        found = ids.parse(Suite.prefix, suite_id)
        if found is None:
            raise MalformedId(f"{suite_id!r} is not an id: it must be {Suite.prefix}_ and 32 lowercase hex digits.")
        picture = _picture(found, request.args.get("token", ""))
    except NotFound:
        anonymous()
        raise
    verdict = limiter.take(f"badge:{found.hex}", settings().requests_per_minute)
    response = Response(picture, content_type="image/svg+xml")
    response.set_etag(sha256(picture).hexdigest()[:32])
    response.headers["Cache-Control"] = "public, no-cache"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.make_conditional(request)
    verdict.stamp(response)
    return response


def _picture(suite_id: UUID, token: str) -> bytes:
    with db.transaction() as session:
        suite = session.scalars(Suite.badged(suite_id)).first()
        if suite is None or not hmac.compare_digest(suite.badge_token.encode(), token.encode(errors="replace")):
            raise NotFound("There is no such badge: the suite or its token is another one.")
        return badge(runs.last_decided(session, suite))
