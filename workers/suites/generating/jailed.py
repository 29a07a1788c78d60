"""The inside of the jail: operations in, cases out. It reads no clock and no network; the same input gives the same cases.

`api` is a file: {"operations": [{"key", "source", "sha256", "record"}], "closures": {hash: {name: hash}},
"schemas": {hash: body}}. The argument says which of them are chosen (`chosen`, indices), `seed`, `modes`,
`max_cases_per_operation`, `max_latency_ms`, `knowledge_base_id`, and `auth` and `default_auth` of the environment, without
secrets. The result is {"cases": […], "warnings": […]}; a case has `source`, and everything else as cases are written.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from infra import json
from workers.suites.generating import bounds, lifecycles, lists, negative, positive, security
from workers.suites.generating.credentials import Credentials
from workers.suites.generating.drafting import NotPossible, Workshop
from workers.suites.generating.operations import Api, Operation
from workers.suites.generating.resources import Resources
from workers.suites.generating.values import Values
from workers.suites.generating.views import View
from workers.suites.generating.writing import Mode

Json = dict[str, Any]
Maker = Callable[[Workshop, Operation], Iterator[Json]]

MAKERS: tuple[tuple[Mode, Maker], ...] = (
    (Mode.POSITIVE, positive.cases),
    (Mode.SECURITY, security.cases),
    (Mode.STATEFUL, lifecycles.cases),
    (Mode.STATEFUL, lists.cases),
    (Mode.BOUNDARY, bounds.cases),
    (Mode.NEGATIVE, negative.cases),
)


def generate(argument: Json, inputs: dict[str, Path]) -> Json:
    """The cases of the chosen operations, in their order, and what could not be made."""
    given = json.loads(inputs["api"].read_bytes())
    operations = _operations(given)
    workshops = {source: _workshop(argument, [one for one in operations if one.source == source])
                 for source in dict.fromkeys(one.source for one in operations)}  # fmt: skip
    cases: list[Json] = []
    warnings: list[Json] = []
    for index in argument["chosen"]:
        operation = operations[index]
        found, said = _of_operation(workshops[operation.source], operation, argument)
        cases += found
        warnings += said
    return {"cases": cases, "warnings": warnings}


def _operations(given: Json) -> list[Operation]:
    views: dict[Any, tuple[View, View]] = {}
    made = []
    for one in given["operations"]:
        closure = one["record"].get("definitions")
        if closure not in views:
            names = given["closures"].get(closure, {})
            definitions = {name: given["schemas"].get(digest, {}) for name, digest in names.items()}
            views[closure] = (View(definitions, "readOnly"), View(definitions, "writeOnly"))
        made.append(Operation(one["key"], one["source"], one["sha256"], one["record"], *views[closure]))
    return made


def _workshop(argument: Json, operations: list[Operation]) -> Workshop:
    api = Api(operations)
    return Workshop(
        api=api,
        values=Values(argument["seed"]),
        resources=Resources(api),
        credentials=Credentials(argument.get("auth") or {}, argument.get("default_auth")),
        knowledge_base_id=argument.get("knowledge_base_id"),
        max_latency_ms=argument["max_latency_ms"],
    )


def _of_operation(workshop: Workshop, operation: Operation, argument: Json) -> tuple[list[Json], list[Json]]:
    found: list[Json] = []
    warnings: list[Json] = []
    if operation.unsendable_body:
        types = ", ".join(sorted((operation.record.get("request_body") or {}).get("content") or {}))
        return [], [_warned(operation, "unsendable_body", f"Its body is {types}, which no step can send.")]
    for mode, make in MAKERS:
        wanted = mode in argument["modes"] or (make is positive.cases and Mode.SECURITY in argument["modes"])
        if not wanted:
            continue
        try:
            found += [one for one in make(workshop, operation) if one["source"]["mode"] in argument["modes"]]
        except NotPossible as error:
            warnings.append(_warned(operation, "not_possible", f"It gets no {mode.value} cases: {error}."))
    kept = _best(found, argument["max_cases_per_operation"])
    if len(kept) < len(found):
        message = (
            f"{len(found) - len(kept)} of {len(found)} cases are left out; max_cases_per_operation is {len(kept)}."
        )
        warnings.append(_warned(operation, "too_many_cases", message))
    return kept, warnings


def _best(found: list[Json], most: int) -> list[Json]:
    """Those with the lowest ranks, each request once, in the order in which they were made."""
    seen: set[bytes] = set()
    distinct = []
    for one in found:
        content = json.dump_canonical([one["setup"], one["steps"], one["teardown"]])
        if content not in seen:
            seen.add(content)
            distinct.append(one)
    ranked = sorted(range(len(distinct)), key=lambda index: (distinct[index]["rank"], index))
    return [distinct[index] for index in sorted(ranked[:most])]


def _warned(operation: Operation, code: str, message: str) -> Json:
    return {"operation": operation.name, "code": code, "message": message}
