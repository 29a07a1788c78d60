"""What a span says, in a canonical form: what stores keep of it, and the digest that tells two spans of one id apart.

The form is JSON with sorted keys, so it does not matter in which form of OTLP a span came, nor in which order it named
its attributes. A digest is 64 bits of BLAKE2b, signed as PostgreSQL's bigint is. It is only compared among spans of the
same ids, where it would take billions of them for two to agree by chance.
"""

import hashlib
from typing import Any

from infra import json
from workers.traces.base import Json, Said, Span

DIGEST_BYTES = 8
MICROSECOND = 1_000


def digest_of(text: bytes) -> int:
    """64 bits of it."""
    return int.from_bytes(hashlib.blake2b(text, digest_size=DIGEST_BYTES).digest(), "big", signed=True)


class Sayings:
    """Says the spans of one request; what they share is worked out once."""

    def __init__(self) -> None:
        self._resources: dict[int, tuple[int, int]] = {}

    def resource(self, resource: Json) -> tuple[int, int]:
        """A resource's digest, and how long it is. Known by where it is in memory, so the spans must stay there
        meanwhile."""
        found = self._resources.get(id(resource))
        if found is None:
            text = _canonical(resource)
            found = self._resources[id(resource)] = digest_of(text), len(text)
        return found

    def say(self, span: Span) -> Said:
        """What the span says; kept with it."""
        if span.said is None:
            resource, _ = self.resource(span.resource)
            attributes = _canonical(span.attributes)
            events = _canonical(span.events) if span.events else None
            links = _canonical(span.links) if span.links else None
            rest = _canonical(
                [
                    span.name,
                    span.kind,
                    # As stores keep them, so that what is exported and sent again is the same.
                    span.start // MICROSECOND,
                    max(0, span.end - span.start) // MICROSECOND,
                    span.status,
                    span.status_message,
                    span.parent_id.hex() if span.parent_id else None,
                    resource,
                ]
            )
            digest = digest_of(b"\n".join((rest, attributes, events or b"", links or b"")))
            span.said = Said(attributes.decode(), _text(events), _text(links), resource, digest)
        return span.said


def said_resource(resource: Json) -> str:
    """A resource as stores keep it."""
    return _canonical(resource).decode()


def _text(canonical: bytes | None) -> str | None:
    return canonical.decode() if canonical is not None else None


def _canonical(value: Any) -> bytes:
    """PostgreSQL's JSON has no U+0000; what has one is said with U+FFFD, as it will be read."""
    text = json.dump_canonical(value)
    return json.dump_canonical(json.loads(json.quote_nul(text.decode()))) if b"\\u0000" in text else text
