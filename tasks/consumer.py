"""The worker's consumer of messages: Celery's own, less two habits that do not suit our queues."""

from collections.abc import Callable
from typing import Any

from celery.worker import consumer


class Consumer(consumer.Consumer):  # type: ignore[misc]
    """Celery's own, which gives nothing back and declares nothing for delays."""

    class Blueprint(consumer.Consumer.Blueprint):  # type: ignore[misc]
        """Its steps, less delayed delivery: with quorum queues that declares 28 more, for countdowns we do not use."""

        default_steps = tuple(
            step for step in consumer.Consumer.Blueprint.default_steps if "delayed_delivery" not in step
        )

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], None]:
        """Messages come without acknowledgement, so none can be acknowledged or rejected. RabbitMQ would close the
        channel over it, and the worker would end because of a task that only another version knows; with Redis it would
        end because of a message that came before the broker's restart."""
        handle = super().create_task_handler(*args, **kwargs)

        def handle_taken(message: Any) -> None:
            message.ack = message.ack_log_error = message.reject = message.reject_log_error = _taken_already
            handle(message)

        return handle_taken


def _taken_already(*_: Any, **__: Any) -> None:
    """In the place of the message's own."""
