"""What a person makes of what came back: it is right from now on (accept), it is a fault (reject), or it is a case of
its own (new_case). The latest decision stands, and all are kept."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from infra import ids
from infra.errors import BadInput, Conflict, NothingToAccept
from models import Case, CaseOrigin, CaseResult, CaseRun, CaseRunDecision, CaseState, Run, StoredFile, Verdict
from workers.suites import cases, content, runs
from workers.suites.observing import observed
from workers.suites.overriding import with_history

Json = dict[str, Any]

LOOKED_AT = 100
LONGEST_NAME = 150
BAD = (Verdict.FAILED, Verdict.ERRORED)


def accept(session: Session, run: Run, case_id: UUID, body: Json, *, by: UUID) -> CaseResult:
    """Makes what came back the expectation: a new version of the case. Raises NotFound, NothingToAccept with reasons,
    and Conflict where the case is another one by now."""
    result = runs.get_result(session, run, case_id, lock=True)
    case = cases.get_case(session, run.project_id, case_id, lock=True)
    _require_same(case, result)
    wanted = body.get("case_run_id")
    passed = int(result.counts.get(Verdict.PASSED, 0))
    if wanted is None and passed:
        raise NothingToAccept(
            f"{passed} executions passed with what is expected now, and would not any more; name the execution to "
            "follow in `case_run_id`, or make a new case of it."
        )
    made = _observed(session, run, case, case_id, wanted)
    note = f"Characterisation of {run.public_id}: what came back is expected. {body['note']}".strip()
    if not cases.set_content(session, case, made, by=by, note=note):
        raise NothingToAccept("The case expects that already.")
    decided = {"decision": CaseRunDecision.ACCEPTED.value, "case_version": case.version}
    return _decide(session, result, decided, body, by)


def reject(session: Session, run: Run, case_id: UUID, body: Json, *, by: UUID) -> CaseResult:
    """What came back is a fault of what is tested; raises NotFound, and Conflict where nothing was wrong."""
    result = runs.get_result(session, run, case_id, lock=True)
    if result.verdict not in (*BAD, Verdict.FLAKY):
        raise Conflict(f"The case is {result.verdict} in this run, so there is no fault to note.")
    return _decide(session, result, {"decision": CaseRunDecision.REJECTED.value}, body, by)


def new_case(session: Session, run: Run, case_id: UUID, body: Json, *, by: UUID) -> CaseResult:
    """Makes a copy of the case that expects what came back, as a draft. Raises what `accept` raises."""
    result = runs.get_result(session, run, case_id, lock=True)
    case = cases.get_case(session, run.project_id, case_id)
    _require_same(case, result)
    made = _observed(session, run, case, case_id, body.get("case_run_id"))
    copy = cases.create_case(
        session,
        run.project_id,
        _as_body(case, made),
        created_by=by,
        state=CaseState.DRAFT,
        origin=CaseOrigin.RUN,
        source={"run_id": run.public_id, "test_case_id": case.public_id, "version": case.version},
        note=f"Characterisation of {run.public_id}: what came back is expected.",
    )
    decided = {"decision": CaseRunDecision.NEW_CASE.value, "test_case_id": copy.public_id}
    return _decide(session, result, decided, body, by)


def _require_same(case: Case, result: CaseResult) -> None:
    if case.version != result.case_version:
        raise Conflict(
            f"The case is at version {case.version} by now, and the run had {result.case_version}; run it again."
        )


def _observed(session: Session, run: Run, case: Case, case_id: UUID, wanted: UUID | None) -> Json:
    executions = _executions(session, run, case_id, wanted)
    made = observed(cases.content_of(session, case), executions)
    try:
        content.check(made)
    except BadInput as error:
        raise NothingToAccept(f"What came back is no expectation. {error.detail}", errors=error.errors) from None
    return made


def _executions(session: Session, run: Run, case_id: UUID, wanted: UUID | None) -> list[CaseRun]:
    if wanted is None:
        return runs.bad_executions(session, run, case_id, LOOKED_AT)
    found = runs.get_execution(session, run, wanted)
    if found.case_id != case_id:
        detail = "Is no execution of this case."
        raise BadInput(detail, errors=[{"pointer": "/case_run_id", "detail": detail}])
    return [found]


def _as_body(case: Case, made: Json) -> Json:
    """As `create_case` wants it."""
    file_id = made.get("data_file_id")
    labels = {name: getattr(case, name) for name in cases.LABELS}
    name = f"{case.name[:LONGEST_NAME]} (as observed)"
    rows = {"data": made["data"]} | ({"data_file_id": ids.parse(StoredFile.prefix, file_id)} if file_id else {})
    return {
        **labels,
        "name": name,
        "variables": made["variables"],
        **rows,
        **{one: made[one] for one in content.PHASES},
    }


def _decide(session: Session, result: CaseResult, decided: Json, body: Json, by: UUID) -> CaseResult:
    result.decision = with_history(result.decision, {**decided, "note": body.get("note") or None}, by)
    session.flush()
    return result
