"""The inside of the jail: operations in, cases out. It reads no clock and no network: the same input, the same cases.

`api` is a file: {"operations": [{"key", "source", "sha256", "record"}], "closures": {hash: {name: hash}},
"schemas": {hash: body}}. The argument says which of them are chosen (`chosen`, indices), `seed`, `modes`,
`max_cases_per_operation`, `max_latency_ms`, `knowledge_base_id`, and `auth` and `default_auth` of the environment,
without secrets. The result is {"cases": […], "warnings": […]}; a case has `source`, and else what any case has.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from infra import json
from workers.suites.generating import bounds, keys, lifecycles, lists, negative, positive, security
from workers.suites.generating.credentials import Credentials
from workers.suites.generating.drafting import NotPossible, Workshop
from workers.suites.generating.operations import Api, Operation, read_operations
from workers.suites.generating.resources import Resources
from workers.suites.generating.values import Values
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
    operations = read_operations(given)
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
    found, most = _distinct(found), argument["max_cases_per_operation"]
    if len(found) > most:
        message = f"{len(found) - most} of {len(found)} cases are left out; max_cases_per_operation is {most}."
        warnings.append(_warned(operation, "too_many_cases", message))
    ranked = sorted(range(len(found)), key=lambda index: (found[index]["rank"], index))
    kept = [found[index] for index in sorted(ranked[:most])]
    for one in kept:
        one["source"]["key"] = keys.key(one, argument["seed"], workshop.api)
    return kept, warnings


def _distinct(found: list[Json]) -> list[Json]:
    """Each request once."""
    seen: set[bytes] = set()
    distinct = []
    for one in found:
        content = json.dump_canonical([one["setup"], one["steps"], one["teardown"]])
        if content not in seen:
            seen.add(content)
            distinct.append(one)
    return distinct


def _warned(operation: Operation, code: str, message: str) -> Json:
    return {"operation": operation.name, "code": code, "message": message}
