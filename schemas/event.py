"""How an event looks outside: one envelope for JSON lists, SSE, and everything that follows."""

from datetime import datetime
from typing import Any
from uuid import UUID

from infra import ids, json
from infra.clock import rfc3339

DELTA = "job.delta"
BATCH_COMPLETED, BATCH_CANCELLED, BATCH_FAILED = "batch.completed", "batch.cancelled", "batch.failed"
FINAL_EVENTS = frozenset(
    {
        "job.succeeded", "job.failed", "job.cancelled", "job.expired",
        BATCH_COMPLETED, BATCH_CANCELLED, BATCH_FAILED,
    }
)  # fmt: skip


def envelope(
    *, id: UUID, type: str, created_at: datetime, project_id: UUID, sequence: int, data: dict[str, Any]
) -> dict[str, Any]:
    """`{"id": "evt_…", "type": …, "created_at": …, "project_id": …, "sequence": 7, "data": {…}}`."""
    return {
        "id": ids.show("evt", id),
        "type": type,
        "created_at": rfc3339(created_at),
        "project_id": ids.show("proj", project_id),
        "sequence": sequence,
        "data": data,
    }


def sse(event: dict[str, Any], id: str | None = None) -> bytes:
    """The envelope as one Server-Sent Event; its `id:` is what to resume after: its sequence number, or that."""
    head = f"id: {id or event['sequence']}\nevent: {event['type']}\ndata: "
    return head.encode() + json.dump_bytes(event) + b"\n\n"
