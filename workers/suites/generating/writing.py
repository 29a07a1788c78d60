"""Finished cases: a name and an explanation as sentences, what came before whom, and the two usual kinds of cases.

`rank` orders the cases of an operation: where there may be only so many, those with the lowest are kept.
"""

from enum import StrEnum
from typing import Any

from workers.suites.generating import expectations as expect
from workers.suites.generating.drafting import Draft
from workers.suites.generating.operations import Operation, Status
from workers.suites.generating.requests import Request

Json = dict[str, Any]

LONGEST_NAME = 200


class Mode(StrEnum):
    """What a case is for. `stateful`: several requests that belong together; `security`: who may ask."""

    POSITIVE = "positive"
    BOUNDARY = "boundary"
    NEGATIVE = "negative"
    STATEFUL = "stateful"
    SECURITY = "security"


def finished(
    draft: Draft,
    mode: Mode,
    category: str,
    name: str,
    explanation: str,
    *,
    rank: int,
    parameter: str | None = None,
    keyword: str | None = None,
    operation: Operation | None = None,
    tags: tuple[str, ...] = (),
) -> Json:
    """The case, and `source`, which says how it came about."""
    about = operation or draft.operation
    return {
        "name": _cut(name),
        "description": explanation,
        "tags": ["generated", mode.value, *tags],
        "operation": about.name,
        "setup": draft.setup,
        "steps": draft.steps,
        "teardown": draft.teardown,
        "rank": rank,
        "source": {
            "mode": mode.value,
            "category": category,
            "parameter": parameter,
            "keyword": keyword,
            "explanation": explanation,
            "operation": about.name,
            "operation_key": about.key,
            "operation_hash": about.sha256,
            "api": about.source,
        },
    }


def all_well(draft: Draft, operation: Operation, expected: list[Status] | None = None) -> list[Json]:
    """What is always true of an answer to a request that is as it should be."""
    return [
        expect.status(*(expected or expect.accepted(operation))),
        expect.conforms(operation, draft.workshop.knowledge_base_id),
    ]


def accept(draft: Draft, request: Request, more: list[Json] | None = None, **options: Any) -> Json:
    """Adds the step that sends a valid request, and, where it makes something, one that removes it; returns the step.
    `by_state`: whether the value goes with the state that the thing is in is not known."""
    operation = request.operation
    resource = draft.workshop.resources.made_by(operation)
    extract: list[Json] = list(options.pop("extract", ()))
    by_state = options.pop("by_state", False) and resource is None
    expected = expect.accepted_by_state(operation) if by_state else None
    variable = None
    if resource is not None and not resource.chosen:
        variable = draft.fresh_name(f"{resource.noun}_id")
        extract.append(draft.extraction(resource, variable))
    in_time = {"type": "latency", "max_ms": draft.workshop.max_latency_ms}
    assertions = [*all_well(draft, operation, expected), in_time, *(more or ())]
    step = draft.send(request, assertions, extract=extract, **options)
    if resource is not None and not resource.borrowed:
        template = "{{" + variable + "}}" if variable else str(step["path_params"][resource.parameter])
        known = {name: str(value) for name, value in step.get("path_params", {}).items()}
        draft.removed_afterwards(resource, template, known)
    return step


def refuse(draft: Draft, request: Request, among: tuple[int, ...], **options: Any) -> list[Status]:
    """Adds the step that sends a request that must be refused; returns the statuses that will do."""
    operation = request.operation
    expected = expect.refused(operation, among)
    assertions = [expect.status(*expected)]
    if expected != ["4xx"]:
        assertions.append(expect.conforms(operation, draft.workshop.knowledge_base_id))
    draft.send(request, assertions, **options)
    return expected


def _cut(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= LONGEST_NAME else f"{plain[: LONGEST_NAME - 1]}…"
