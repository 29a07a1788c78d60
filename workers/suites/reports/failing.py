"""What went wrong in an execution, for people: the steps that did not pass, and what was wanted of them."""

from collections.abc import Iterator
from typing import Any

from infra import json

Json = dict[str, Any]

SHOWN = 2000
BAD = ("failed", "errored")


def bad_steps(steps: list[Any]) -> Iterator[Json]:
    """Those that failed or errored."""
    return (one for one in steps if one.get("verdict") in BAD)


def bad_assertions(step: Json) -> Iterator[Json]:
    """Those of a step that did not come out as they should; warnings are among them."""
    return (one for one in step.get("assertions") or () if one.get("verdict") in BAD)


def asked(step: Json) -> str:
    """`POST https://… → 500`, or the model that was asked."""
    request, status = step.get("request") or {}, (step.get("response") or {}).get("status")
    sent = f"{request.get('method', '')} {request.get('url', '')}".strip() or str(request.get("model") or "not sent")
    return sent if status is None else f"{sent} → {status}"


def in_words(steps: list[Any]) -> str:
    """All of it as plain text, a paragraph a step."""
    return "\n\n".join("\n".join(_of_step(one)) for one in bad_steps(steps))


def _of_step(step: Json) -> Iterator[str]:
    yield f"{step.get('name') or step.get('id')} ({step.get('phase', 'steps')}): {step.get('reason') or ''}"
    yield f"  {asked(step)} in {float(step.get('milliseconds') or 0):.0f} ms"
    for one in bad_assertions(step):
        yield f"  - {one.get('type')}: {one.get('message') or one['verdict']}"
        for name in ("expected", "actual"):
            if one.get(name) is not None:
                yield f"      {name}: {shortly(one[name])}"


def shortly(value: Any, at_most: int = SHOWN) -> str:
    """A value as text, cut where it is long."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= at_most else f"{text[:at_most]}… ({len(text)} characters)"
