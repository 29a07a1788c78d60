"""The inbox: an event is stored once, under its sender's id, and becomes a job in the same transaction.

What cannot become a job is stored as `failed`, with the reason: its sender could not repair it. What cannot yet, since
the queue is full or the hook paused, is stored as `received` and tried again (retrying.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from infra import ids
from infra.clock import now
from infra.errors import Conflict, NotFound, NotStored, QueueFull, SwitchyardError
from models import Hook, InboxMessage, InboxStatus, Store
from workers import projects
from workers.hooks import manage, reading, secrets, signatures, templates
from workers.hooks.signatures import Sent
from workers.hooks.templates import Event
from workers.jobs import privacy
from workers.jobs.submit import submit
from workers.paging import PageOf, Window, page

Json = dict[str, Any]

WAITING_AT_MOST = 10_000
RETRY_AFTER_SECONDS = 60.0
SOONEST, LATEST = timedelta(seconds=5), timedelta(minutes=5)
GIVE_UP_AFTER = timedelta(hours=24)
IGNORED = "ignored"

# How many wait: counted no further than to the bound.
WAITING = text("""
SELECT count(*) FROM (SELECT FROM inbox_messages WHERE hook_id = :hook_id AND status = 'received' LIMIT :bound) w
""")


@dataclass(frozen=True, slots=True)
class Received:
    """What became of an event: the message under its id, None if the hook does not want its type; `first` unless it
    came before."""

    message: InboxMessage | None
    first: bool = True


def authenticate(session: Session, hook_id: UUID, sent: Sent) -> Hook:
    """The hook, if its sender signed the request; raises NotFound, InvalidSignature or SignatureExpired."""
    hook = session.scalars(Hook.addressed(hook_id)).first()
    if hook is None:
        raise NotFound("There is no such hook.")
    moment = now()
    believed = secrets.believed(hook, moment)
    signatures.require_signature(hook.scheme, hook.scheme_options, believed, sent, moment)
    return hook


def receive(session: Session, hook: Hook, sent: Sent, *, request_id: str) -> Received:
    """Stores the event and submits its job; raises what a sender can repair or must try again later (BadInput,
    QueueFull), and then nothing is stored."""
    event = reading.read(hook, sent)
    if not reading.wanted(hook, event):
        return Received(None)
    message = _store(session, hook, event)
    if message is None:
        return Received(session.scalars(InboxMessage.first(hook.id, event.external_id)).one(), first=False)
    if hook.paused_at is not None and _is_paused(session, hook):
        message.retry_at = None
    else:
        attempt(session, hook, message, event, request_id=request_id)
    if message.status == InboxStatus.RECEIVED:
        _require_room(session, hook)
    session.flush()
    return Received(message)


def _store(session: Session, hook: Hook, event: Event) -> InboxMessage | None:
    """The new message; None if there is one of that id. Of two at a time, the second waits for the first's commit."""
    moment = now()
    values = {
        "id": ids.new_id(),
        "created_at": moment,
        "project_id": hook.project_id,
        "hook_id": hook.id,
        "external_id": event.external_id,
        "event_type": event.type,
        "body": event.body,
        "headers": dict(event.headers),
        "status": InboxStatus.RECEIVED,
        "retry_at": moment,
        "waiting_since": moment,
    }
    statement = insert(InboxMessage).values(values).on_conflict_do_nothing(index_elements=["hook_id", "external_id"])
    return session.scalars(statement.returning(InboxMessage)).first()


def _is_paused(session: Session, hook: Hook) -> bool:
    """Whether it still is, and stays so until this message is stored: who resumes it must find the message."""
    found = session.scalars(Hook.addressed(hook.id, unchanged=True)).first()
    if found is None:
        raise NotFound("There is no such hook.")
    return found.paused_at is not None


def _require_room(session: Session, hook: Hook) -> None:
    session.flush()
    waiting = session.execute(WAITING, {"hook_id": hook.id, "bound": WAITING_AT_MOST + 1}).scalar_one()
    if waiting > WAITING_AT_MOST:
        detail = f"{WAITING_AT_MOST} events of this hook wait to become jobs, which is the most."
        raise QueueFull(detail, retry_after=RETRY_AFTER_SECONDS)


