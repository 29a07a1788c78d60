"""The door for outside events: no key, the signature says who it is. What is asked of hooks otherwise: api/v1/hooks.py.

Whatever is refused counts against the sender's address. A good signature counts against its hook alone: one who makes
GitHub send nonsense from GitHub's addresses must not keep out what others have it send.
"""

from http import HTTPStatus

from flask import Blueprint, Response, g, request

from api.auth import anonymous
from api.body import read_raw
from api.limits import limiter
from infra import db, ids, json
from infra.errors import InvalidSignature, MalformedId, NotFound
from infra.settings import settings
from models import Hook
from schemas.inbox_message import received_view
from workers.hooks import inbox
from workers.hooks.signatures import Sent

BYTES_AT_MOST = 1024 * 1024
SECONDS_AT_MOST = 20.0

bp = Blueprint("receiving", __name__)


@bp.post("/v1/hooks/<hook_id>")
def receive_event(hook_id: str) -> Response:
    """Receives an event from outside, signed as its hook wants it, and starts a job.

    The answer comes when both are stored. An event of an id that came before is answered with what became of it (200),
    and one of a type that the hook ignores with `ignored` (200).
    """
    try:
        found = ids.parse(Hook.prefix, hook_id)
        if found is None:
            raise MalformedId(f"{hook_id!r} is not an id: it must be {Hook.prefix}_ and 32 lowercase hex digits.")
        raw = read_raw(at_most=BYTES_AT_MOST, in_all=SECONDS_AT_MOST)
        sent = Sent(raw, {name.lower(): value for name, value in request.headers}, request.mimetype)
        with db.transaction() as session:
            hook = inbox.authenticate(session, found, sent)
            verdict = limiter.take(f"hook:{hook.id.hex}", settings().requests_per_minute)
            received = inbox.receive(session, hook, sent, request_id=g.request_id)
    except (InvalidSignature, NotFound):
        anonymous()
        raise
    new = received.message is not None and received.first
    status = HTTPStatus.ACCEPTED if new else HTTPStatus.OK
    response = Response(json.dump_bytes(received_view(received.message)), status, content_type="application/json")
    verdict.stamp(response)
    return response
