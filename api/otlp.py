"""The door for traces: OTLP over HTTP, as stock OpenTelemetry exporters speak it.

A request is answered with 200 when its spans are in durable storage. Who sends is known before the body is read; the
body is read and taken apart before a transaction is open. An exporter repeats what was answered with 429 or 503, after
the time in Retry-After, and throws away what was refused otherwise.
"""

import base64
import binascii
import os
import threading
from uuid import UUID

from flask import Blueprint, Response, request
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from api.auth import anonymous, bearer, identify_token
from api.body import read_raw
from api.flow import Held, Room, flow
from api.limits import Verdict
from infra import db, json
from infra.errors import Unauthenticated, UnsupportedMediaType
from infra.settings import settings
from workers.providers import prices
from workers.traces import receiving
from workers.traces.decoding import json_form, protobuf
from workers.traces.decoding.inflating import inflate

BYTES_AT_MOST = 16 * 1024 * 1024
INFLATED_AT_MOST = 32 * 1024 * 1024
HELD_AT_MOST = 64 * 1024 * 1024
SECONDS_AT_MOST = 30.0
PROTOBUF, JSON = "application/x-protobuf", "application/json"
FORMS = {PROTOBUF: protobuf.decode, JSON: json_form.decode}

bp = Blueprint("otlp", __name__)
room = Room(HELD_AT_MOST)
# Threads that compute at once only take the interpreter from each other, and a body that is taken apart may be many
# times as large.
turn = threading.Lock()
# Spans are priced, in each process of the server; it forks them when all is imported.
os.register_at_fork(before=prices.load)


@bp.post("/otlp/v1/traces")
def receive_spans() -> Response:
    """Receives spans, as OpenTelemetry's exporters send them.

    Set an exporter's endpoint to `/otlp` (for all signals) or `/otlp/v1/traces`, and its headers to
    `Authorization=Bearer sy_live_…`; `x-api-key`, and Basic with the key as password, do as well. The body is an
    ExportTraceServiceRequest in protobuf or JSON, plain or compressed by gzip or deflate: at most 16 MiB as sent,
    32 MiB inflated, 50,000 spans. The answer comes in the same form when the spans are stored; spans that came before
    are not stored twice. `partial_success` counts those that cannot be kept, and says why: send those no more.
    """
    project_id, verdict = _sender()
    decode = FORMS.get(request.mimetype)
    if decode is None:
        raise UnsupportedMediaType(f"Send OTLP, with Content-Type {PROTOBUF} or {JSON}.")
    with room.hold(min(request.content_length or 0, BYTES_AT_MOST)) as held:
        body = _body(held)
        with turn:
            decoded = decode(body)
        flow.take(project_id.hex, len(decoded.spans), settings().spans_per_minute)
        with turn:
            ready = receiving.prepare(decoded.spans)
        with db.transaction() as session:
            received = receiving.keep(session, project_id, ready)
    response = _answer(decoded.rejected + received.rejected, [*decoded.reasons, *received.reasons])
    verdict.stamp(response)
    return response


def _sender() -> tuple[UUID, Verdict]:
    """Whose spans come; raises what `identify_token` does, and RateLimited where more than enough has come already."""
    token = _token()
    if token is None:
        anonymous()
        raise Unauthenticated
    with db.transaction() as session:
        principal, verdict = identify_token(session, token, "traces:write", request.remote_addr)
    flow.refuse_if_full(principal.project_id.hex, settings().spans_per_minute)
    return principal.project_id, verdict


def _token() -> str | None:
    """The key: as Bearer, in x-api-key, or in Basic, where other products have a public and a secret one."""
    header = request.headers.get("Authorization", "")
    scheme, _, given = header.partition(" ")
    if scheme.lower() == "basic":
        return bearer(f"Bearer {_of_basic(given)}")
    return bearer(header or f"Bearer {request.headers.get('x-api-key', '')}")


def _of_basic(given: str) -> str:
    try:
        user, _, password = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return ""
    return password or user


def _body(held: Held) -> bytes:
    """The request's bytes, inflated."""
    raw = read_raw(at_most=BYTES_AT_MOST, in_all=SECONDS_AT_MOST)
    held.more(max(0, len(raw) - held.size))
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    return inflate(raw, encoding, at_most=INFLATED_AT_MOST, more=held.more)


def _answer(rejected: int, reasons: list[str]) -> Response:
    """An ExportTraceServiceResponse in the request's own form."""
    message = " ".join(reasons)
    if request.mimetype == JSON:
        # Protobuf's JSON has 64-bit integers as text.
        partial = {"partialSuccess": {"rejectedSpans": str(rejected), "errorMessage": message}} if rejected else {}
        return Response(json.dump_bytes(partial), content_type=JSON)
    said = ExportTraceServiceResponse()
    if rejected:
        said.partial_success.rejected_spans, said.partial_success.error_message = rejected, message
    return Response(said.SerializeToString(), content_type=PROTOBUF)
