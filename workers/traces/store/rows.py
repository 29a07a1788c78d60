"""Observations as rows of COPY's text format: one line each, columns apart by tabs, `\\N` for null."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from workers.traces.base import Derived, Said, Span
from workers.traces.mapping.aliases import MAPPING_VERSION

COLUMNS = (
    "project_id", "trace_id", "span_id", "digest", "started_at", "duration_us", "received_at", "parent_id", "kind",
    "span_kind", "status", "name", "status_message", "service", "operation", "provider", "model", "session_id",
    "user_id", "release", "environment", "input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens",
    "reasoning_tokens", "cost", "mapping_version", "resource", "attributes", "events", "links",
)  # fmt: skip
STATUSES = ("unset", "ok", "error")
NULL = "\\N"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SPECIAL = re.compile(r"[\\\t\n\r\0]")
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\ufffd"})
SECOND, MICROSECOND = 1_000_000_000, 1_000


class Texts(dict[str | None, str]):
    """Texts as COPY takes them; those of one request repeat each other."""

    def __missing__(self, text: str | None) -> str:
        found = NULL if text is None else text.translate(_ESCAPES) if _SPECIAL.search(text) else text
        self[text] = found
        return found


class Seconds(dict[int, str]):
    """Seconds since 1970 as PostgreSQL reads them, but for the fraction."""

    def __missing__(self, second: int) -> str:
        found = self[second] = f"{EPOCH + timedelta(seconds=second):%Y-%m-%d %H:%M:%S}"
        return found


def signed(id: bytes) -> int:
    """Eight bytes as the signed integer that a bigint is."""
    return int.from_bytes(id, "big", signed=True)


class Lines:
    """Writes the rows of one request."""

    def __init__(self, project_id: UUID, received_at: datetime) -> None:
        self._project, self._received = project_id.hex, received_at.isoformat()
        self._texts, self._seconds = Texts(), Seconds()

    def moment(self, nanoseconds: int) -> str:
        """A time, to the microsecond."""
        second, rest = divmod(nanoseconds, SECOND)
        return f"{self._seconds[second]}.{rest // MICROSECOND:06d}+00"

    def line(self, span: Span, derived: Derived, said: Said) -> str:
        """One row."""
        texts = self._texts
        tokens = _tokens(derived)
        return (
            f"{self._project}\t{span.trace_id.hex()}\t{signed(span.span_id)}\t{said.digest}\t{self.moment(span.start)}"
            f"\t{max(0, span.end - span.start) // MICROSECOND}\t{self._received}"
            f"\t{NULL if span.parent_id is None else signed(span.parent_id)}\t{derived.kind}\t{span.kind}"
            f"\t{STATUSES[span.status]}\t{texts[span.name]}\t{texts[span.status_message]}\t{texts[derived.service]}"
            f"\t{texts[derived.operation]}\t{texts[derived.provider]}\t{texts[derived.model]}"
            f"\t{texts[derived.session_id]}\t{texts[derived.user_id]}\t{texts[derived.release]}"
            f"\t{texts[derived.environment]}\t{tokens}\t{MAPPING_VERSION}\t{said.resource}"
            f"\t{_json(said.attributes)}\t{_json(said.events)}\t{_json(said.links)}\n"
        )


_NO_TOKENS = "\t".join([NULL] * 6)


def _tokens(derived: Derived) -> str:
    given: Sequence[object] = (
        derived.input_tokens,
        derived.output_tokens,
        derived.cached_tokens,
        derived.cache_write_tokens,
        derived.reasoning_tokens,
        derived.cost,
    )
    if given == (None, None, None, None, None, None):
        return _NO_TOKENS
    return "\t".join(NULL if one is None else str(one) for one in given)


def _json(text: str | None) -> str:
    """JSON has its own escapes for all but the backslash they begin with."""
    return NULL if text is None else text.replace("\\", "\\\\")