def attempt(
    session: Session, hook: Hook, message: InboxMessage, event: Event, *, request_id: str | None = None
) -> None:
    """Submits the message's job, or writes down why it was refused."""
    try:
        payload = templates.render(hook.payload, event)
        wish = manage.wish_for(hook, labels=_labels(hook, message), request_id=request_id)
        job = submit(session, kind=hook.kind, payload=payload, project_id=hook.project_id, wish=wish)
    except SQLAlchemyError:
        raise
    except Exception as error:
        store = privacy.stricter(hook.options.get("store"), projects.policy(session, hook.project_id).store)
        _refused(message, _known(store, message, error), store)
        return
    message.status, message.job_id, message.error, message.retry_at = InboxStatus.SUBMITTED, job.id, None, None
    if job.store != Store.FULL:
        forget_event(message)


def forget_event(message: InboxMessage) -> None:
    """Takes the event out of the inbox; headers are null of such a message alone."""
    message.body = message.headers = None


def _labels(hook: Hook, message: InboxMessage) -> dict[str, str]:
    return {"hook_id": hook.public_id, "external_id": message.external_id}


def _known(store: str, message: InboxMessage, error: Exception) -> SwitchyardError:
    if isinstance(error, SwitchyardError):
        return error
    privacy.log_crash(store, error, inbox_message_id=message.public_id)
    return SwitchyardError("Something went wrong inside Switchyard; the message's id finds it in the logs.")


def _refused(message: InboxMessage, error: SwitchyardError, store: str) -> None:
    """Waits for another attempt, twice as long as it has waited, if one may help; gives up after a day. What would have
    been a private job's is not kept then, and its error quotes nothing of it."""
    moment = now()
    waited = moment - message.waiting_since
    quoted = error.errors if store == Store.FULL else []
    message.error = privacy.shown_error(store, error) | ({"errors": quoted} if quoted else {})
    if error.retryable and waited < GIVE_UP_AFTER:
        message.retry_at = moment + min(max(waited, SOONEST), LATEST)
    else:
        message.status, message.retry_at = InboxStatus.FAILED, None
        if store != Store.FULL:
            forget_event(message)


def stored_event(message: InboxMessage) -> Event:
    """The event as it was stored."""
    return Event(message.external_id, message.event_type, message.body, message.headers or {})


def list_messages(session: Session, project_id: UUID, hook_id: UUID, window: Window) -> PageOf[InboxMessage]:
    """The hook's messages, by the time they came; raises NotFound."""
    manage.get_hook(session, project_id, hook_id)
    query = InboxMessage.in_project(project_id).where(InboxMessage.hook_id == hook_id)
    return page(session, query, InboxMessage, window)


def get_message(session: Session, project_id: UUID, message_id: UUID, *, lock: bool = False) -> InboxMessage:
    """The project's message of that id, with its event; raises NotFound."""
    query = InboxMessage.whole(project_id, message_id)
    message = session.scalars(query.with_for_update() if lock else query).first()
    if message is None:
        raise NotFound("There is no such inbox message.")
    return message


def retry(session: Session, project_id: UUID, message_id: UUID, *, request_id: str) -> InboxMessage:
    """A failed message, tried again at once with its hook as it is now, paused or not; raises Conflict for others, and
    NotStored for one whose event was not kept."""
    message = get_message(session, project_id, message_id, lock=True)
    if message.status != InboxStatus.FAILED:
        raise Conflict(f"Only a failed message can be tried again, and this one is {message.status}.")
    hook = session.scalars(Hook.addressed(message.hook_id)).first()
    if hook is None:
        raise Conflict("The message's hook was deleted, so nobody knows what job to submit.")
    if message.headers is None:
        raise NotStored("The event of a private job is not kept when it has failed; have its sender send another.")
    message.status, message.waiting_since = InboxStatus.RECEIVED, now()
    attempt(session, hook, message, stored_event(message), request_id=request_id)
    session.flush()
    return message


def attempt_all(session: Session, hook: Hook, messages: Sequence[InboxMessage]) -> int:
    """Tries these in turn until one has to wait on, since the others would, too; returns how many were settled."""
    for settled, message in enumerate(messages):
        attempt(session, hook, message, stored_event(message))
        if message.status == InboxStatus.RECEIVED:
            return settled
    return len(messages)
