"""Assertions by JSON schema: 2020-12 unless it says another draft, formats included; nothing is fetched for it.

A validator is compiled once in a run. What it finds is told one by one, with JSON pointers.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import jsonschema_rs

from infra import json
from infra.errors import BadInput, PatternTooSlow
from workers.specs.keywords import deny
from workers.suites.assertions.effort import Effort
from workers.suites.assertions.outcome import Outcome, cut, failed, passed, shown, step
from workers.suites.assertions.plain import read_json
from workers.suites.assertions.values import a_type, of_type
from workers.suites.base import Answered, World
from workers.suites.steps.paths import MISSING, read_in_time

Json = dict[str, Any]
Kinds = jsonschema_rs.ValidationErrorKind

MOST_PROBLEMS = 20
# Bytes of JSON: up to here all problems are found, beyond only the first.
ALL_PROBLEMS = 16 * 1024
# Beyond this a thread does it; and beyond that, where it takes counting first.
LARGE = 256 * 1024
SMALL = 4 * 1024
BACKTRACKS = 10_000
DEEPEST_CAUSE = 6
# Schemas of a run that are kept compiled; one may be another for each data row.
MOST_KEPT = 200


@dataclass(frozen=True, slots=True)
class Compiled:
    """A schema, ready to use."""

    validator: jsonschema_rs.Validator
    effort: Effort

    async def problems(self, value: Any, size: int) -> list[Json]:
        """What is wrong with a value of so many bytes as JSON: `{pointer, path, message, keyword}`, at most 20; of
        large values only the first. Raises BadInput where finding out would take too long."""
        if size > LARGE or (size > SMALL and not self.effort.is_even):
            return await asyncio.to_thread(self.problems_now, value, size)
        return self.problems_now(value, size)

    def problems_now(self, value: Any, size: int) -> list[Json]:
        """The same, at once."""
        self.effort.require_little(value)
        if self.validator.is_valid(value):
            return []
        if size <= ALL_PROBLEMS:
            return [_told(error, value) for error in islice(self.validator.iter_errors(value), MOST_PROBLEMS)]
        try:
            self.validator.validate(value)
        except jsonschema_rs.ValidationError as error:
            return [_told(error, value)]
        return []


async def once(world: World, key: Hashable, make: Callable[[], Awaitable[Any]]) -> Any:
    """What `make` returns, made once in a run; others who want it wait."""
    if key not in world.cache:
        async with world.cache.setdefault(("making", key), asyncio.Lock()):
            if key not in world.cache:
                world.cache[key] = await make()
    return world.cache[key]


def compiled(schema: Any) -> Compiled:
    """The schema, ready to use; raises BadInput where it is none, refers to other documents, or never ends."""
    options = jsonschema_rs.FancyRegexOptions(backtrack_limit=BACKTRACKS)
    try:
        validator = jsonschema_rs.validator_for(
            schema, retriever=deny, mask="it", validate_formats=True, pattern_options=options
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        raise BadInput(f"The JSON schema cannot be used: {_why(error)}.") from None
    return Compiled(validator, Effort(schema))


def compiled_once(world: World, schema: Any) -> Compiled:
    """The schema, compiled once in a run for one content; of schemas that differ by execution, the newest are kept."""
    key = hashlib.sha256(json.dump_canonical(schema)).digest()
    known: dict[bytes, Compiled | str] = world.cache.setdefault("schemas", {})
    if key not in known:
        if len(known) >= MOST_KEPT:
            del known[next(iter(known))]
        try:
            known[key] = compiled(schema)
        except BadInput as error:
            known[key] = error.detail
    found = known[key]
    if isinstance(found, str):
        raise BadInput(found)
    return found


async def json_schema(assertion: Json, answered: Answered, world: World) -> Outcome:
    """The JSON body, or what is in it at `path`, is valid against the schema."""
    against = compiled_once(world, assertion["schema"])
    value, path = read_json(answered), assertion.get("path")
    if isinstance(value, Outcome):
        return value
    size = len(answered.body)
    subject = "The body"
    if path is not None:
        value, subject = await read_in_time(value, path, size=size), path
        if value is MISSING:
            return failed(f"{path} is missing.", None, None)
    problems = await against.problems(value, size)
    if not problems:
        return passed(f"{subject} is valid against the schema.")
    told = clauses(problems, subject if path else "$")
    return failed(summary(told), None, value, told)


def clauses(problems: list[Json], root: str = "$") -> list[Json]:
    """The problems with whole sentences, but for the full stop: `root` is what stands before each path."""
    return [
        {"pointer": one["pointer"], "message": f"{root}{one['path']} {one['message']}", "keyword": one["keyword"]}
        for one in problems
    ]


def summary(problems: list[Json]) -> str:
    """The first problem as a sentence, and how many more there are."""
    first, more = problems[0]["message"], len(problems) - 1
    if not more:
        return f"{first}."
    count = f"at least {more}" if len(problems) >= MOST_PROBLEMS else str(more)
    return f"{first}; there {'is' if more == 1 else 'are'} {count} more problem{'' if more == 1 else 's'}."


def _told(error: jsonschema_rs.ValidationError, value: Any) -> Json:
    error = _cause(error, DEEPEST_CAUSE)
    if isinstance(error.kind, Kinds.BacktrackLimitExceeded):
        raise PatternTooSlow("A pattern of the schema did not come to an end; write it without nested repetitions.")
    for part in error.instance_path:
        value = value[part]
    return {
        "pointer": "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in error.instance_path),
        "path": "".join(map(step, error.instance_path)),
        "message": _message(error, value),
        "keyword": error.kind.name,
    }


def _message(error: jsonschema_rs.ValidationError, value: Any) -> str:
    """What is wrong at a place, to follow its path."""
    kind = error.kind
    if isinstance(kind, Kinds.Required):
        return f"has no {shown(kind.property)}"
    if isinstance(kind, Kinds.Type):
        return f"is {of_type(value)}, not {a_type(list(kind.types))}"
    if isinstance(kind, Kinds.AdditionalProperties | Kinds.UnevaluatedProperties):
        return f"has {', '.join(map(shown, kind.unexpected[:5]))}, which the schema does not allow"
    if isinstance(kind, Kinds.FalseSchema) and error.schema_path[-1:] == ["additionalProperties"]:
        return f"has {', '.join(map(shown, list(value)[:5]))}, which the schema does not allow"
    if isinstance(kind, Kinds.FalseSchema):
        return f"is {shown(value)}, and must not be there"
    if isinstance(kind, Kinds.Enum):
        return f"is {of_type(value)}, not one of {shown(list(kind.options))[1:-1]}"
    return f"is {shown(value)}: {cut(error.message, 300)}"


def _cause(error: jsonschema_rs.ValidationError, deeper: int) -> jsonschema_rs.ValidationError:
    """Of alternatives that all fail, what is wrong within the one that was probably meant: the deepest failure."""
    if not deeper or not isinstance(error.kind, Kinds.AnyOf | Kinds.OneOfNotValid):
        return error
    here = len(error.instance_path)
    found = [_cause(branch[0], deeper - 1) for branch in error.kind.context if branch]
    within = [one for one in found if len(one.instance_path) > here]
    return max(within, key=lambda one: len(one.instance_path)) if within else error


def _why(error: Exception) -> str:
    line = (str(error).strip().split("\n")[0] or type(error).__name__).rstrip(".")
    return line if len(line) <= 500 else f"{line[:500]}…"
