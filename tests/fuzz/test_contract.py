"""Schemathesis over our own openapi.json: whatever is sent, the answer is one that the document promises.

`make test` walks a short, always equal way: every boundary that the document names, and a few examples of each
operation. `make fuzz` walks a long one that differs each time (test_long.py).
"""

import re
from copy import deepcopy
from http import HTTPStatus
from itertools import count
from random import Random
from typing import Any
from unittest import SkipTest

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.core.control import SkipTest as NothingToTest
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.specs.openapi import checks as openapi

from api.app import create_app
from api.openapi import document
from infra.gunicorn_conf import limit_request_line
from tests.fuzz.conftest import Tenant

# Some operations have hundreds of boundaries; `make fuzz` sends all of them.
MOST = 12
CHECKS = [
    schemathesis.checks.not_a_server_error,
    openapi.status_code_conformance,
    openapi.content_type_conformance,
    openapi.response_headers_conformance,
    openapi.response_schema_conformance,
]


def examples(number: int, *, always_equal: bool) -> settings:
    """How much is tried. Nothing is shrunk: schemathesis prints a curl command, and that is short enough."""
    return settings(
        max_examples=number,
        derandomize=always_equal,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.generate),
    )


def walked_once(whole: dict[str, Any]) -> dict[str, Any]:
    """The document with the steps of test cases at length in one place of four, and there as requests over HTTP, since
    a completion's fields are those of a job: all of it would be 27,000 requests."""
    schemas = whole["components"]["schemas"]
    for name in ("CaseIn", "CasePatch", "SuiteIn", "SuitePatch"):
        for phase in {"setup", "steps", "teardown"} & schemas[name]["properties"].keys():
            at_length = (name, phase) == ("CaseIn", "steps")
            items = {"$ref": "#/components/schemas/HttpStep"} if at_length else {"type": "object"}
            schemas[name]["properties"][phase]["items"] = items
    return whole


WHOLE = document(create_app())
DOCUMENT = walked_once(deepcopy(WHOLE))
# What stands below `kb` is the same as below `knowledge_bases/{kb_id}`, and entries below `draft` as above it; what
# stands below a project's `suites` as without the project.
ELSEWHERE = re.compile("_of_project$|_draft_entr(y|ies)$")


def contract(mode: GenerationMode, whole: dict[str, Any] = DOCUMENT) -> Any:
    """The document, to be asked in one way: as it wants to be, or not."""
    schema = schemathesis.openapi.from_dict(whole)
    schema.config.generation.update(modes=[mode])
    return schema


good = contract(GenerationMode.POSITIVE)
bad = contract(GenerationMode.NEGATIVE)


@schemathesis.serializer("application/jsonl", "application/x-ndjson", "application/x-protobuf")
def lines(_context: Any, value: Any) -> bytes:
    """A body of JSON lines, or of bytes."""
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


def ask(case: Case[Any], tenant: Tenant) -> None:
    """Sends the case, about things that exist half of the time."""
    choice = Random(repr((case.query, case.headers, case.path_parameters)))
    for name in case.path_parameters or ():
        if choice.random() < 0.5:
            case.path_parameters[name] = tenant.known[name]
    headers = {"Authorization": f"Bearer {tenant.api_key}"}
    response = case.call(tenant.url, session=tenant.session, headers=headers, timeout=70)
    if response.status_code == HTTPStatus.REQUEST_URI_TOO_LONG:
        # gunicorn's own refusal of what no browser sends, before the application sees anything.
        assert len(str(response.request.url)) > limit_request_line - 200
        return
    case.validate_response(response, checks=CHECKS)


# Each is looked at when its test runs: for all of them at once, that takes half a minute before the first test.
OPERATIONS = [
    (path, verb)
    for path, item in DOCUMENT["paths"].items()
    for verb, operation in item.items()
    if not ELSEWHERE.search(operation["operationId"])
]
each_operation = pytest.mark.parametrize(("path", "verb"), OPERATIONS, ids=lambda part: part.strip("/"))


def walk(schema: Any, path: str, verb: str, tenant: Tenant, wanted: settings, most: int | None = None) -> None:
    """All cases of one operation; beyond the first `most`, one of ten."""
    seen = count()

    @wanted
    def one(case: Case[Any]) -> None:
        number = next(seen)
        if most is None or number < most or number % 10 == 0:
            ask(case, tenant)

    operation = schema[path][verb.upper()]
    try:
        build_operation_test(
            config=schema.config, operation=operation, test_func=one, given_kwargs={}, feedback=FeedbackSources()
        )()
    except (SkipTest, NothingToTest, Unsatisfiable):
        pytest.skip("No such data can be made for it.")


@each_operation
def test_good_data_gets_a_promised_answer(path: str, verb: str, tenant: Tenant) -> None:
    walk(good, path, verb, tenant, examples(2, always_equal=True), MOST)


@each_operation
def test_bad_data_gets_a_promised_answer(path: str, verb: str, tenant: Tenant) -> None:
    walk(bad, path, verb, tenant, examples(3, always_equal=True), MOST)
