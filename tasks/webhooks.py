"""Webhooks are due."""

from celery import Task
from sqlalchemy.orm import Session

from tasks.app import app, hint_sender
from workers.webhooks import deliveries, retention


@app.task(name="webhooks.send", base=Task)
def send_webhooks(queue: str, delivery_ids: list[str]) -> None:
    """A hint: these deliveries were written. The sender claims what their receivers' rates allow."""
    hint_sender(delivery_ids, in_child=True)


@app.task(name="webhooks.orphans")
def give_up_orphans(session: Session) -> int:
    """Deliveries that wait for endpoints that were deleted have failed."""
    return deliveries.give_up_orphans(session)


@app.task(name="webhooks.retention", base=Task)
def delete_old_deliveries() -> int:
    """Deliveries that ended 14 days ago go, those that could not leave for as long are given up."""
    return retention.sweep()
