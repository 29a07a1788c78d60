"""What is kept of the executions of a private job: verdicts, and what they say in our own words. Nothing that was sent or
came back is among it."""

from collections.abc import Sequence
from typing import Any

from models import Verdict
from workers.suites.running import failures
from workers.suites.running.verdicts import decisive

Json = dict[str, Any]

_PLAIN = ("id", "phase", "kind", "verdict", "started_at", "milliseconds", "tries", "trace_id")


def stripped(steps: Sequence[Json]) -> list[Json]:
    """The results of steps, without requests, answers, extracted values and what quotes them."""
    return [
        {
            **{name: step.get(name) for name in _PLAIN},
            "name": None,
            "reason": None if step["verdict"] == Verdict.PASSED else of_step(step),
            "request": None,
            "response": None,
            "assertions": [
                {name: one.get(name) for name in ("type", "severity", "verdict")}
                for one in step.get("assertions") or ()
            ],
            "extracted": {},
        }
        for step in steps
    ]


def reason(said: str | None, steps: Sequence[Json]) -> str | None:
    """Why an execution did not pass."""
    step = decisive(steps)
    if said is None:
        return None
    return "It did not come to its end." if step is None else f"{step['id']}: {of_step(step)}"


def of_step(step: Json) -> str:
    """Why a step did not pass."""
    wrong = failures.failed_assertion(step)
    if step["verdict"] == Verdict.FAILED and wrong is not None:
        return f"An assertion of type {wrong.get('type')} failed."
    if step["verdict"] == Verdict.ERRORED:
        return f"It could not be performed ({failures.error_code(step) or 'error'})."
    return f"It was {step['verdict']}."
