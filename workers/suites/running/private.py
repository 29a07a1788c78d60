"""What is kept of the executions of a private job: verdicts, and why, in our own words. Nothing that was sent or came
back is among it."""

from collections.abc import Sequence
from typing import Any

from models import Verdict
from workers.suites.running import failures

Json = dict[str, Any]

_PLAIN = ("id", "phase", "kind", "verdict", "started_at", "milliseconds", "tries", "trace_id")


def stripped(steps: Sequence[Json]) -> list[Json]:
    """The results of steps, without requests, answers, extracted values and what quotes them."""
    return [
        {
            **{name: step.get(name) for name in _PLAIN},
            "name": None,
            "reason": None if step["verdict"] == Verdict.PASSED else of_step(step),
            "error": step.get("error") and {"code": step["error"]["code"], "message": None},
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


def of_step(step: Json) -> str:
    """Why a step did not pass."""
    wrong = failures.failed_assertion(step)
    if step["verdict"] == Verdict.FAILED and wrong is not None:
        return f"An assertion of type {wrong.get('type')} failed."
    if step["verdict"] == Verdict.ERRORED:
        return f"It could not be performed ({failures.error_code(step) or 'error'})."
    return f"It was {step['verdict']}."
