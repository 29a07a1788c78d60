"""What came back as what is expected from now on: the assertions that failed get what was observed.

That tells what a system does, not what it should do, and is labelled so (characterisation). It is made for assertions
that compare with a value: status, header, body, text. What a judge, a clock or a schema says has no value to take over.
"""

import json as standard
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from infra import json
from infra.errors import BadInput, NothingToAccept, PatternTooSlow
from models import CaseRun, Verdict
from schemas.templated import has_place
from workers.suites.content import PHASES
from workers.suites.steps import paths

Json = dict[str, Any]

LONGEST = 16 * 1024
SECRET = "(secret"
# Without a value that could be taken over, and what to do instead.
NO_VALUE = {
    "latency": "change `max_ms` by hand: how long it took once says nothing",
    "size": "change its limits by hand",
    "json_schema": "change the schema by hand, so that it says what may come",
    "operation": "change the specification, if the answer is right",
    "regex": "change the pattern by hand",
    "validation_prompt": "change the prompt by hand",
}


class _CannotBe(Exception):
    """Why something is no expectation."""


@dataclass(slots=True)
class _Found:
    """Assertions to be replaced, by phase, step and place, and what cannot be."""

    new: dict[tuple[str, int, int], Json] = field(default_factory=dict)
    refused: list[Json] = field(default_factory=list)


def observed(content: Json, executions: Iterable[CaseRun]) -> Json:
    """The case's content as these executions, which did not pass, would have passed it. Raises NothingToAccept with a
    reason for each assertion of which nothing can be made; then all stays as it is."""
    found = _Found()
    for run in executions:
        for step in run.steps:
            _of_step(content, step, found)
    if found.refused:
        reasons = [one for index, one in enumerate(found.refused) if one not in found.refused[:index]]
        raise NothingToAccept(f"Nothing was changed: {reasons[0]['detail']}", errors=reasons)
    if not found.new:
        raise NothingToAccept("No assertion failed, so there is nothing to take over.")
    return {**content, **{phase: _replaced(content, phase, found) for phase in PHASES}}


def _replaced(content: Json, phase: str, found: _Found) -> list[Json]:
    made = [dict(step) for step in content.get(phase) or ()]
    for (where, index, at), assertion in found.new.items():
        if where == phase:
            asserts = list(made[index]["assert"])
            asserts[at] = assertion
            made[index]["assert"] = asserts
    return made


def _of_step(content: Json, result: Json, found: _Found) -> None:
    verdict, phase = result.get("verdict"), str(result.get("phase") or "steps")
    if verdict not in (Verdict.FAILED, Verdict.ERRORED):
        return
    steps = content.get(phase) or []
    index = next((at for at, one in enumerate(steps) if one.get("id") == result.get("id")), None)
    if index is None:
        found.refused.append(_reason(f"/{phase}", f"The case has no step {result.get('id')!r} any more."))
    elif verdict == Verdict.ERRORED:
        detail = f"Step {result['id']} could not be performed: {result.get('reason') or 'no reason is known.'}"
        found.refused.append(_reason(f"/{phase}/{index}", detail))
    else:
        for at, judged, kept in _failed(steps[index], result):
            _of_assertion((phase, index, at), judged, kept, result, found)


def _failed(step: Json, result: Json) -> Iterator[tuple[int, Json, Json]]:
    """The assertions that failed the step: their place, how they came out, and as the case has them."""
    kept = step.get("assert") or []
    for at, judged in enumerate(result.get("assertions") or ()):
        if judged.get("verdict") in (Verdict.FAILED, Verdict.ERRORED) and judged.get("severity") != "warn":
            yield at, judged, kept[at] if at < len(kept) else {}


