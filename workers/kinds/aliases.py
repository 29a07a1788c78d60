"""Second names of a job's events, in the words of its domain: `kb:upload-openapi:complete`."""

from collections.abc import Mapping

from workers.kinds import BY_NAME
from workers.kinds.base import Kind

WORDS = {
    "job.scheduled": "scheduled",
    "job.queued": "queued",
    "job.started": "start",
    "job.progress": "progress",
    "job.delta": "delta",
    "job.retrying": "retry",
    "job.succeeded": "complete",
    "job.failed": "error",
    "job.cancelled": "cancelled",
    "job.expired": "expired",
}


def alias(kind: str | None, event_type: str, kinds: Mapping[str, Kind] = BY_NAME) -> str | None:
    """The second name of such an event of a job of that kind; None where it has none."""
    word = WORDS.get(event_type)
    if kind is None or word is None:
        return None
    known = kinds.get(kind)
    topic = (known and known.alias) or kind.replace(".", ":")
    return f"{topic}:{word}"
