"""Which version a document is, and what the official meta-schema of that version says against it."""

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema_rs
import orjson

from infra.errors import BadInput
from workers.specs.keywords import deny
from workers.specs.notes import At, Notes

Json = dict[str, Any]

MOST_ERRORS = 1000
DEEPEST_CAUSE = 6


def version_of(document: Any, at: At, notes: Notes) -> tuple[str, str]:
    """The version as written, and as one of 2.0, 3.0, 3.1, 3.2. Raises BadInput if it is none of them."""
    if not isinstance(document, dict):
        raise BadInput("This is no OpenAPI document: its top is no object.")
    for name in ("openapi", "swagger"):
        if document.get(name) is not None:
            break
    else:
        raise BadInput("This is no OpenAPI document: it has neither `openapi` nor `swagger` at its top.")
    value = document[name]
    if isinstance(value, int | float) and not isinstance(value, bool):
        notes.add(at / name, "version_is_a_number", f"{name} should be text.")
        value = f"{float(value)}"
    version = str(value).strip()
    family = ".".join(version.split("-")[0].split(".")[:2])
    if name == "openapi" and family in ("3.0", "3.1", "3.2"):
        return version, family
    if family == "2.0":
        return version, family
    raise BadInput(f"{name} {version[:40]!r} is not a version that can be read; those are 2.0, 3.0, 3.1 and 3.2.")


def validate(document: Json, version: str, at: At, notes: Notes) -> None:
    """Notes what the meta-schema refuses, each at its place."""
    for count, error in enumerate(_validator(version).iter_errors(document)):
        if count >= MOST_ERRORS:
            notes.add(at, "invalid_document", "There is more that the specification of OpenAPI does not allow.")
            return
        cause = _cause(error, DEEPEST_CAUSE)
        place = at
        for step in cause.instance_path:
            place = place / str(step)
        notes.add(place, "invalid_document", _told(cause.message))


def _cause(error: jsonschema_rs.ValidationError, deeper: int) -> jsonschema_rs.ValidationError:
    """Of alternatives that all fail, what is wrong with the one that was probably meant."""
    branches = [branch for branch in _branches(error) if branch and not _wants_reference(branch)]
    if not branches or not deeper:
        return error
    best = max(branches, key=lambda branch: (max(len(one.instance_path) for one in branch), -len(branch)))
    return _cause(max(best, key=lambda one: len(one.instance_path)), deeper - 1)


def _branches(error: jsonschema_rs.ValidationError) -> Iterator[list[jsonschema_rs.ValidationError]]:
    yield from getattr(error.kind, "context", ())


def _wants_reference(branch: list[jsonschema_rs.ValidationError]) -> bool:
    """Whether the alternative is a reference, which the author did not write."""
    return any(getattr(one.kind, "property", None) == "$ref" for one in branch)


def _told(message: str) -> str:
    return f"{message[:1].upper()}{message[1:]}".rstrip(".") + "."


@cache
def _validator(version: str) -> jsonschema_rs.Validator:
    raw = files("workers.specs").joinpath("meta_schemas", f"{version}.json").read_bytes()
    return jsonschema_rs.validator_for(orjson.loads(raw), retriever=deny, mask="it")
