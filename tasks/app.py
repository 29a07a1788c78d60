"""The Celery app: one transaction a task, one log context a task, and the runner and the sender of the process.

`celery -A tasks.app worker`: with the threads pool they live in the process itself, with prefork in each child. There
is a sender where the queue of webhooks is consumed.
"""

import sys
import time
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import structlog
from celery import Celery, Task, signals

from infra import db, logs
from infra.broker import RUN_JOBS, SEND_WEBHOOKS, WEBHOOKS, SteadyConnection
from infra.settings import settings
from workers.jobs.run import Runner
from workers.webhooks.sending import Sender

YIELD_SECONDS = 0.0003
_runners: list[Runner] = []
_senders: list[Sender] = []


class TransactionTask(Task):  # type: ignore[misc]
    """A task whose body is one unit of work: it gets the session as its first argument."""

    abstract = True
    # The session is ours to give, so callers' arguments are not the function's.
    typing = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        structlog.contextvars.bind_contextvars(task=self.name, task_id=self.request.id)
        try:
            with db.transaction() as session:
                return self.run(session, *args, **kwargs)
        finally:
            structlog.contextvars.clear_contextvars()


app = Celery("switchyard", task_cls=TransactionTask)
app.config_from_object("celeryconfig")
app.amqp.Connection = SteadyConnection


def _start(capacity: int, *, in_child: bool) -> None:
    # The committer must not wait 5 ms (Python's default) for the thread that brought the hint to let it run: 3 ms less
    # from submit to start.
    sys.setswitchinterval(0.0005)
    queues = list(app.amqp.queues.consume_from)
    _runners.append(Runner(queues, capacity, in_child=in_child))
    _runners[0].start()
    if WEBHOOKS in queues:
        _senders.append(Sender(in_child=in_child))
        _senders[0].start()


@signals.setup_logging.connect
def _logs(**_: Any) -> None:
    logs.setup()


# Not at worker_init: after that Celery still writes variables of the environment, and a thread that reads one in that
# moment, as PostgreSQL's library does, ends the process with a segmentation fault.
@signals.celeryd_after_setup.connect
def _start_in_process(instance: Any, **_: Any) -> None:
    if "prefork" not in str(instance.pool_cls):
        _start(settings().worker_capacity, in_child=False)


@signals.worker_process_init.connect
def _start_in_child(**_: Any) -> None:
    _start(1, in_child=True)


@signals.task_received.connect
def _hint_at_once(request: Any, **_: Any) -> None:
    """A hint counts when it arrives, a millisecond before a thread of the pool runs its task."""
    if request.name == RUN_JOBS:
        hint(in_child=False)
        # Lets the runner begin while Celery goes on with the message.
        time.sleep(YIELD_SECONDS)
    elif request.name == SEND_WEBHOOKS:
        hint_sender(request.args[1], in_child=False)
        time.sleep(YIELD_SECONDS)


def hint(*, in_child: bool) -> None:
    """There may be work. Of the two places that say so, only the one in the runner's process is heard."""
    for one in _runners:
        if one.in_child is in_child:
            one.hint()


def hint_sender(delivery_ids: Iterable[str], *, in_child: bool) -> None:
    """These deliveries may be due. It is heard as the other is."""
    for one in _senders:
        if one.in_child is in_child:
            one.hint([UUID(delivery_id) for delivery_id in delivery_ids])


@signals.worker_shutting_down.connect
def _take_no_more(**_: Any) -> None:
    for runner in _runners:
        runner.stop_claiming()
    for sender in _senders:
        sender.stop_claiming()


@signals.worker_shutdown.connect
@signals.worker_process_shutdown.connect
def _stop(**_: Any) -> None:
    until = time.monotonic() + settings().worker_grace_seconds
    while _runners:
        _runners.pop().stop(settings().worker_grace_seconds)
    while _senders:
        # What has left meanwhile has had the same time; at the very least what was just answered is written.
        _senders.pop().stop(max(0.1, until - time.monotonic()))
