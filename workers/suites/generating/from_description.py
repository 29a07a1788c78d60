"""Test cases that a model writes from a description, with the operations of an API before its eyes.

The answer is checked (described.py); what is wrong is told to the model once, and what is wrong then is dropped with a
warning. The offline sandbox has no opinion on tests: with it there is one smoke test of the nearest operation, and its
name says so.
"""

from typing import Any
from uuid import UUID

from infra import ids, json
from infra.errors import CostLimitExceeded, InvalidModelOutput
from models import KnowledgeBase
from workers.kinds import costs
from workers.kinds.base import Context
from workers.providers import pace, routing, structured
from workers.providers.base import Completion, CompletionRequest, Provider
from workers.providers.meter import input_tokens
from workers.providers.names import SANDBOX, Target
from workers.providers.sandbox_schema import instance
from workers.suites.base import Surroundings
from workers.suites.generating import described
from workers.suites.steps.templates import escaped

Json = dict[str, Any]

MOST_TOKENS = 8000
TAG = "description"
LONGEST_SHOWN = 400


async def cases_from_description(
    ctx: Context,
    project_id: UUID,
    description: str,
    model: str | None,
    operations: list[Json],
    *,
    environment: Surroundings | None = None,
    knowledge_base_id: UUID | None = None,
    warnings: list[Json] | None = None,
) -> list[Json]:
    """Bodies of cases. `operations` are records (workers/specs/operations.py), with their `$defs` if they have any;
    `environment` is where the cases will run, `knowledge_base_id` where the operations are from. What was dropped is
    told in `warnings`. Raises ProviderError, CostLimitExceeded and InvalidModelOutput."""
    notes = warnings if warnings is not None else []
    if ctx.project_id != project_id:
        raise ValueError("a job writes cases for its own project")
    steps = routing.chain(model)
    target = steps[0].target
    if target.provider == SANDBOX:
        made = [_smoke(description, operations, knowledge_base_id)]
    else:
        writer = _Writer(ctx, steps, operations, environment)
        made = await writer.write(description, notes)
    model = target.model if target.provider == SANDBOX else str(target)
    return [_labelled(case, description, model, knowledge_base_id) for case in made]


class _Writer:
    """One conversation with a model."""

    def __init__(
        self, ctx: Context, steps: list[routing.Step], operations: list[Json], around: Surroundings | None
    ) -> None:
        self._ctx, self._steps, self._operations, self._around = ctx, steps, operations, around
        self._budget = costs.Budget(ctx)
        self._against = structured.validator(described.FORMAT)

    async def write(self, description: str, notes: list[Json]) -> list[Json]:
        """The good cases, after one round of repair."""
        told = described.messages(description, self._operations, self._around)
        answer = await self._ask(told)
        good, wrong = self._judged(answer)
        if wrong:
            try:
                answer = await self._ask(structured.repair(told, answer.message, [problem for problem, _ in wrong]))
                again, wrong = self._judged(answer)
                names = {case["name"] for case in again}
                good = [*again, *(case for case in good if case["name"] not in names)]
            except CostLimitExceeded as error:
                notes.append({"pointer": "/description", "message": f"Nothing was repaired: {error.detail}"})
        for problem, name in wrong:
            notes.append({"pointer": "/description", "message": f"{name} was dropped: {problem}"[:500]})
        if not good:
            what = wrong[0][0] if wrong else "it has no cases"
            raise InvalidModelOutput(f"The model wrote no test case that can be used: {what}.")
        return good

    def _judged(self, answer: Completion) -> tuple[list[Json], list[tuple[str, str]]]:
        """The good cases, and what is wrong with the others: the problem, and what the case is called."""
        text = answer.message.get("content") or ""
        wrong = structured.problems(self._against, text) if self._against is not None else []
        try:
            written = json.loads(text)["cases"]
        except (ValueError, KeyError, TypeError):
            return [], [(problem, "The answer") for problem in wrong or ["it has no cases"]]
        good, bad = [], []
        for number, case in enumerate((written if isinstance(written, list) else [])[: described.MOST_CASES]):
            found = described.problems(case, self._operations, self._around)
            name = case.get("name") if isinstance(case, dict) else None
            if found:
                bad.append((f"cases/{number}: {'; '.join(found)}", repr(name or f"Case {number + 1}")))
            else:
                good.append(case)
        return good, bad

    async def _ask(self, told: list[Json]) -> Completion:
        async def ask(provider: Provider, target: Target) -> Completion:
            self._ctx.checkpoint()
            size = input_tokens(told, None)
            affordable = self._budget.output_tokens(target, size)
            most = MOST_TOKENS if affordable is None else min(MOST_TOKENS, affordable)
            await pace.take(target.provider, target.model, size + most)
            options = {"max_tokens": most, "temperature": 0}
            request = CompletionRequest(
                model=target.model, messages=told, response_format=described.FORMAT, options=options
            )
            answer = await provider.complete(request)
            self._budget.count(answer.usage)
            self._ctx.used(answer.usage)
            return answer

        answer, _, _ = await routing.first_answer(self._steps, ask)
        return answer


