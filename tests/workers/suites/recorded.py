"""Runs as they are after their job ended, written straight into the database."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from infra import ids
from infra.clock import now, rfc3339
from models import CaseResult, CaseRun, Failure, Run, Verdict
from workers.suites import counting

Json = dict[str, Any]


def http_step(
    verdict: str = "passed",
    *,
    id: str = "step_1",
    status: int | None = 200,
    expected: Any = 200,
    body: str | None = '{"id": 7, "name": "Ada"}',
    assertions: list[Json] | None = None,
    **more: Any,
) -> Json:
    """The result of a step; by default its one assertion is of the status."""
    response: Json = {"status": status, "headers": [["Content-Type", "application/json"]], "body": body, "bytes": 24}
    said = f"The status is {status}." if verdict == "passed" else f"The status is {status}, not {expected}."
    judged = {"type": "status", "verdict": verdict, "message": said, "expected": expected, "actual": status}
    return {
        "id": id,
        "name": None,
        "phase": "steps",
        "kind": "http",
        "verdict": verdict,
        "reason": None if verdict == "passed" else said,
        "started_at": rfc3339(now()),
        "milliseconds": 12.5,
        "tries": 1,
        "request": {
            "method": "POST",
            "url": "http://shop.test/users/7?verbose=1",
            "headers": [["Content-Type", "application/json"], ["Authorization", "Bearer (secret)"]],
            "body": '{"name": "Ada"}',
            "encoding": "utf-8",
            "bytes": 15,
            "cut": False,
            "file_id": None,
        },
        "response": {} if status is None else {**response, "encoding": "utf-8", "cut": False, "file_id": None},
        "assertions": [judged] if assertions is None else assertions,
        "extracted": {},
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        **more,
    }


def executed(verdict: str = "passed", *steps: Json, row: int = 0, repetition: int = 0, **more: Any) -> Json:
    """One execution, as `Recorder.case` takes it."""
    shown = list(steps) or [http_step(verdict, status=200 if verdict == "passed" else 500)]
    reason = next((one["reason"] for one in shown if one["verdict"] != "passed"), None)
    return {"verdict": verdict, "steps": shown, "data_row": row, "repetition": repetition, "reason": reason, **more}


class Recorder:
    """A run whose cases are written one by one; `end` counts them."""

    def __init__(self, session: Session, project_id: UUID, **more: Any) -> None:
        self.session, self.project_id = session, project_id
        moment = more.pop("created_at", now())
        begun: Json = {"id": ids.new_id(), "created_at": moment, "started_at": moment, "finished_at": None}
        said: Json = {"wishes": {"test_case_ids": []}, "plan": [], "seed": 1, "attempt": 1, **more}
        self.run = Run(project_id=project_id, **{**begun, **said})
        session.add(self.run)
        session.flush()
        self.results: list[CaseResult] = []

    def case(
        self,
        name: str,
        *executions: Json,
        verdict: str | None = None,
        case_id: UUID | None = None,
        version: int = 1,
        new: bool = False,
        **more: Any,
    ) -> CaseResult:
        """What became of a case, and its executions."""
        case_id = case_id or ids.new_id()
        found = [one["verdict"] for one in executions]
        bad = next((one for one in executions if one["verdict"] != "passed"), None)
        fingerprints = [] if bad is None else [f"{case_id.hex[-16:]}{case_id.hex[:16]}"]
        result = CaseResult(
            run_id=self.run.id,
            case_id=case_id,
            project_id=self.project_id,
            position=len(self.results),
            case_version=version,
            name=name,
            verdict=verdict or (found[0] if len({*found}) == 1 else "flaky"),
            **{"reason": None if bad is None else bad["reason"]} | {k: more.pop(k) for k in ("reason",) if k in more},
            counts={one.value: found.count(one) for one in Verdict},
            milliseconds=12.5 * len(executions),
            fingerprints=fingerprints,
            new_fingerprints=fingerprints if new else [],
            finished_at=now(),
            **more,
        )
        self.results.append(result)
        self.session.add(result)
        for one in executions:
            self._execution(result, one, fingerprints)
        self.session.flush()
        return result

    def _execution(self, result: CaseResult, one: Json, fingerprints: list[str]) -> None:
        self.session.add(
            CaseRun(
                **{
                    "id": ids.new_id(),
                    "created_at": now(),
                    "attempt": 1,
                    "trace_id": "0af7651916cd43dd8448eb211c80319c",
                }
                | {"milliseconds": 12.5, "fingerprint": fingerprints[0] if one["verdict"] != "passed" else None}
                | one,
                project_id=self.project_id,
                run_id=self.run.id,
                case_id=result.case_id,
                case_version=result.case_version,
            )
        )

    def failure(self, result: CaseResult, *, occurrences: int = 3, since: datetime | None = None) -> Failure:
        """The memory of a case's failure."""
        made = Failure(
            project_id=self.project_id,
            case_id=result.case_id,
            fingerprint=result.fingerprints[0],
            step="step_1",
            reason=result.reason or "",
            occurrences=occurrences,
            first_run_id=self.run.id,
            first_seen_at=since or now() - timedelta(days=3),
            last_run_id=self.run.id,
            last_seen_at=now(),
        )
        self.session.add(made)
        self.session.flush()
        return made

    def end(self, verdict: str | None = None) -> Run:
        """The run, counted."""
        counts = counting.counts_of(self.results)
        run = self.run
        run.counts, run.verdict = counts, verdict or counting.verdict_of(counts)
        run.reason = counting.reason_of(counts)
        run.total = run.done = sum(sum(one.counts.values()) for one in self.results)
        run.finished_at = now()
        self.session.flush()
        return run
