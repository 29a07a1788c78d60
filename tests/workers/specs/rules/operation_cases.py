"""Cases of the rules about operations, parameters, bodies, responses and security, by id."""

from typing import Any

from tests.workers.specs.rules.records import (
    JSON,
    Case,
    Json,
    parameter,
    record,
    with_body,
    with_header,
    with_parameters,
    with_response,
)

PLAIN = record()
WEBHOOK = record(kind="webhook", path=None, name="paid")
TEXT: Json = {"type": "string"}
A: list[Json] = [{"a": []}]
A_OR_B: list[Json] = [*A, {"b": []}]


def ended(day: str | None = None, **more: Any) -> Json:
    """A deprecated operation, and until when it stays."""
    return record(deprecated=True, **({} if day is None else {"x-sunset": day}), **more)


def query(day: str | None = None, **more: Any) -> Json:
    """An operation with a deprecated parameter."""
    return with_parameters(parameter(deprecated=True, **({} if day is None else {"x-sunset": day}), **more))


def scopes(*names: str) -> Json:
    """An operation that needs these scopes."""
    return record(security=[{"a": list(names)}])


def scheme(**said: Any) -> Json:
    """An operation with such a security scheme."""
    return record(security=A, security_schemes={"a": said})


def flow(**said: Any) -> Json:
    """An operation with such an OAuth flow."""
    return scheme(type="oauth2", flows={"clientCredentials": {"scopes": {}, **said}})


def answers(*statuses: str) -> Json:
    """An operation with these statuses."""
    return record(responses={status: {"description": "An answer."} for status in statuses})


def media(*types: str) -> Json:
    """An operation that answers in these media types."""
    return record(responses={"200": {"content": {name: {} for name in types}}})


def encoded(content_type: str) -> Json:
    """An operation that takes a form whose part is written that way."""
    part = {"photo": {"contentType": content_type}}
    return record(request_body={"content": {"multipart/form-data": {"schema": {"type": "object"}, "encoding": part}}})


