"""Structured logs: one JSON object a line on standard error, with the request and job they belong to."""

import logging
import sys
from typing import Any

import structlog

from infra import json
from infra.settings import settings


def _render(_logger: Any, _name: str, event: dict[str, Any]) -> str:
    return json.dumps(event)


def _shared() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]


def setup() -> None:
    """Sends structlog's and the standard library's records through one pipeline."""
    level = logging.getLevelNamesMapping()[settings().log_level]
    render: Any = _render if settings().log_format == "json" else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[*_shared(), render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_shared(), structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in (
        "openai",
        "anthropic",
        "httpx",
        "httpx2",
        "httpcore",
        "celery.worker.strategy",
        "celery.app.trace",
        "kombu",
    ):
        logging.getLogger(noisy).setLevel(max(level, logging.WARNING))