def _of_assertion(place: tuple[str, int, int], judged: Json, kept: Json, result: Json, found: _Found) -> None:
    phase, index, at = place
    try:
        if kept.get("type") != judged.get("type"):
            raise _CannotBe("the case has another assertion at its place by now")
        new = _kept_parts(kept) | _harmless(_expectation(kept, judged, result.get("response") or {}))
        if found.new.setdefault(place, new) != new:
            raise _CannotBe("the executions saw different things; name one of them in `case_run_id`")
    except _CannotBe as why:
        detail = f"Assertion {at + 1} ({judged.get('type')}) of step {result.get('id')} stays as it is: {why}."
        found.refused.append(_reason(f"/{phase}/{index}/assert/{at}", detail))


def _kept_parts(kept: Json) -> Json:
    return {name: kept[name] for name in ("severity", "name", "path") if name in kept}


def _expectation(kept: Json, judged: Json, response: Json) -> Json:
    """The assertion that this answer would have passed, without what it keeps."""
    kind = str(kept.get("type"))
    if kind in NO_VALUE:
        raise _CannotBe(NO_VALUE[kind])
    if judged.get("verdict") == Verdict.ERRORED:
        raise _CannotBe(f"it could not be judged: {judged.get('message')}".rstrip("."))
    if _has_place(kept.get("expected")):
        raise _CannotBe("its expectation is put together from variables; change the case or its data by hand")
    match kind:
        case "status":
            return {"type": kind, "expected": _status(response)}
        case "header":
            return _compared(kind, _header(response, str(kept.get("name"))))
        case "body":
            return _compared(kind, _value(response, kept.get("path")))
        case "exact" | "contains":
            return {"type": "exact", "expected": _text(response)}
        case "same_meaning":
            judge = {name: value for name, value in kept.items() if name != "expected"}
            return {**judge, "expected": _text(response)}
    raise _CannotBe("it has no value that could be taken over")


def _compared(kind: str, value: Any) -> Json:
    if value is paths.MISSING:
        return {"type": kind, "op": "not_exists"}
    return {"type": kind, "op": "equals", "expected": value}


def _status(response: Json) -> int:
    status = response.get("status")
    if not isinstance(status, int):
        raise _CannotBe("no answer came")
    return status


def _header(response: Json, name: str) -> Any:
    headers = response.get("headers") or ()
    return next((value for one, value in headers if str(one).lower() == name.lower()), paths.MISSING)


def _value(response: Json, path: str | None) -> Any:
    try:
        body = json.loads(_text(response))
    except ValueError:
        raise _CannotBe("the body is not JSON") from None
    try:
        return body if path is None else paths.read(body, path)
    except (BadInput, PatternTooSlow) as error:
        raise _CannotBe(error.detail.rstrip(".")) from None


def _text(response: Json) -> str:
    """The whole text that came: a body, or what a model said."""
    if response.get("cut") or response.get("encoding") == "base64":
        raise _CannotBe("what came is too long, or no text")
    said = response.get("body")
    if said is None and isinstance(message := response.get("message"), dict | str):
        said = message if isinstance(message, str) else message.get("content")
    if said is None:
        raise _CannotBe("nothing came")
    return said if isinstance(said, str) else json.dumps(said)


def _harmless(assertion: Json) -> Json:
    """The assertion, of which no text is taken for a template."""
    shown = standard.dumps(assertion.get("expected"), ensure_ascii=False)
    if len(shown) > LONGEST:
        raise _CannotBe(f"what came is longer than {LONGEST} characters")
    if SECRET in shown:
        raise _CannotBe("what came has a secret in it, which is not kept")
    return {**assertion, "expected": _literal(assertion["expected"])} if "expected" in assertion else assertion


def _literal(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("{{", r"\{{")
    if isinstance(value, list):
        return [_literal(one) for one in value]
    return {_literal(name): _literal(one) for name, one in value.items()} if isinstance(value, dict) else value


def _has_place(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_place(one) for pair in value.items() for one in pair)
    return any(map(_has_place, value)) if isinstance(value, list) else has_place(value)


def _reason(pointer: str, detail: str) -> Json:
    return {"pointer": pointer, "detail": detail}