OPERATIONS: dict[str, Case] = {
    "endpoint-added": Case(None, PLAIN),
    "webhook-removed": Case(WEBHOOK, None, quiet=(PLAIN, None)),
    "webhook-added": Case(None, WEBHOOK, quiet=(None, PLAIN)),
    "callback-removed": Case(record(callbacks={"paid": {"{url}": {"POST": {}}}}), PLAIN),
    "api-removed-without-deprecation": Case(PLAIN, None, quiet=(ended(), None)),
    "api-removed-with-deprecation": Case(ended(), None, quiet=(ended("2031-01-01"), None)),
    "api-removed-before-sunset": Case(ended("2031-01-01"), None, quiet=(ended("2029-01-01"), None)),
    "api-path-sunset-parse": Case(ended("soon"), None, quiet=(ended("2029-01-01"), None)),
    "api-operation-id-removed": Case(
        record(operation_id="a"), record(operation_id="b"), quiet=(record(operation_id=None), record(operation_id="b"))
    ),
    "api-operation-id-added": Case(record(operation_id=None), record(operation_id="b")),
    "api-tag-removed": Case(record(tags=["a", "b"]), record(tags=["b"])),
    "api-tag-added": Case(record(tags=["a"]), record(tags=["a", "b"])),
    "api-server-removed": Case(
        record(servers=[{"url": "https://a.example/v1"}]),
        record(servers=[{"url": "https://b.example/v1"}]),
        quiet=(record(servers=[{"url": "https://a.example"}]), record(servers=[{"url": "https://a.example/"}])),
    ),
    "api-deprecated-sunset-missing": Case(PLAIN, ended()),
    "api-deprecated-sunset-parse": Case(PLAIN, ended("soon"), quiet=(PLAIN, ended("2031-01-01"))),
    "api-sunset-date-too-small": Case(PLAIN, ended("2029-01-01"), quiet=(PLAIN, ended("2030-01-31"))),
    "endpoint-deprecated-with-sunset": Case(PLAIN, ended("2031-01-01"), quiet=(PLAIN, ended())),
    "endpoint-reactivated": Case(ended(), PLAIN),
    "sunset-deleted": Case(ended("2031-01-01"), ended(), quiet=(ended("2031-01-01"), PLAIN)),
    "api-sunset-date-changed-too-small": Case(ended("2032-01-01"), ended("2031-01-01")),
    "api-stability-decreased": Case(PLAIN, record(**{"x-stability-level": "alpha"})),
    "api-stability-increased": Case(record(**{"x-stability-level": "beta"}), PLAIN),
    "api-invalid-stability-level": Case(PLAIN, record(**{"x-stability-level": "rocky"})),
}
PATHS: dict[str, Case] = {
    "api-path-removed-without-deprecation": Case(PLAIN, None, quiet=(ended(), None)),
    "api-path-removed-with-deprecation": Case(ended(), None, quiet=(PLAIN, None)),
    "api-path-removed-before-sunset": Case(ended("2031-01-01"), None, quiet=(ended("2029-01-01"), None)),
}
SECURITY: dict[str, Case] = {
    "api-security-added": Case(record(security=[]), record(security=A)),
    "api-security-removed": Case(record(security=A_OR_B), record(security=A)),
    "api-security-alternative-added": Case(record(security=A), record(security=A_OR_B)),
    "api-security-scope-added": Case(scopes("read"), scopes("read", "write")),
    "api-security-scope-removed": Case(scopes("read", "write"), scopes("read")),
    "api-security-component-type-changed": Case(
        scheme(type="http", scheme="basic"),
        scheme(type="http", scheme="bearer"),
        quiet=(scheme(type="http", scheme="basic"), scheme(type="http", scheme="Basic")),
    ),
    "api-security-component-oauth-url-changed": Case(
        flow(authorizationUrl="https://a.example"), flow(authorizationUrl="https://b.example"), quiet=(flow(), flow())
    ),
    "api-security-component-oauth-token-url-changed": Case(
        flow(tokenUrl="https://a.example"), flow(tokenUrl="https://b.example"), quiet=(flow(), flow(tokenUrl="x"))
    ),
    "api-security-component-oauth-scope-removed": Case(
        flow(scopes={"read": "", "write": ""}), flow(scopes={"read": ""})
    ),
    "api-security-component-oauth-flow-removed": Case(
        scheme(type="oauth2", flows={"implicit": {}, "password": {}}), scheme(type="oauth2", flows={"implicit": {}})
    ),
}
PARAMETERS: dict[str, Case] = {
    "request-parameter-removed": Case(with_parameters(parameter()), PLAIN),
    "request-parameter-removed-with-deprecation": Case(query(), PLAIN, quiet=(query("2031-01-01"), PLAIN)),
    "request-parameter-removed-before-sunset": Case(query("2031-01-01"), PLAIN, quiet=(query("2029-01-01"), PLAIN)),
    "request-parameter-sunset-parse": Case(query("soon"), PLAIN, quiet=(query(), PLAIN)),
    "new-required-request-parameter": Case(
        PLAIN, with_parameters(parameter(required=True)), quiet=(PLAIN, with_parameters(parameter()))
    ),
    "new-optional-request-parameter": Case(PLAIN, with_parameters(parameter())),
    "new-request-path-parameter": Case(
        PLAIN,
        with_parameters(parameter(where="path", required=True)),
        quiet=(
            with_parameters(parameter(where="path", name="id"), path="/a/{id}"),
            with_parameters(parameter(where="path", name="key"), path="/a/{key}"),
        ),
    ),
    "request-parameter-became-required": Case(
        with_parameters(parameter(where="header", name="X-Id")),
        with_parameters(parameter(where="header", name="x-id", required=True)),
    ),
    "request-parameter-became-optional": Case(
        with_parameters(parameter(required=True)), with_parameters(parameter(required=False))
    ),
    "request-parameter-location-changed": Case(
        with_parameters(parameter(where="query")),
        with_parameters(parameter(where="header")),
        quiet=(with_parameters(parameter(where="query")), with_parameters(parameter(where="header", name="y"))),
    ),
    "request-parameter-style-changed": Case(
        with_parameters(parameter({"type": "array"}, explode=True)),
        with_parameters(parameter({"type": "array"}, explode=False)),
        quiet=(
            with_parameters(parameter({"type": "array"})),
            with_parameters(parameter({"type": "array"}, style="form", explode=True)),
        ),
    ),
    "request-parameter-content-changed": Case(
        with_parameters(parameter()),
        with_parameters({"in": "query", "name": "x", "content": {JSON: {"schema": TEXT}}}),
        quiet=(with_parameters(parameter()), with_parameters(parameter({"type": "integer"}))),
    ),
    "request-parameter-deprecated": Case(with_parameters(parameter()), query("2031-01-01")),
    "request-parameter-deprecated-sunset-missing": Case(with_parameters(parameter()), query()),
    "request-parameter-sunset-date-too-small": Case(with_parameters(parameter()), query("2029-01-01")),
    "request-parameter-reactivated": Case(query(), with_parameters(parameter())),
    "request-parameter-sunset-deleted": Case(query("2031-01-01"), query()),
    "request-parameter-sunset-date-changed-too-small": Case(query("2032-01-01"), query("2031-01-01")),
}
BODIES: dict[str, Case] = {
    "request-body-added-required": Case(PLAIN, with_body(TEXT, required=True), quiet=(PLAIN, with_body(TEXT))),
    "request-body-added-optional": Case(PLAIN, with_body(TEXT)),
    "request-body-removed": Case(with_body(TEXT), PLAIN),
    "request-body-became-required": Case(with_body(TEXT), with_body(TEXT, required=True)),
    "request-body-became-optional": Case(with_body(TEXT, required=True), with_body(TEXT, required=False)),
    "request-body-media-type-removed": Case(
        record(request_body={"content": {JSON: {}, "text/csv": {}}}), record(request_body={"content": {JSON: {}}})
    ),
    "request-body-media-type-added": Case(
        record(request_body={"content": {JSON: {}}}), record(request_body={"content": {JSON: {}, "text/csv": {}}})
    ),
    "request-body-media-type-schema-added": Case(record(request_body={"content": {JSON: {}}}), with_body(TEXT)),
    "request-body-media-type-schema-removed": Case(with_body(TEXT), record(request_body={"content": {JSON: {}}})),
    "request-body-encoding-changed": Case(
        encoded("image/png"), encoded("image/jpeg"), quiet=(encoded("image/png"), encoded("image/png"))
    ),
}
RESPONSES: dict[str, Case] = {
    "response-success-status-removed": Case(answers("200", "404"), answers("404")),
    "response-non-success-status-removed": Case(answers("200", "404"), answers("200")),
    "response-success-status-added": Case(answers("200"), answers("200", "202")),
    "response-non-success-status-added": Case(answers("200"), answers("200", "404")),
    "response-media-type-removed": Case(media(JSON, "text/csv"), media(JSON)),
    "response-media-type-added": Case(media(JSON), media(JSON, "text/csv")),
    "response-media-type-name-generalized": Case(media(JSON), media("application/*")),
    "response-media-type-name-specialized": Case(media("application/*"), media(JSON)),
    "response-body-media-type-schema-removed": Case(with_response(TEXT), media(JSON)),
    "response-body-media-type-schema-added": Case(media(JSON), with_response(TEXT)),
    "required-response-header-removed": Case(with_header({"required": True}), answers("200")),
    "optional-response-header-removed": Case(
        with_header({}), answers("200"), quiet=(with_header({}), with_header({}, "x-rate"))
    ),
    "response-header-became-optional": Case(with_header({"required": True}), with_header({})),
    "response-header-added": Case(answers("200"), with_header({})),
}
CASES = {**OPERATIONS, **SECURITY, **PARAMETERS, **BODIES, **RESPONSES}
