"""The Celery app: one transaction a task, one log context a task, and the runner of the process.

`celery -A tasks.app worker`: with the threads pool the runner lives in the process itself, with prefork in each child.
"""

import sys
import time
from typing import Any

import structlog
from celery import Celery, Task, signals

from infra import db, logs
from infra.broker import RUN_JOBS, SteadyConnection
from infra.settings import settings
from workers.jobs.run import Runner

YIELD_SECONDS = 0.0003
_runners: list[Runner] = []


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
    _runners.append(Runner(list(app.amqp.queues.consume_from), capacity, in_child=in_child))
    _runners[0].start()


@signals.setup_logging.connect
def _logs(**_: Any) -> None:
    logs.setup()


@signals.worker_init.connect
def _start_in_process(sender: Any, **_: Any) -> None:
    if "prefork" not in str(sender.pool_cls):
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


def hint(*, in_child: bool) -> None:
    """There may be work. Of the two places that say so, only the one in the runner's process is heard."""
    for one in _runners:
        if one.in_child is in_child:
            one.hint()


@signals.worker_shutting_down.connect
def _take_no_more(**_: Any) -> None:
    for one in _runners:
        one.stop_claiming()


@signals.worker_shutdown.connect
@signals.worker_process_shutdown.connect
def _stop(**_: Any) -> None:
    while _runners:
        _runners.pop().stop(settings().worker_grace_seconds)
