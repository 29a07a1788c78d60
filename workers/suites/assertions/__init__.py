"""What a step asserts of its answer, one assertion after the other: passed, failed, or errored with what to do.

status header body latency size     plain.py, with the operators of values.py
exact contains regex                plain.py, on the text of the body or of what the model said
json_schema                         schemas.py
operation                           operations.py, by the ingested description
same_meaning validation_prompt      meaning.py by embeddings, judging.py by a model
"""

import asyncio
import inspect
from collections.abc import Callable, Mapping

from infra.errors import SwitchyardError
from workers.suites.assertions import judging, meaning, operations, plain, schemas
from workers.suites.assertions.outcome import Json, Outcomes, errored, kept, redacting, together
from workers.suites.base import Answered, Judged, World

Check = Callable[[Json, Answered, World], Outcomes]

TYPES: Mapping[str, Check] = {
    "status": plain.status,
    "header": plain.header,
    "body": plain.body,
    "latency": plain.latency,
    "size": plain.size,
    "exact": plain.exact,
    "contains": plain.contains,
    "regex": plain.regex,
    "json_schema": schemas.json_schema,
    "operation": operations.operation,
    "same_meaning": meaning.same_meaning,
    "validation_prompt": judging.validation_prompt,
}
# Those that look at the whole text; in a thread if it is so long.
_WHOLE = ("exact", "contains")
LONG = 256 * 1024
# Those that wait for a model do so at the same time.
_WAITING = ("same_meaning", "validation_prompt")


async def judge(assertions: list[Json], answered: Answered, world: World) -> list[Judged]:
    """How each assertion, already rendered, came out; in their order."""
    with redacting(world.redaction):
        waiting = [number for number, one in enumerate(assertions) if one["type"] in _WAITING]
        done: dict[int, Judged] = {}
        if len(waiting) > 1:
            judged = await together(_judge(assertions[at], answered, world) for at in waiting)
            done = dict(zip(waiting, judged, strict=True))
        return [
            done[number] if number in done else await _judge(one, answered, world)
            for number, one in enumerate(assertions)
        ]


async def _judge(assertion: Json, answered: Answered, world: World) -> Judged:
    try:
        check = TYPES[assertion["type"]]
        if assertion["type"] in _WHOLE and len(answered.body) > LONG:
            outcome = await asyncio.to_thread(check, assertion, answered, world)
        else:
            outcome = check(assertion, answered, world)
        if inspect.isawaitable(outcome):
            outcome = await outcome
    except SwitchyardError as error:
        if error.code == "stopped":
            raise
        outcome = errored(error.detail, assertion.get("expected"))
    return Judged(
        assertion, outcome.verdict, outcome.message, kept(outcome.expected), kept(outcome.actual), outcome.details
    )
