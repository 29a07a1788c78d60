"""The endpoint behind every `callback_url` of a project: each delivery has its own address, and the secret is one."""

from functools import partial
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from infra import db, ids
from infra.clock import now
from infra.errors import EncryptionNotConfigured
from infra.settings import settings
from infra.targets import check_url
from models import Payload, WebhookEndpoint
from workers.webhooks import secrets

PER_SECOND = 100
# Projects that have theirs for certain; it is never deleted.
_known: set[UUID] = set()


def check(url: str) -> None:
    """Raises TargetRefused with a pointer, or EncryptionNotConfigured, where no delivery could go there."""
    check_url(url, "/callback_url")
    if not settings().encryption_keys:
        raise EncryptionNotConfigured


def expect(session: Session, project_id: UUID) -> None:
    """Has the project's endpoint there before an event wants it; asks nobody where that is known."""
    if project_id in _known:
        return
    endpoint, is_new = callback_endpoint(session, project_id)
    # One that was made just now may go with a savepoint, and nobody would look again.
    if not is_new:
        db.after_commit(session, partial(_known.add, endpoint.project_id))


def callback_endpoint(session: Session, project_id: UUID) -> tuple[WebhookEndpoint, bool]:
    """The project's callback endpoint, and whether it was made for this; raises EncryptionNotConfigured."""
    mine = WebhookEndpoint.in_project(project_id).where(WebhookEndpoint.url.is_(None))
    found = session.scalars(mine).first()
    if found is not None:
        return found, False
    endpoint_id = ids.new_id()
    made = insert(WebhookEndpoint).values(
        id=endpoint_id,
        created_at=now(),
        project_id=project_id,
        event_types=[],
        payload=Payload.THIN,
        secret=secrets.seal_secret(endpoint_id, secrets.new_secret()),
        rate_per_second=PER_SECOND,
        tokens=0.0,
        event_sequence=0,
    )
    # Two at the same moment make one.
    session.execute(
        made.on_conflict_do_nothing(index_elements=["project_id"], index_where=WebhookEndpoint.url.is_(None))
    )
    return session.scalars(mine).one(), True
