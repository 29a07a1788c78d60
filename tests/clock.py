"""Beat in a hurry, for tests that would mostly wait for its next second. That all goes by itself is seen where nobody
hurries it: in the journeys and under attack."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from celery import Celery

from infra.dev.system import System

TICK_SECONDS = 0.1


@contextmanager
def hurried(system: System, *tasks: str) -> Iterator[None]:
    """These tasks of beat's are sent ten times a second."""
    over = threading.Event()

    def tick() -> None:
        with Celery(broker=system.broker_url, set_as_current=False) as celery:
            while not over.wait(TICK_SECONDS):
                for task in tasks:
                    celery.send_task(task, queue="default", expires=5)

    ticking = threading.Thread(target=tick)
    ticking.start()
    try:
        yield
    finally:
        over.set()
        ticking.join()
