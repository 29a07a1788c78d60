"""A run in which everything has happened once."""

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from infra import db
from infra.clock import now
from models import Environment, Run, Suite
from tests.workers.jobs.conftest import Core
from tests.workers.suites.recorded import Recorder, executed, http_step
from workers.suites.reports import gathering
from workers.suites.reports.gathering import Head

Json = dict[str, Any]

HOSTILE = "</pre><script>document.title = 'owned'</script><img src=x onerror=alert(1)> \x08\x1b\ufffe ]]>"
MODEL_STEP: Json = {
    "id": "ask",
    "name": "Ask for the capital",
    "phase": "steps",
    "kind": "completion",
    "verdict": "failed",
    "reason": "What was said does not mean what was expected.",
    "started_at": "2026-11-21T18:00:00Z",
    "milliseconds": 900.0,
    "tries": 1,
    "request": {"model": "openai/gpt-5", "messages": [{"role": "user", "content": "What is the capital of France?"}]},
    "response": {"message": {"role": "assistant", "content": "Lyon."}, "finish_reason": "stop", "usage": {}},
    "assertions": [
        {
            "type": "same_meaning",
            "verdict": "failed",
            "message": "1 of 1 judges says that it means something else.",
            "expected": "Paris",
            "actual": "Lyon.",
            "details": [{"score": 0.1, "reason": "Lyon is another city."}],
        }
    ],
    "extracted": {},
}


def record(session: Any, project: UUID) -> Run:
    """The run."""
    suite = Suite(
        project_id=project,
        updated_at=now(),
        name="Shop smoke",
        tags=[],
        case_ids=[],
        select_tags=[],
        content={},
        defaults={},
        badge_token="t",
    )
    staging = Environment(project_id=project, updated_at=now(), name="staging", variables={}, headers={}, auth={})
    session.add_all([suite, staging])
    session.flush()
    around = {"setup": [http_step("failed", id="login", status=401, phase="setup")], "teardown": [http_step()]}
    run = Recorder(session, project, suite_id=suite.id, environment_id=staging.id, around=around)
    run.case("A user can be read", executed())
    hostile = http_step("failed", status=500, body=HOSTILE, name=HOSTILE)
    broken = run.case(f"An order can be placed {HOSTILE}", executed("failed", http_step(id="login"), hostile), new=True)
    run.failure(broken, occurrences=1, since=now())
    known = run.case(
        "A basket keeps its items",
        *(executed("failed" if row else "passed", row=row) for row in range(2)),
        verdict="failed",
    )
    run.failure(known, occurrences=12, since=now() - timedelta(days=9))
    run.case("The capital of France is known", executed("failed", MODEL_STEP), new=True)
    run.case("A slow page comes", *(executed("passed" if n % 3 else "failed", repetition=n) for n in range(9)))
    unreached = http_step("errored", status=None, assertions=[], reason="The target did not answer within 30 seconds.")
    run.case("The search answers", executed("errored", unreached))
    run.case("An old thing", executed("failed"), quarantined=True)
    said = {"verdict": "passed", "note": "The limit was raised.", "by": "key_" + "0" * 32, "at": "2026-11-21T18:05:00Z"}
    run.case("A limit holds", executed("failed"), override={**said, "history": []})
    run.case("A wrong limit is seen", executed(), override={**said, "verdict": "failed", "history": []})
    run.case("Never tried", verdict="skipped", reason="The run stopped before it.")
    return run.end()


Written = Callable[[Callable[[Head, Any], None]], bytes]


@pytest.fixture
def rich(core: Core) -> Head:
    """That run, as reports are told of it."""
    project = core.project()
    with db.transaction() as session:
        run = record(session, project)
    return gathering.head(project, run.id)


@pytest.fixture
def written(rich: Head) -> Written:
    """Writes a report of it."""

    def write(writer: Callable[[Head, Any], None]) -> bytes:
        out = io.BytesIO()
        writer(rich, out)
        return out.getvalue()

    return write
