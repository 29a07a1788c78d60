"""Automated tests as a user lives them, over HTTP alone: from a description to a fault that is found and fixed."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from infra.dev.system import System
from tests.client import Client
from tests.conftest import another_project
from tests.fakes.receiver import Received, Receiver
from tests.fakes.shop.running import Shop, running

Json = dict[str, Any]

# The long form generates for all operations, and waits for the schedule's own time.
LONG = os.environ.get("JOURNEY") == "long"
OPERATIONS = ["GET /products", "POST /products", "GET /products/{sku}"]
FAULT = "products_limit_plus_one"
TIMES = 10
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    """The API that is tested."""
    with running() as started:
        yield started


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """Who waits for webhooks."""
    with Receiver() as started:
        yield started


@dataclass
class Author:
    """A user with a project of their own."""

    client: Client

    def get(self, path: str, **query: Any) -> Json:
        answer = self.client.http.get(f"/v1{path}", params=query)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def send(self, path: str, body: Json | None = None, *, status: int = 201, method: str = "POST") -> Json:
        answer = self.client.http.request(method, f"/v1{path}", json=body or {})
        assert answer.status_code == status, answer.text
        found: Json = answer.json()
        return found

    def done(self, path: str, body: Json | None = None) -> Json:
        """The result of the job that this starts."""
        job = self.send(path, body, status=202)
        until = time.monotonic() + (600 if LONG else 90)
        while job["finished_at"] is None and time.monotonic() < until:
            job = self.client.wait(job["id"])
        assert job["status"] == "succeeded", job
        result: Json = job["result"]
        return result


@pytest.fixture(scope="module")
def author(system: System) -> Iterator[Author]:
    with Client(system.url, another_project(system)) as client:
        yield Author(client)


@pytest.mark.slow
@pytest.mark.timeout(1800 if LONG else 240)
def test_from_a_description_to_a_watched_suite(author: Author, shop: Shop, receiver: Receiver, tmp_path: Path) -> None:
    shop.switch()
    suite = approved_suite(author, shop)

    # A faulty system: each case is run ten times, and the report names what is wrong.
    shop.switch(FAULT)
    failed = author.done(f"/suites/{suite}/run", {"times": TIMES})
    assert failed["verdict"] == "failed" and failed["failed"] >= 1 and failed["errored"] == 0, failed
    assert failed["executions"] == failed["total"] * TIMES
    found = author.get(f"/test_runs/{failed['run_id']}/cases", verdict="failed", limit=100)["data"]
    operations = {author.get(f"/test_cases/{one['test_case_id']}")["operation"] for one in found}
    assert operations == {"GET /products"}, [(one["name"], one["reason"]) for one in found]
    page = author.client.http.get(f"/v1/test_runs/{failed['run_id']}/report", params={"format": "html"})
    assert page.status_code == 200 and found[0]["name"] in as_seen(page.text, tmp_path)

    # It is fixed, and what failed is run again.
    shop.switch()
    rerun = author.done(f"/test_runs/{failed['run_id']}/rerun", {"only": "failed"})
    assert (rerun["verdict"], rerun["passed"], rerun["failed"]) == ("passed", len(found), 0), rerun

    # From here on it is run by the clock, and a webhook says how it went.
    endpoint = {"url": receiver.url("/runs"), "event_types": ["testrun.finished"]}
    secret = author.send("/webhook_endpoints", endpoint)["secret"]
    schedule = {"name": "every minute", "cron": "* * * * *", "kind": "test.run", "input": {"suite": "shop"}}
    planned = author.send("/schedules", schedule)
    if not LONG:
        author.send(f"/schedules/{planned['id']}/run", status=202)
    webhook = told(receiver, "/runs")
    Webhook(secret).verify(webhook.body, webhook.headers)
    assert webhook.event["type"] == "testrun.finished" and webhook.event["data"]["verdict"] == "passed"
    assert webhook.event["data"]["suite_id"] == suite
    author.send(f"/schedules/{planned['id']}", method="DELETE", status=200)


def approved_suite(author: Author, shop: Shop) -> str:
    """The id of a suite of cases that were generated from the shop's description and approved."""
    project = author.get("/projects")["data"][0]["id"]
    ingested = author.done(f"/projects/{project}/kb/upload-openapi", {"document": shop.specification()})
    assert ingested["operations"]["added"] >= 25, ingested
    auth = {
        "bearerAuth": {"type": "bearer", "token": "{{secret.token}}"},
        "apiKey": {"type": "api_key", "in": "header", "name": "X-Api-Key", "value": "{{secret.key}}"},
    }
    made = {"name": "staging", "base_url": shop.url, "auth": auth, "default_auth": "bearerAuth"}
    environment = author.send("/environments", made)["id"]
    for name, value in (("token", shop.customer_token), ("key", shop.staff_key)):
        author.send(f"/environments/{environment}/secrets/{name}", {"value": value}, method="PUT", status=200)
    wish = {"from": "openapi", "seed": 7, "environment": "staging", **({} if LONG else {"operations": OPERATIONS})}
    drafts = author.done("/test_cases/generate", wish)["drafts"]
    assert len(drafts) >= 20
    for at in range(0, len(drafts), 1000):
        author.send("/test_cases/approve", {"test_case_ids": drafts[at : at + 1000]}, status=200)
    suite = {"name": "shop", "select_tags": ["generated"], "environment_id": environment}
    return str(author.send("/suites", suite)["id"])


def told(receiver: Receiver, path: str) -> Received:
    """The first webhook that came there."""
    until = time.monotonic() + 100
    while not receiver.at(path):
        assert time.monotonic() < until, "no webhook came"
        time.sleep(0.05)
    return receiver.at(path)[0]


def as_seen(page: str, folder: Path) -> str:
    """The page as a browser has it, where one is installed."""
    if BROWSER is None:
        return page
    file = folder / "report.html"
    file.write_text(page)
    look = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'browser'}"]
    seen = subprocess.run([*look, "--dump-dom", file.as_uri()], capture_output=True, text=True, timeout=60, check=True)
    return seen.stdout
