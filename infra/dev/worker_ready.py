"""Included by the Celery workers of `make up`: says "ready" by a file, which is cheaper than an `inspect ping`."""

from typing import Any

from celery.signals import worker_ready

from infra.settings import settings


def say_ready(sender: Any, **_: Any) -> None:
    """`sender` is the worker's consumer; its host name is `<name>@<machine>`."""
    (settings().data / "run" / f"{sender.hostname.partition('@')[0]}.ready").touch()


worker_ready.connect(say_ready, weak=False)
