"""A job of ours as a trace, in the words of OpenTelemetry's GenAI conventions.

The root is the job; below it stands each attempt, and below each attempt its calls of providers. All of it comes from
what is kept of the job, so the same job gives the same spans, whoever writes them how often. When exactly a call began
is not kept: calls stand one after the other, with their real lengths, within their attempt. What was said is in the
spans of jobs that are kept in full, and of no others; the last call of a completion carries it.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import blake2b
from typing import Any
from uuid import UUID

from infra import ids, json
from infra.version import version
from models import JobStatus, Store
from workers.traces.base import CLIENT, INTERNAL, Span
from workers.traces.mapping.providers import normalised

Json = dict[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")
_OK, _ERROR = 1, 2
_ATTEMPTS_AT_MOST = 200
_CALLS_AT_MOST = 2_000
# Of an input or a result; a span may say two megabytes in all.
_LARGEST = 256 * 1024
_PARAMETERS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "max_tokens": "max_tokens",
    "seed": "seed",
    "stop": "stop_sequences",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "reasoning_effort": "reasoning.level",
}
_ENDS = frozenset(("job.succeeded", "job.failed", "job.cancelled", "job.expired", "job.retrying", "job.queued"))


@cache
def _sender() -> Json:
    return {"service.name": "switchyard", "service.version": version(), "otel.scope.name": "switchyard.jobs"}


def parent_of(traceparent: str | None) -> tuple[bytes, bytes] | None:
    """Trace and span of a W3C `traceparent`; None where it is none, so that the job begins a trace of its own."""
    found = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    return (bytes.fromhex(found[1]), bytes.fromhex(found[2])) if found else None


def spans_of(job: Any, events: Sequence[Any], calls: Sequence[Any]) -> list[Span]:
    """The spans of an ended job; `job` is its row, `events` are its durable events and `calls` its rows of usage, each
    in their order."""
    trace_id, above = parent_of(job.traceparent) or (job.id.bytes, None)
    root = _span(job, trace_id, above, "job", f"job {job.kind}", job.created_at, job.finished_at)
    root.attributes = _of_job(job)
    root.status = _ERROR if job.status == JobStatus.FAILED else _OK if job.status == JobStatus.SUCCEEDED else 0
    root.status_message = _message(job.error) if root.status == _ERROR else None
    made = [root]
    for number, begun, ended, error in _attempts(job, events):
        attempt = _span(job, trace_id, root.span_id, f"attempt {number}", f"attempt {number}", begun, ended)
        attempt.attributes = {"switchyard.job.attempt": number, **_error_code(error)}
        attempt.status, attempt.status_message = (_ERROR, _message(error)) if error else (0, None)
        made.append(attempt)
        made += _calls(job, attempt, [call for call in calls if call.attempt == number][:_CALLS_AT_MOST])
    _say(job, made)
    return made


def _span(
    job: Any, trace_id: bytes, parent: bytes | None, key: str, name: str, begun: datetime, ended: datetime
) -> Span:
    start = _nanoseconds(begun)
    return Span(
        trace_id=trace_id,
        span_id=_id(job.id, key),
        parent_id=parent,
        name=name,
        kind=INTERNAL,
        start=start,
        end=max(start, _nanoseconds(ended)),
        status=0,
        status_message=None,
        attributes={},
        events=[],
        links=[],
        resource=_sender(),
    )


def _id(job_id: UUID, key: str) -> bytes:
    return blake2b(key.encode(), digest_size=8, key=job_id.bytes).digest()


def _nanoseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def _of_job(job: Any) -> Json:
    said = {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.workflow.name": job.kind,
        "switchyard.job.id": ids.show("job", job.id),
        "switchyard.job.kind": job.kind,
        "switchyard.job.status": job.status,
        "switchyard.job.attempts": job.attempt,
        "switchyard.request.id": job.request_id,
        "session.id": job.labels.get("session_id"),
        "user.id": job.labels.get("user_id"),
        **{f"switchyard.job.metadata.{name}": value for name, value in job.labels.items()},
        **_error_code(job.error),
    }
    return {name: value for name, value in said.items() if value is not None}


def _error_code(error: Json | None) -> Json:
    code = (error or {}).get("code")
    return {"error.type": code} if isinstance(code, str) else {}


def _message(error: Json | None) -> str | None:
    """In the words that the job shows: of one that is not kept in full general ones."""
    said = (error or {}).get("message")
    return said[:1000] if isinstance(said, str) else None


def _attempts(job: Any, events: Sequence[Any]) -> list[tuple[int, datetime, datetime, Json | None]]:
    """Number, begin, end and error of each attempt."""
    found: list[tuple[int, datetime, datetime, Json | None]] = []
    begun: tuple[int, datetime] | None = None
    for event in events:
        if event.type == "job.started":
            begun = (event.data.get("attempt") or len(found) + 1, event.created_at)
        elif event.type in _ENDS and begun is not None:
            error = event.data.get("error")
            found.append((*begun, event.created_at, error if isinstance(error, dict) else None))
            begun = None
    if begun is not None:
        found.append((*begun, job.finished_at, job.error))
    return found[-_ATTEMPTS_AT_MOST:]


def _calls(job: Any, attempt: Span, calls: Sequence[Any]) -> list[Span]:
    made: list[Span] = []
    cursor = attempt.start
    for call in calls:
        length = call.latency_ms * 1_000_000
        start = max(attempt.start, min(cursor, attempt.end - length))
        cursor = start + length
        provider, model = normalised(call.provider, call.model)
        operation = "embeddings" if not call.output_tokens and "embed" in call.model.lower() else "chat"
        span = _span(
            job,
            attempt.trace_id,
            attempt.span_id,
            f"{attempt.name} call {call.call}",
            f"{operation} {model}",
            job.created_at,
            job.created_at,
        )
        span.kind, span.start, span.end = CLIENT, start, cursor
        span.attributes = _of_call(call, operation, provider)
        made.append(span)
    return made


def _of_call(call: Any, operation: str, provider: str | None) -> Json:
    said = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": call.model,
        "gen_ai.response.model": call.model,
        "gen_ai.response.id": call.provider_request_id,
        "gen_ai.usage.input_tokens": call.input_tokens,
        "gen_ai.usage.output_tokens": call.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": call.cached_tokens or None,
        "gen_ai.usage.reasoning.output_tokens": call.reasoning_tokens or None,
        "gen_ai.usage.cost": None if call.cost_usd is None else float(call.cost_usd),
        "gen_ai.response.time_to_first_chunk": None if call.first_token_ms is None else call.first_token_ms / 1000,
        "switchyard.usage.estimated": call.estimated or None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _say(job: Any, made: list[Span]) -> None:
    """Adds what was asked and answered, where the job is kept in full."""
    result = job.result if isinstance(job.result, dict) else {}
    root = made[0]
    if job.store == Store.FULL:
        _put(root, "input.value", job.payload)
        _put(root, "output.value", result.get("message", result) if result else None)
    if job.kind != "completion":
        return
    answering = made[-1] if made[-1].kind == CLIENT else None
    if answering is None and result.get("cached"):
        answering = _from_cache(job, made, result)
    if answering is None:
        return
    if isinstance(result.get("finish_reason"), str):
        answering.attributes["gen_ai.response.finish_reasons"] = [result["finish_reason"]]
    if job.store == Store.FULL:
        _say_completion(answering, job.payload, result)


def _from_cache(job: Any, made: list[Span], result: Json) -> Span:
    """The answer that was kept from a call before: a call that cost nothing."""
    provider, model = normalised(result.get("provider"), result.get("model"))
    under = made[-1]
    span = _span(job, under.trace_id, under.span_id, "cached", f"chat {model}", job.finished_at, job.finished_at)
    span.kind = CLIENT
    said = {"gen_ai.provider.name": provider, "gen_ai.request.model": result.get("model")}
    span.attributes = {
        "gen_ai.operation.name": "chat",
        **{name: value for name, value in said.items() if value is not None},
        "gen_ai.usage.cost": 0.0,
        "switchyard.cached": True,
    }
    made.append(span)
    return span


def _say_completion(span: Span, payload: Json, result: Json) -> None:
    messages = payload.get("messages")
    if isinstance(messages, list):
        _put(span, "gen_ai.input.messages", [_message_of(one) for one in messages if isinstance(one, dict)])
    if isinstance(result.get("message"), dict):
        answer = {**_message_of(result["message"]), "finish_reason": result.get("finish_reason")}
        _put(span, "gen_ai.output.messages", [answer])
    for name, said in _PARAMETERS.items():
        if payload.get(name) is not None:
            span.attributes[f"gen_ai.request.{said}"] = payload[name]
    _put(span, "gen_ai.tool.definitions", payload.get("tools"))
    wanted = payload.get("response_format")
    if isinstance(wanted, dict) and isinstance(wanted.get("json_schema"), dict):
        _put(span, "gen_ai.output.schema", wanted["json_schema"].get("schema"))


def _message_of(message: Json) -> Json:
    """A message of ours, which are OpenAI's, in the convention's form."""
    content = message.get("content")
    if message.get("role") == "tool":
        parts: list[Any] = [{"type": "tool_call_response", "id": message.get("tool_call_id"), "response": content}]
    elif isinstance(content, str):
        parts = [{"type": "text", "content": content}]
    else:
        parts = list(content) if isinstance(content, list) else []
    if isinstance(message.get("refusal"), str):
        parts.append({"type": "refusal", "refusal": message["refusal"]})
    for call in message.get("tool_calls") or []:
        function = call.get("function") or {}
        said = {"id": call.get("id"), "name": function.get("name"), "arguments": function.get("arguments")}
        parts.append({"type": "tool_call", **said})
    return {"role": message.get("role"), "parts": parts}


def _put(span: Span, name: str, value: Any) -> None:
    """A value as JSON; of what is too large only how large it is."""
    if value is None or value == {} or value == []:
        return
    text = json.dumps(value)
    if len(text) <= _LARGEST:
        span.attributes[name] = text
    else:
        span.attributes[f"switchyard.left_out.{name}"] = len(text)
