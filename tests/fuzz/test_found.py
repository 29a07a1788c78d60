"""What the long search once found stays found: requests that got a 500, and must be refused or served."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import httpx
import pytest

from tests.client import HELLO, Client
from tests.fuzz.conftest import Tenant

# Well-formed, but PostgreSQL knows no such offset, or the time does not exist in UTC.
ODD_TIMES = ["2030-01-01T00:00:00+17:53", "0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00"]


@pytest.fixture(scope="module")
def http(tenant: Tenant) -> Iterator[httpx.Client]:
    with Client(tenant.url, tenant.api_key) as client:
        yield client.http


@pytest.mark.parametrize("name", ["created_before", "created_after"])
@pytest.mark.parametrize("time", ODD_TIMES)
def test_an_odd_time_in_a_filter_is_understood_or_refused(http: httpx.Client, name: str, time: str) -> None:
    assert http.get("/v1/jobs", params={name: time}).status_code in (HTTPStatus.OK, HTTPStatus.UNPROCESSABLE_ENTITY)


@pytest.mark.parametrize("time", ODD_TIMES)
def test_an_odd_time_to_run_at_is_understood_or_refused(http: httpx.Client, time: str) -> None:
    answer = _submit(http, run_at=time)
    assert answer.status_code in (HTTPStatus.ACCEPTED, HTTPStatus.UNPROCESSABLE_ENTITY)


def test_a_deadline_beyond_the_end_of_time_is_refused(http: httpx.Client) -> None:
    answer = _submit(http, run_at="9999-12-31T23:59:59Z", deadline_s=100_000)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY


@pytest.mark.parametrize("time", ODD_TIMES)
def test_an_odd_end_of_a_key_is_understood_or_refused(http: httpx.Client, time: str) -> None:
    answer = http.post("/v1/api_keys", json={"name": "odd", "expires_at": time})
    assert answer.status_code in (HTTPStatus.CREATED, HTTPStatus.UNPROCESSABLE_ENTITY)


def _submit(http: httpx.Client, **wish: Any) -> httpx.Response:
    return http.post("/v1/jobs", json={"kind": "completion", "input": {"model": "sandbox", "messages": HELLO}, **wish})
