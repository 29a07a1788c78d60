"""What a case does, as it is kept: `{variables, data, data_file_id, setup, steps, teardown}`.

A schema has looked at the single fields. Here is what it cannot see: the whole, and languages inside of texts.
"""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

from infra import ids, json
from infra.errors import BadInput, TooManyRows
from infra.http import check_headers
from models import StoredFile
from schemas.base import nul_places
from schemas.case import MOST_ROWS
from schemas.templated import has_place
from workers.providers import structured
from workers.suites import data_rows
from workers.suites.assertions.schemas import compiled
from workers.suites.steps import paths, patterns, templates

Json = dict[str, Any]

PHASES = {"setup": "setup", "steps": "step", "teardown": "teardown"}
DEEPEST = 64
MOST_BYTES = 1024 * 1024
MOST_ERRORS = 20


def _json_path(path: str) -> None:
    if not path.startswith("$"):
        raise BadInput("JSONPath begins with `$`; use `from: jmespath` for another path.")
    paths.check(path)


# Of an extraction, what reads its expression.
LANGUAGES: dict[str, Callable[[str], object]] = {
    "regex": patterns.compiled,
    "jsonpath": _json_path,
    "jmespath": paths.check,
}


def content_of_body(body: Json) -> Json:
    """The content that a loaded body (CaseIn) asks for, checked. Raises BadInput or TooManyRows, with pointers."""
    file_id = body.get("data_file_id")
    content = {
        "variables": body.get("variables", {}),
        "data": data_rows.of_csv(body["data_csv"]) if body.get("data_csv") else body.get("data", []),
        "data_file_id": None if file_id is None else ids.show(StoredFile.prefix, file_id),
        **{phase: body.get(phase, []) for phase in PHASES},
    }
    return checked(content)


def checked(content: Json) -> Json:
    """The content with a kind and an id for each step; raises what `check` raises."""
    require_shallow(content)
    content = content | named_steps(content)
    check(content)
    return content


def named_steps(content: Json) -> Json:
    """Its phases, where each step has a kind and an id: `setup_1`, `step_1`, `teardown_1`, unless it brings one."""
    taken = {step.get("id") for phase in PHASES for step in content.get(phase, [])}
    return {
        phase: [{"id": _free(f"{word}_{number}", taken), "kind": "http"} | step for number, step in enumerate(steps, 1)]
        for phase, word in PHASES.items()
        if (steps := content.get(phase)) is not None
    }


def check(content: Json) -> None:
    """Raises BadInput with pointers for what cannot work: rows without end, ids that are there twice, templates,
    patterns, paths and JSON schemas that are none, headers that nobody may send. It may also be a suite's content."""
    require_shallow(content)
    rows = content.get("data") or []
    if len(rows) > MOST_ROWS:
        detail = (
            f"A case has at most {MOST_ROWS} data rows, and these are {len(rows)}: upload them as a file of CSV or "
            "JSON lines (POST /v1/files) and name it in `data_file_id`."
        )
        raise TooManyRows(detail, errors=[{"pointer": "/data", "detail": detail}])
    size = len(json.dump_bytes({name: value for name, value in content.items() if name != "data"}))
    if size > MOST_BYTES:
        detail = f"The variables and steps are {size} bytes of JSON; at most {MOST_BYTES} are kept."
        raise BadInput(detail, errors=[{"pointer": "/steps", "detail": detail}])
    wrong = [_at(where, "Contains U+0000.") for where in nul_places(content)]
    wrong += _twice(content)
    for phase in PHASES:
        for index, step in enumerate(content.get(phase, [])):
            wrong += _step(step, f"/{phase}/{index}")
    if wrong:
        raise BadInput("The steps cannot work as they are; `errors` says where.", errors=wrong[:MOST_ERRORS])


def content_hash(content: Json) -> str:
    """SHA-256, in hex, of what a case does: the same for the same content, however its keys are ordered."""
    return hashlib.sha256(json.dump_canonical(content)).hexdigest()


def _free(wanted: str, taken: set[Any]) -> str:
    """That id, or with `_` behind it where a step of the user has it."""
    while wanted in taken:
        wanted += "_"
    return wanted


def _at(pointer: str, detail: str) -> Json:
    return {"pointer": pointer, "detail": detail}


def require_shallow(content: Json) -> None:
    """Raises BadInput, with a pointer, for values that are nested too deep to be kept; counts level by level, since it
    may be too deep for recursion."""
    for name, value in content.items():
        level, depth = [value], 0
        while level:
            depth += 1
            if depth > DEEPEST:
                detail = f"Is nested more than {DEEPEST} deep."
                raise BadInput(detail, errors=[_at(f"/{name}", detail)])
            level = [
                inner
                for one in level
                if isinstance(one, dict | list)
                for inner in (one.values() if isinstance(one, dict) else one)
            ]


def _twice(content: Json) -> Iterator[Json]:
    seen: dict[str, str] = {}
    for phase in PHASES:
        for index, step in enumerate(content.get(phase, [])):
            name, where = step.get("id"), f"/{phase}/{index}/id"
            if name in seen:
                yield _at(where, f"{name!r} is the id of another step already ({seen[name]}).")
            elif name is not None:
                seen[name] = where


def _step(step: Json, where: str) -> Iterator[Json]:
    for one in templates.check(step):
        yield _at(where + one["pointer"], one["detail"])
    for name, value in (step.get("headers") or {}).items():
        yield from _header(name, value, f"{where}/headers")
    for index, extract in enumerate(step.get("extract") or []):
        language = LANGUAGES.get(extract["from"])
        if language is not None:
            yield from _text(language, extract["expression"], f"{where}/extract/{index}/expression")
    for index, assertion in enumerate(step.get("assert") or []):
        yield from _assertion(assertion, f"{where}/assert/{index}")
    if step.get("response_format"):
        yield from _text(structured.validator, step["response_format"], f"{where}/response_format/json_schema/schema")


def _assertion(assertion: Json, where: str) -> Iterator[Json]:
    if "path" in assertion:
        yield from _text(paths.check, assertion["path"], f"{where}/path")
    if "pattern" in assertion:
        yield from _text(patterns.compiled, assertion["pattern"], f"{where}/pattern")
    if assertion.get("op") == "matches":
        yield from _text(patterns.compiled, assertion["expected"], f"{where}/expected")
    if assertion.get("type") == "json_schema":
        yield from _schema(assertion["schema"], f"{where}/schema")


def _text(language: Callable[[Any], Any], text: Any, where: str) -> Iterator[Json]:
    """What is wrong with something in that language; a text with places is read when they are filled in."""
    if not has_place(text):
        try:
            language(text)
        except BadInput as error:
            yield _at(where, error.detail)


def _header(name: str, value: str, where: str) -> Iterator[Json]:
    try:
        check_headers({name: "x" if has_place(value) else value}, where)
    except BadInput as error:
        yield from error.errors


def _schema(schema: Any, where: str) -> Iterator[Json]:
    try:
        compiled(schema)
    except BadInput as error:
        yield _at(where, error.detail)