def _labelled(case: Json, description: str, model: str, knowledge_base_id: UUID | None) -> Json:
    """The case, which says where it is from."""
    about = " ".join(description.split())[:LONGEST_SHOWN]
    said = f"{case['description']}\n\n" if case.get("description") else ""
    tags = [*dict.fromkeys([*(case.get("tags") or []), TAG])]
    base = {} if knowledge_base_id is None else {"knowledge_base_id": ids.show(KnowledgeBase.prefix, knowledge_base_id)}
    return {**case, **base, "tags": tags, "description": f"{said}Written by {model} for: {about}"[:10_000]}


def _smoke(description: str, operations: list[Json], knowledge_base_id: UUID | None) -> Json:
    """One call of the nearest operation with the simplest values that fit; without operations, one of the sandbox."""
    said = "Made offline without any AI: a call of the nearest operation, with the simplest values that fit."
    found = described.nearest(description, operations)
    if not found:
        step: Json = {
            "kind": "completion",
            "model": SANDBOX,
            "messages": [{"role": "user", "content": escaped(description)[:10_000]}],
            "assert": [{"type": "size", "min_bytes": 1}],
        }
        return {"name": "[sandbox] The model answers", "description": said, "tags": ["sandbox"], "steps": [step]}
    record = found[0]
    return {
        "name": f"[sandbox] {described.called(record)} answers"[:200],
        "description": said,
        "tags": ["sandbox"],
        "operation": described.called(record),
        "steps": [_call(record, knowledge_base_id)],
    }


def _call(record: Json, knowledge_base_id: UUID | None) -> Json:
    step: Json = {"kind": "http", "method": record["method"], "url": record["path"]}
    for place, name in (("path", "path_params"), ("query", "query"), ("header", "headers")):
        values = {
            one["name"]: _simple(one.get("schema"), record)
            for one in record.get("parameters") or ()
            if one.get("in") == place and (one.get("required") or place == "path")
        }
        if values:
            step[name] = {key: str(value) for key, value in values.items()} if place == "header" else values
    bodies = (record.get("request_body") or {}).get("content") or {}
    media_type = next((one for one in bodies if "json" in one), None)
    if media_type is not None:
        step["body"] = _simple((bodies[media_type] or {}).get("schema"), record)
    good = [int(one) for one in record.get("responses") or () if one.isdecimal() and one.startswith("2")]
    step["assert"] = [{"type": "status", "expected": good or "2xx"}]
    if knowledge_base_id is not None:
        step["assert"].append({"type": "operation"})
    return step


def _simple(schema: Any, record: Json) -> Any:
    root = {**schema, "$defs": record.get("$defs") or {}} if isinstance(schema, dict) else {}
    return instance(root)
