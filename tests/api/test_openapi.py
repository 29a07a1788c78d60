"""The document and the page that shows it."""

import json
import re

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from api.app import create_app
from api.docs_page import FILES, POLICY
from api.openapi import document
from infra.dev.system import System
from tests.client import Client, Json
from workers.kinds import KINDS

DOCUMENT = document(create_app())
OPERATIONS = {
    f"{verb} {path}": operation for path, verbs in DOCUMENT["paths"].items() for verb, operation in verbs.items()
}
PROTECTED = {name: one for name, one in OPERATIONS.items() if one["security"]}


@pytest.fixture(scope="module")
def visitor(system: System):
    with Client(system.url, None) as anonymous:
        yield anonymous.http


def test_the_document_is_valid_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert not list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors())


def test_it_is_served_to_anybody_as_it_was_built_and_again_only_if_it_changed(visitor) -> None:
    answer = visitor.get("/v1/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == json.loads(json.dumps(DOCUMENT))
    assert "RateLimit" in answer.headers
    again = visitor.get("/v1/openapi.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_it_holds_every_path_of_the_contract_that_is_built() -> None:
    wanted = {"/v1/jobs", "/v1/jobs/{job_id}", "/v1/jobs/{job_id}/cancel", "/v1/jobs/{job_id}/retry", "/v1/jobs/stats"}
    wanted |= {"/v1/jobs/{job_id}/events", "/v1/api_keys", "/v1/projects", "/v1/openapi.json", "/docs"}
    assert wanted | {"/health", "/ready", "/metrics"} <= set(DOCUMENT["paths"])


def resolved(answer: Json) -> Json:
    """The answer that a reference names."""
    name = answer.get("$ref", "").removeprefix("#/components/responses/")
    return DOCUMENT["components"]["responses"][name] if name else answer


@pytest.mark.parametrize("name", PROTECTED)
def test_a_protected_operation_promises_its_failures_as_problems(name: str) -> None:
    operation = PROTECTED[name]
    responses = {status: resolved(answer) for status, answer in operation["responses"].items()}
    assert {"401", "403", "429", "500", "503"} <= set(responses)
    # OpenTelemetry's exporters know 400 for whatever is wrong with a request.
    assert ("422" in responses) or "/otlp/" in name
    assert ("404" in responses) or "{" not in name
    assert {"400", "413", "415"} <= set(responses) or "requestBody" not in operation
    for status, response in responses.items():
        assert "X-Request-Id" in response["headers"]
        if int(status) >= 400:
            assert list(response["content"]) == ["application/problem+json"]
    assert all("Retry-After" in responses[status]["headers"] for status in ("429", "503"))


def test_operation_ids_are_unique_and_every_tag_is_described() -> None:
    ids = [one["operationId"] for one in OPERATIONS.values()]
    assert len(ids) == len(set(ids))
    assert {tag for one in OPERATIONS.values() for tag in one["tags"]} == {tag["name"] for tag in DOCUMENT["tags"]}


def test_no_schema_was_named_twice() -> None:
    assert not [name for name in DOCUMENT["components"]["schemas"] if re.search(r"\d$", name)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_of_job_has_its_own_shape_and_example(kind) -> None:
    schemas: Json = DOCUMENT["components"]["schemas"]
    ref = schemas["JobIn"]["discriminator"]["mapping"][kind.name]
    assert {"$ref": ref} in schemas["JobIn"]["oneOf"]
    shape = schemas[ref.rpartition("/")[2]]
    assert shape["properties"]["kind"]["const"] == kind.name
    assert shape["properties"]["input"] == {"$ref": f"#/components/schemas/{kind.payload.__name__}"}
    body = OPERATIONS["post /v1/jobs"]["requestBody"]["content"]["application/json"]
    assert body["examples"][kind.name]["value"] == {"kind": kind.name, "input": kind.example}


def test_events_are_a_list_or_a_stream_that_can_be_resumed() -> None:
    operation = OPERATIONS["get /v1/jobs/{job_id}/events"]
    assert set(operation["responses"]["200"]["content"]) == {"application/json", "text/event-stream"}
    assert "204" in operation["responses"]
    assert "Last-Event-ID" in {one["name"] for one in operation["parameters"]}


def test_the_page_loads_only_from_here_and_may_load_from_nowhere_else(visitor) -> None:
    page = visitor.get("/docs")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.headers["Content-Security-Policy"] == POLICY
    assert "unsafe" not in POLICY and "http" not in POLICY
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert all(address.startswith("/") for address in loaded)
    assert {visitor.get(address).status_code for address in loaded} == {200}


@pytest.mark.parametrize("name", FILES)
def test_the_viewers_files_have_their_type_and_are_kept(visitor, name: str) -> None:
    answer = visitor.get(f"/docs/{name}")
    assert answer.headers["Content-Type"] == FILES[name]
    assert "max-age" in answer.headers["Cache-Control"]
    assert visitor.get(f"/docs/{name}", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize("name", ["index.css", "..%2Fflask_swagger_ui.py", "nothing.js"])
def test_nothing_else_of_the_wheel_is_served(visitor, name: str) -> None:
    answer = visitor.get(f"/docs/{name}")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
