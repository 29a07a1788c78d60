"""Submits the jobs of events that had to wait: for room in the queue, or for their hook to be resumed.

Hooks take turns, a portion each, so that one with thousands delays nobody; every portion is a short transaction of its
own. The hook is locked before its messages, as those do who resume or delete it.
"""

import time
from collections import deque
from uuid import UUID

from sqlalchemy import text

from infra import db
from infra.clock import now
from infra.errors import NotFound
from models import Hook, InboxMessage, InboxStatus
from workers.hooks import inbox, manage

SECONDS = 4.0
PORTION = 20

DUE_HOOKS = text("""
SELECT hook_id FROM inbox_messages WHERE status = 'received' AND retry_at <= now()
GROUP BY hook_id ORDER BY random()
""")


def sweep_inbox(seconds: float = SECONDS) -> int:
    """Tries again for about so long; returns how many messages became jobs or failed."""
    give_up_at = time.monotonic() + seconds
    with db.transaction() as session:
        hooks = deque(session.execute(DUE_HOOKS).scalars().all())
    settled = 0
    while hooks and time.monotonic() < give_up_at:
        hook_id = hooks.popleft()
        done = _portion(hook_id)
        settled += done
        if done == PORTION:
            hooks.append(hook_id)
    return settled


def _portion(hook_id: UUID) -> int:
    """The next of the hook's due messages, as far as they can be settled."""
    with db.transaction() as session:
        hook = session.scalars(Hook.addressed(hook_id, unchanged=True)).first()
        moment = now()
        messages = session.scalars(InboxMessage.due(hook_id, moment, PORTION)).all()
        if hook is not None and hook.paused_at is None:
            return inbox.attempt_all(session, hook, messages)
        for message in messages:
            message.retry_at = None
            if hook is None:
                message.status, message.error = InboxStatus.FAILED, NotFound(manage.DELETED).as_json()
                inbox.forget_event(message)  # how private it was, nobody knows any more
        return len(messages)
