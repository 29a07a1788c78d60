"""Reading what a client sent: JSON and query parameters, checked by a schema, refused with pointers."""

from typing import Any

from flask import request
from marshmallow import Schema, ValidationError
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import ClientDisconnected, RequestTimeout

from infra import json
from infra.errors import (
    BadInput,
    BodyTooLarge,
    InvalidParameter,
    MalformedJson,
    NulCharacter,
    UnknownField,
    UnsupportedMediaType,
)
from infra.handoff import impatient
from infra.settings import settings
from schemas.base import UNKNOWN_FIELD, OneOf, nul_places, pointers

Json = dict[str, Any]

NEXT_BYTES_SECONDS = 10.0


def read_raw(*, at_most: int | None = None, in_all: float | None = None) -> bytes:
    """The body's bytes; one that is longer than allowed is refused, also where its length was not declared, and one
    that takes more than `in_all` seconds."""
    limit = at_most or settings().max_body_bytes
    if (request.content_length or 0) > limit:
        raise BodyTooLarge(f"The request body is larger than {limit} bytes.")
    try:
        with impatient(request.environ, NEXT_BYTES_SECONDS, in_all=in_all):
            raw = _read(limit)
    except TimeoutError:
        raise RequestTimeout from None
    if len(raw) > limit:
        raise BodyTooLarge(f"The request body is larger than {limit} bytes.")
    return raw


def _read(limit: int) -> bytes:
    """From the server itself: werkzeug takes a client that stalls for one that has gone."""
    length = request.content_length
    if length is None and not request.environ.get("wsgi.input_terminated"):
        return b""
    body: bytes = request.environ["wsgi.input"].read(limit + 1 if length is None else length)
    if length is not None and len(body) < length:
        raise ClientDisconnected
    return body


def may_be_left_out(schema: Schema) -> bool:
    """Whether a request may come without this body: nothing in it is required."""
    return not isinstance(schema, OneOf) and not any(one.required for one in schema.fields.values())


def read_json(schema: Schema | None, raw: bytes) -> Json:
    """The body as the schema loads it; an endpoint without a body takes none, or an empty object."""
    if schema is None:
        if raw.strip() not in (b"", b"{}"):
            raise BadInput("This request takes no body.", errors=[{"pointer": "", "detail": "Leave the body out."}])
        return {}
    if raw or not may_be_left_out(schema):
        if not request.mimetype.endswith("json"):
            raise UnsupportedMediaType
        document = _parsed(raw)
    else:
        document = {}
    if b"\\u0000" in raw:
        _refuse_nul(document)
    return loaded(schema, document, "request body")


def loaded(schema: Schema, document: Any, what: str) -> Json:
    """The document as the schema loads it; `what` names it in the refusal."""
    try:
        found: Json = schema.load(document)
    except ValidationError as error:
        wrong = pointers(error.messages)
        if all(one["detail"] == UNKNOWN_FIELD for one in wrong):
            raise UnknownField(errors=wrong) from None
        raise BadInput(f"The {what} is not valid; `errors` says where.", errors=wrong) from None
    return found


def _parsed(raw: bytes) -> Any:
    try:
        found = json.loads(raw)
    except ValueError as error:
        raise MalformedJson(f"The request body is not valid JSON: {error}.") from None
    if json.too_deep(found, raw):
        _refuse_depth(found)
    return found


def _refuse_depth(document: Any) -> None:
    detail = f"Is nested more than {json.DEEPEST} levels deep."
    members = document.items() if isinstance(document, dict) else ()
    wrong = pointers({name: [detail] for name, value in members if json.too_deep(value)})
    raise BadInput("The request body is nested too deep; `errors` says where.", errors=wrong or pointers([detail]))


def _refuse_nul(document: Any) -> None:
    found = [{"pointer": where, "detail": "Contains U+0000."} for where in nul_places(document)]
    if found:
        raise NulCharacter(errors=found[:20])


def read_query(schema: Schema | None) -> Json:
    """The query parameters as the schema loads them; an empty one counts as absent, `metadata.x=y` gathers."""
    return read_pairs(schema, request.args)


def read_pairs(schema: Schema | None, pairs: MultiDict[str, str], what: str = "query parameter") -> Json:
    """The same for any pairs of text, as a form's fields; `what` one of them is called in the refusal."""
    given: Json = {}
    refused = f"A {what} has a value that cannot be used; `errors` names it."
    for name, value in pairs.items(multi=True):
        if len(pairs.getlist(name)) > 1:
            raise InvalidParameter(refused, errors=[{"pointer": f"/{name}", "detail": "Is given more than once."}])
        if "\0" in name or "\0" in value:
            raise NulCharacter(errors=[{"pointer": f"/{name.replace(chr(0), '')}", "detail": "Contains U+0000."}])
        head, dot, key = name.partition(".")
        if dot and head == "metadata":
            given.setdefault("metadata", {})[key] = value
        elif value:
            given[name] = value
    try:
        loaded: Json = schema.load(given) if schema is not None else _none_allowed(given)
    except ValidationError as error:
        raise InvalidParameter(refused, errors=pointers(error.messages)) from None
    return loaded


def _none_allowed(given: Json) -> Json:
    if given:
        raise ValidationError({name: ["This address takes no such parameter."] for name in given})
    return given
