"""Spans that have come: taken as they are, told what they mean, kept.

    ready = prepare(decoded.spans)                        # no transaction: this is where the time goes
    with db.transaction() as session:
        received = keep(session, project_id, ready)
    … and only after the commit: 200

A span may say up to 2 MiB in canonical JSON, and its resource 256 KiB; a larger one is rejected, the others of its
request are kept. The same spans again are kept once, so a sender may repeat what was not answered.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.orm import Session

from workers.traces.base import Derived, Span
from workers.traces.mapping.deriving import derive
from workers.traces.saying import Sayings
from workers.traces.store import store

LARGEST_SPAN = 2 * 1024 * 1024
# It is read again with each of its spans.
LARGEST_RESOURCE = 256 * 1024
TOO_LARGE = f"A span may say at most {LARGEST_SPAN // 1024**2} MiB, its attributes, events and links as JSON."
RESOURCE_TOO_LARGE = f"A resource may say at most {LARGEST_RESOURCE // 1024} KiB, as JSON."


@dataclass(frozen=True, slots=True)
class Received:
    """What became of the spans of one request: how many are kept (those that were there already included), how many
    were rejected, and why, each sentence once. `added` are those that were new."""

    accepted: int
    rejected: int
    reasons: list[str]
    added: int = 0


@dataclass(slots=True)
class Ready:
    """Spans with what was made of them; how many are too large and left out, and why."""

    spans: list[tuple[Span, Derived]] = field(default_factory=list)
    rejected: int = 0
    reasons: list[str] = field(default_factory=list)


def prepare(spans: Sequence[Span]) -> Ready:
    """Works out all that can be without a database."""
    ready, sayings = Ready(), Sayings()
    for span in spans:
        too_large = _too_large(span, sayings)
        if too_large is None:
            ready.spans.append((span, derive(span)))
            continue
        ready.rejected += 1
        if too_large not in ready.reasons:
            ready.reasons.append(too_large)
    return ready


def _too_large(span: Span, sayings: Sayings) -> str | None:
    _, size = sayings.resource(span.resource)
    if size > LARGEST_RESOURCE:
        return RESOURCE_TOO_LARGE
    said = sayings.say(span)
    texts = (span.name, span.status_message, said.attributes, said.events, said.links)
    return TOO_LARGE if sum(len(text) for text in texts if text) > LARGEST_SPAN else None


def keep(session: Session, project_id: UUID, ready: Ready) -> Received:
    """Writes them; they are kept when the session has committed."""
    added = store().write(session, project_id, ready.spans) if ready.spans else 0
    return Received(len(ready.spans), ready.rejected, ready.reasons, added)


def receive(session: Session, project_id: UUID, spans: Sequence[Span]) -> Received:
    """Both at once, for spans that were made here."""
    return keep(session, project_id, prepare(spans))
