"""Test cases from a trace: what was observed, as steps that do it again.

The outermost HTTP spans of a trace are the steps of one case, with the status that came and a bound on the time it
took; each call of a model is a case of its own, whose answer must mean the same. Such a case characterises what the
system did, right or wrong: its tags and description say so. What is volatile is taken from answers (volatile.py), and
requests that are of known operations say of which.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from infra import json
from schemas.step import MOST_STEPS
from workers.suites.assertions.lookup import Operations
from workers.suites.generating import otlp, trace_calls, volatile
from workers.suites.generating.trace_requests import Observed, is_http, observed, status_of
from workers.traces.base import Stored

Json = dict[str, Any]

MOST_CASES = 500
TAGS = ("characterisation", "trace")
_VARIES = re.compile(r"[0-9]+|[0-9a-fA-F-]{8,}|\{\{.*\}\}|[A-Za-z]+[_-][A-Za-z0-9]{8,}")


def cases_from_trace(
    trace: Any, *, operations: Operations | None = None, warnings: list[Json] | None = None
) -> list[Json]:
    """Bodies of cases for what a trace did, each once. `trace` is OTLP JSON or a list of spans or observations; what
    became no case is told in `warnings`. Raises BadInput where there are no spans."""
    return cases_of(otlp.read(trace), operations=operations, warnings=warnings)


def cases_of(
    observations: Sequence[Stored],
    *,
    operations: Operations | None = None,
    warnings: list[Json] | None = None,
) -> list[Json]:
    """The same for observations in the order of their beginning."""
    notes = warnings if warnings is not None else []
    by_id = {(one.trace_id, one.span_id): one for one in reversed(observations)}
    flows: dict[UUID, list[Stored]] = {}
    for one in observations:
        if is_http(one) and not any(map(is_http, _above(one, by_id))):
            flows.setdefault(one.trace_id, []).append(one)
    found = [case for some in flows.values() for case in _flow(some, operations, notes)]
    asking = [one for one in observations if trace_calls.is_call(one)]
    outer = {(above.trace_id, above.span_id) for one in asking for above in _above(one, by_id)}
    found += [case for one in asking if (one.trace_id, one.span_id) not in outer and (case := _asked(one, notes))]
    once = {case["source"]["key"]: case for case in reversed(found)}
    kept = list(reversed(once.values()))
    if len(kept) > MOST_CASES:
        _warn(notes, f"Of {len(kept)} cases the first {MOST_CASES} are kept.")
    return kept[:MOST_CASES]


def _above(one: Stored, by_id: dict[tuple[UUID, int], Stored]) -> Iterator[Stored]:
    """The spans that it is part of, innermost first."""
    seen = {one.span_id}
    parent = None if one.parent_id is None else by_id.get((one.trace_id, one.parent_id))
    while parent is not None and parent.span_id not in seen:
        seen.add(parent.span_id)
        yield parent
        parent = None if parent.parent_id is None else by_id.get((parent.trace_id, parent.parent_id))


def _warn(notes: list[Json], message: str) -> None:
    notes.append({"pointer": "/trace", "message": message[:500]})


def _flow(spans: list[Stored], operations: Operations | None, notes: list[Json]) -> Iterator[Json]:
    """The case of one trace's requests."""
    flow: list[Observed] = []
    for span in spans:
        found = observed(span)
        if isinstance(found, str):
            _warn(notes, found)
        else:
            flow.append(found)
    if len(flow) > MOST_STEPS:
        _warn(notes, f"Trace {_called(spans[0])} has {len(flow)} requests; the first {MOST_STEPS} are steps.")
    flow = flow[:MOST_STEPS]
    if not flow:
        return
    origins = {one.origin for one in flow if one.origin}
    steps = volatile.steps_of(flow)
    if len(origins) == 1:
        for step in steps:
            step["url"] = step["url"].removeprefix(next(iter(origins))) or "/"
    if operations is not None:
        for step, one in zip(steps, flow, strict=True):
            _match(step, one, operations)
    more = f" and {len(steps) - 1} more" if len(steps) > 1 else ""
    where = f" It was at {', '.join(sorted(origins))}." if origins else ""
    operation = steps[0].get("operation")
    yield {
        "name": f"{steps[0]['method']} {steps[0]['url']}{more}"[:200],
        "description": _about(spans[0]) + where,
        "tags": list(TAGS),
        **({"operation": operation} if operation and len(steps) == 1 else {}),
        "steps": steps,
        "source": {"key": _key([_skeleton(one) for one in flow])},
    }


def _match(step: Json, one: Observed, operations: Operations) -> None:
    """Says of which known operation the request is, and that its answer should be one that is documented."""
    url = f"{one.origin or 'http://-'}{one.step['url'].removeprefix(one.origin)}"
    known = operations.requested(step["method"], url, None)
    if len(known) != 1:
        return
    step["operation"] = known[0].name
    assertion = {"type": "operation", "operation": known[0].name, "source": known[0].source, "severity": "warn"}
    step["assert"] = [*step.get("assert", ()), assertion]


def _called(one: Stored) -> str:
    return str(one.resource.get(otlp.TRACE) or one.trace_id.hex)


def _about(one: Stored) -> str:
    return f"Characterises trace {_called(one)}: it expects what was observed, which nobody has said to be right."


def _skeleton(one: Observed) -> Json:
    """What tells a request from others: not its ids, nor the texts in it."""
    path = one.step["url"].removeprefix(one.origin)
    return {
        "method": one.step["method"],
        "path": "/".join("*" if _VARIES.fullmatch(part) else part for part in path.split("/")),
        "query": sorted(one.step.get("query", ())),
        "body": trace_calls.shape_of([one.step["body"]]) if "body" in one.step else "text" in one.step,
        "status": status_of(one.of),
    }


def _key(skeleton: Any) -> str:
    return hashlib.sha256(json.dump_canonical(skeleton)).hexdigest()[:32]


def _asked(one: Stored, notes: list[Json]) -> Json | None:
    """The case of one call of a model."""
    found = trace_calls.asked(one)
    if isinstance(found, str):
        _warn(notes, found)
        return None
    step = found["steps"][0]
    asked = {name: value for name, value in step.items() if name != "assert"}
    return {**found, "description": _about(one), "tags": [*TAGS, "model"], "source": {"key": _key(asked)}}
