"""A step that asks a model, as the kind `completion` does, within the run's job."""

import asyncio
from functools import cache
from time import monotonic
from typing import Any

from marshmallow import ValidationError

from infra.errors import BadInput, SwitchyardError, TimedOut
from schemas.base import pointers
from schemas.completion import CompletionIn
from workers.suites.base import Answered, World
from workers.suites.steps.performed import Performed

Json = dict[str, Any]

TIMEOUT_SECONDS = 30.0
# What is said of the step; everything else is the completion's input.
OF_STEPS = frozenset(
    ("id", "name", "kind", "timeout_s", "retry", "continue_on_failure", "extract", "assert", "operation")
)


async def perform(step: Json, world: World) -> Performed:
    """One try; errors are in what is returned."""
    payload = payload_of(step)
    done = Performed(request=payload)
    seconds = float(step.get("timeout_s") or TIMEOUT_SECONDS)
    begun = monotonic()
    try:
        _check(payload)
        async with asyncio.timeout(seconds):
            result = await world.complete(payload)
    except TimeoutError:
        done.error = TimedOut(f"{payload.get('model')} did not answer within {seconds:g} s.")
    except SwitchyardError as error:
        if error.code == "stopped":
            raise
        done.error = error
    else:
        _answered(done, result, round((monotonic() - begun) * 1000, 3))
    return done


def payload_of(step: Json) -> Json:
    """The completion's input."""
    return {name: value for name, value in step.items() if name not in OF_STEPS}


def _answered(done: Performed, result: Json, milliseconds: float) -> None:
    said = (result.get("message") or {}).get("content")
    done.answered = Answered(
        kind="completion",
        body=said.encode(errors="replace") if isinstance(said, str) else b"",
        milliseconds=milliseconds,
        result=result,
    )
    done.response = {**result, "milliseconds": milliseconds}


def _check(payload: Json) -> None:
    try:
        _input().load(payload)
    except ValidationError as error:
        wrong = pointers(error.messages)
        first = "; ".join(f"{one['pointer'] or '/'}: {one['detail']}" for one in wrong[:5])
        raise BadInput(f"The step is not a valid completion: {first}") from None


@cache
def _input() -> CompletionIn:
    return CompletionIn(exclude=("stream",))
