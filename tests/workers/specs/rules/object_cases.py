"""Cases of the rules about the properties of objects, by id."""

from typing import Any

from tests.workers.specs.rules.records import Case, Json, parameter, with_body, with_parameters, with_response

TEXT: Json = {"type": "string"}


def body(**object: Any) -> Json:
    """An operation that takes an object."""
    return with_body({"type": "object", **object})


def answer(**object: Any) -> Json:
    """An operation that gives an object."""
    return with_response({"type": "object", **object})


def header(**object: Any) -> Json:
    """An operation with an object in a header."""
    return with_parameters(parameter({"type": "object", **object}, where="header"))


def query(**object: Any) -> Json:
    """An operation with an object in its query."""
    return with_parameters(parameter({"type": "object", **object}))


A: Json = {"a": TEXT}
AB: Json = {"a": TEXT, "b": TEXT}
WITH_DEFAULT: Json = {"a": TEXT, "b": {**TEXT, "default": "x"}}


def marked(keyword: str) -> Json:
    """Two properties, the second read-only or write-only."""
    return {"a": TEXT, "b": {**TEXT, keyword: True}}


CASES: dict[str, Case] = {
    "new-required-request-property": Case(
        body(properties=A),
        body(properties=AB, required=["b"]),
        quiet=(body(properties=A), body(properties=marked("readOnly"), required=["b"])),
    ),
    "new-required-request-property-with-default": Case(
        body(properties=A),
        body(properties=WITH_DEFAULT, required=["b"]),
        quiet=(body(properties=A), body(properties=WITH_DEFAULT)),
    ),
    "new-optional-request-property": Case(body(properties=A), body(properties=AB)),
    "request-property-removed": Case(
        body(properties=AB), body(properties=A), quiet=(body(properties=marked("readOnly")), body(properties=A))
    ),
    "request-property-became-required": Case(
        body(properties=AB),
        body(properties=AB, required=["b"]),
        quiet=(body(properties=marked("readOnly")), body(properties=marked("readOnly"), required=["b"])),
    ),
    "request-property-became-required-with-default": Case(
        body(properties=WITH_DEFAULT),
        body(properties=WITH_DEFAULT, required=["b"]),
        quiet=(body(properties=AB), body(properties=AB, required=["b"])),
    ),
    "request-property-became-optional": Case(body(properties=AB, required=["b"]), body(properties=AB)),
    "new-required-request-header-property": Case(
        header(properties=A),
        header(properties=AB, required=["b"]),
        quiet=(query(properties=A), query(properties=AB, required=["b"])),
    ),
    "request-header-property-became-required": Case(
        header(properties=AB),
        header(properties=AB, required=["b"]),
        quiet=(query(properties=AB), query(properties=AB, required=["b"])),
    ),
    "new-required-request-parameter-property": Case(query(properties=A), query(properties=AB, required=["b"])),
    "request-parameter-property-became-required": Case(query(properties=AB), query(properties=AB, required=["b"])),
    "request-parameter-property-removed": Case(query(properties=AB), query(properties=A)),
    "request-header-property-became-enum": Case(
        header(properties=A),
        header(properties={"a": {**TEXT, "enum": ["x"]}}),
        quiet=(query(properties=A), query(properties={"a": {**TEXT, "enum": ["x"]}})),
    ),
    "request-required-property-became-not-read-only": Case(
        body(properties=marked("readOnly"), required=["b"]), body(properties=AB, required=["b"])
    ),
    "request-required-property-became-read-only": Case(
        body(properties=AB, required=["b"]), body(properties=marked("readOnly"), required=["b"])
    ),
    "request-optional-property-became-read-only": Case(body(properties=AB), body(properties=marked("readOnly"))),
    "response-required-property-removed": Case(
        answer(properties=AB, required=["b"]),
        answer(properties=A),
        quiet=(answer(properties=AB), answer(properties=A)),
    ),
    "response-optional-property-removed": Case(
        answer(properties=AB),
        answer(properties=A),
        quiet=(answer(properties=marked("writeOnly")), answer(properties=A)),
    ),
    "response-required-property-added": Case(answer(properties=A), answer(properties=AB, required=["b"])),
    "response-optional-property-added": Case(answer(properties=A), answer(properties=AB)),
    "response-property-became-optional": Case(
        answer(properties=AB, required=["b"]),
        answer(properties=AB),
        quiet=(answer(properties=marked("writeOnly"), required=["b"]), answer(properties=marked("writeOnly"))),
    ),
    "response-property-became-required": Case(answer(properties=AB), answer(properties=AB, required=["b"])),
    "response-required-property-became-write-only": Case(
        answer(properties=AB, required=["b"]), answer(properties=marked("writeOnly"), required=["b"])
    ),
    "response-optional-property-became-write-only": Case(answer(properties=AB), answer(properties=marked("writeOnly"))),
    "response-required-property-became-not-write-only": Case(
        answer(properties=marked("writeOnly"), required=["b"]), answer(properties=AB, required=["b"])
    ),
}
