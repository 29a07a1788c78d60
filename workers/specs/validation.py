"""Which version a document is, and what the official meta-schema of that version says against it."""

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
MOST_MESSAGES = 4


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
        path, messages = _cause(error, DEEPEST_CAUSE)
        place = at
        for step in path:
            place = place / step
        notes.add(place, "invalid_document", "; ".join(map(_told, messages[:MOST_MESSAGES])) + ".")


def _cause(error: jsonschema_rs.ValidationError, deeper: int) -> tuple[list[str], list[str]]:
    """Where and what is wrong. Of alternatives that all fail, with those that fail furthest within: they are probably
    what was meant."""
    found = [_cause(one, deeper - 1) for branch in _meant(error) for one in branch] if deeper else []
    if not found:
        return [str(step) for step in error.instance_path], [error.message]
    path = max((path for path, _ in found), key=len)
    messages = [message for other, some in found for message in some if other == path]
    return path, list(dict.fromkeys(messages))


def _meant(error: jsonschema_rs.ValidationError) -> list[list[jsonschema_rs.ValidationError]]:
    """The alternatives that failed, but for those that the author did not write: a reference, another place `in`."""
    found = [
        branch
        for branch in getattr(error.kind, "context", ())
        if not any(getattr(one.kind, "property", None) == "$ref" for one in branch)
    ]
    here = len(error.instance_path)
    written = [
        branch
        for branch in found
        if not any(one.instance_path[here:] == ["in"] and one.kind.name == "enum" for one in branch)
    ]
    return written or found


def _told(message: str) -> str:
    return f"{message[:1].upper()}{message[1:]}".rstrip(".")


@cache
def _validator(version: str) -> jsonschema_rs.Validator:
    raw = files("workers.specs").joinpath("meta_schemas", f"{version}.json").read_bytes()
    return jsonschema_rs.validator_for(orjson.loads(raw), retriever=deny, mask="it")
