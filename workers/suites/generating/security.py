"""Who may ask: without credentials, with wrong ones, and with those that are for something else."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from workers.suites.generating import expectations as expect
from workers.suites.generating.credentials import wrong
from workers.suites.generating.drafting import Draft, Workshop
from workers.suites.generating.operations import Operation
from workers.suites.generating.requests import Request
from workers.suites.generating.writing import Mode, finished

Json = dict[str, Any]


def cases(workshop: Workshop, operation: Operation) -> Iterator[Json]:
    """All for an operation that is not open to everybody."""
    if not operation.guarded:
        return
    yield _case(workshop, operation, "none", "no credentials", False, {})
    made_up = wrong(operation)
    if made_up is not None:
        yield _case(workshop, operation, "wrong", "wrong credentials", False, made_up)
    for name in workshop.credentials.others(operation)[:1]:
        yield _case(workshop, operation, "other", "credentials that are for other operations", name, {})


def _case(workshop: Workshop, operation: Operation, category: str, what: str, auth: Any, more: Json) -> Json:
    draft = Draft(workshop, operation, f"security {category}")
    request = _with(draft.base(), more)
    expected: list[Any] = [*operation.documented(*expect.UNKNOWN)] or list(expect.UNKNOWN)
    if category != "other" and 401 in expected:
        expected = [401]
    elif category == "other" and 403 in expected:
        expected = [403]
    assertions = [expect.status(*expected)]
    if all(str(one) in operation.responses for one in expected):
        assertions.append(expect.conforms(operation, workshop.knowledge_base_id))
    draft.send(request, assertions, auth=auth)
    schemes = " or ".join(" and ".join(one) for one in operation.security)
    explanation = (
        f"The request has {what}, and the specification asks for {schemes}; {expect.told(operation, expected)}."
    )
    title = f"{operation.name} refuses a request with {what}"
    return finished(draft, Mode.SECURITY, category, title, explanation, rank=1, keyword="security")


def _with(request: Request, more: Json) -> Request:
    for name, value in more.get("query", {}).items():
        request = request.put("query", name, value)
    return replace(request, headers={**request.headers, **more.get("headers", {})})
