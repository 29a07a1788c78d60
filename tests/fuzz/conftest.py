"""A tenant of its own for the fuzzer, so that what it leaves behind is in nobody's list."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
import requests

from infra.dev.system import System
from tests.client import HELLO, Client
from tests.conftest import another_project
from tests.fakes.senders import HOOKS, SIGN, body_of
from tests.workers.features import rows
from tests.workers.traces.sending import send, span, trace_id


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The long search is not even collected unless it is asked for: that alone takes seconds."""
    return True if collection_path.name == "test_long.py" and config.option.markexpr != "fuzz" else None


@dataclass(frozen=True)
class Tenant:
    """Where the fuzzer may do what it likes, and things that exist there, by the name of their path parameter."""

    url: str
    api_key: str
    known: dict[str, str]
    session: requests.Session


@pytest.fixture(scope="session")
def tenant(system: System) -> Iterator[Tenant]:
    """A new project with a finished job, one that failed, a schedule, a batch, a hook that got an event of no use,
    a webhook endpoint, a file, a knowledge base, a trace, and a key nobody needs."""
    api_key = another_project(system)
    with Client(system.url, api_key) as client:
        job = client.run()
        key = client.http.post("/v1/api_keys", json={"name": "nobody needs this"}).json()
        plan = {"name": "new year", "cron": "@yearly", "kind": job["kind"], "input": job["input"]}
        schedule = client.http.post("/v1/schedules", json=plan).json()
        batch = client.http.post("/v1/batches", json={"jobs": [{"kind": job["kind"], "input": job["input"]}]}).json()
        failed = client.run({"model": "openai/fail-500", "messages": HELLO}, max_attempts=1)
        hook, message = hook_with_message(client, job["kind"])
        delivery = tested_endpoint(client)
        file = client.http.post("/v1/files", content=b"fuzz").json()
        knowledge = knowledge_base(client, job["project_id"])
        suite = suite_with_case(client)
        trace = span("fuzz", session__id="fuzz")
        send(client, [trace])
    assert job["status"] == "succeeded", job
    known = {"job_id": job["id"], "key_id": key["id"], "project_id": job["project_id"]}
    known |= {"schedule_id": schedule["id"], "batch_id": batch["id"]}
    known |= {"hook_id": hook, "message_id": message, "file_id": file["id"]}
    known |= {"endpoint_id": delivery["endpoint_id"], "delivery_id": delivery["id"], "event_type": "job.failed"}
    known |= knowledge | suite
    known |= feature_at_risk(system, job["project_id"])
    known["trace_id"] = trace_id(trace)
    known["dead_letter_id"] = failed["id"].replace("job_", "dl_")
    with requests.Session() as session:
        session.trust_env = False
        yield Tenant(system.url, api_key, known, session)


def feature_at_risk(system: System, project_id: str) -> dict[str, str]:
    """A feature with a prompt and an open drift, as an analysis writes them."""
    database = rows.Rows(system.database_url, project_id)
    feature = database.add("feat", rows.feature)
    database.do(rows.prompt, UUID(feature.removeprefix("feat_")))
    drift = database.add("drift", rows.drift, UUID(feature.removeprefix("feat_")))
    database.close()
    return {"feature_id": feature, "drift_id": drift}


def knowledge_base(client: Client, project_id: str) -> dict[str, str]:
    """A knowledge base with a document, a saved query and a database, and what else may stand in a path below it."""
    bases = f"/v1/projects/{project_id}/knowledge_bases"
    base = client.http.post(bases, json={"name": "fuzz"}).json()
    document = client.http.post(f"{bases}/{base['id']}/documents", json={"title": "fuzz", "text": "fuzz"}).json()
    saved = {"query": "fuzz", "expected": [{"entry_id": document["id"]}]}
    query = client.http.post(f"{bases}/{base['id']}/queries", json=saved).json()
    nowhere = {"name": "fuzz", "dsn": "postgresql://nobody@127.0.0.1:9/none"}
    database = client.http.post(f"{bases}/{base['id']}/databases", json=nowhere).json()
    ids = {"kb_id": base["id"], "entry_id": document["id"], "query_id": query["id"], "database_id": database["id"]}
    return {**ids, "collection": "documents", "number": "1", "evaluation_id": query["id"].replace("kbq_", "kbe_")}


def suite_with_case(client: Client) -> dict[str, str]:
    """A test case, a suite of it, and an environment with a secret."""
    case = client.http.post("/v1/test_cases", json={"name": "fuzz", "steps": [{"method": "GET", "url": "/"}]}).json()
    suite = client.http.post("/v1/suites", json={"name": "fuzz", "case_ids": [case["id"]]}).json()
    environment = client.http.post("/v1/environments", json={"name": "fuzz"}).json()
    client.http.put(f"/v1/environments/{environment['id']}/secrets/token", json={"value": "fuzz-secret"})
    ids = {"case_id": case["id"], "suite_id": suite["id"], "environment_id": environment["id"]}
    return {**ids, "secret_name": "token", **run_with_failure(client, case["id"])}


def run_with_failure(client: Client, case_id: str) -> dict[str, str]:
    """A run of that case, which cannot go anywhere, its execution, and the failure that is remembered."""
    job = client.http.post("/v1/test_runs", json={"test_case_ids": [case_id]}).json()
    assert client.wait(job["id"])["status"] == "succeeded"
    run = job["id"].replace("job_", "run_")
    execution = client.http.get(f"/v1/test_runs/{run}/executions").json()["data"][0]
    failure = client.http.get("/v1/test_failures").json()["data"][0]
    return {"run_id": run, "case_run_id": execution["id"], "failure_id": failure["id"]}


def hook_with_message(client: Client, kind: str) -> tuple[str, str]:
    """The ids of a hook and of its message, which failed: its event has nothing for the input."""
    made = {"name": "fuzz", "kind": kind, "input": {"messages": "{{ /messages }}"}, **HOOKS["plain"]}
    hook, body = client.http.post("/v1/hooks", json=made).json(), body_of({})
    headers = SIGN["plain"](hook["secret"], body)
    return hook["id"], client.http.post(f"/v1/hooks/{hook['id']}", content=body, headers=headers).json()["id"]


def tested_endpoint(client: Client) -> dict[str, str]:
    """The delivery of a test to a new webhook endpoint, where nobody listens."""
    wanted = {"url": "http://127.0.0.1:9/", "event_types": ["job.failed"]}
    endpoint = client.http.post("/v1/webhook_endpoints", json=wanted).json()
    delivery: dict[str, str] = client.http.post(f"/v1/webhook_endpoints/{endpoint['id']}/test").json()
    return delivery
