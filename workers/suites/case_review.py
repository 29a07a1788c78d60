"""What people decide about test cases: drafts are approved or rejected, flaky ones quarantined and released."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from infra import ids
from infra.clock import now, rfc3339
from infra.errors import Conflict, NotFound
from models import ApiKey, Case, CaseState, Run
from workers import events
from workers.suites.cases import get_cases

Json = dict[str, Any]

QUARANTINED, RELEASED = "test_case.quarantined", "test_case.released"
MOST_NAMED = 20


def review(
    session: Session, project_id: UUID, case_ids: Sequence[UUID], state: CaseState, *, by: UUID | None, note: str | None
) -> list[Case]:
    """These drafts, all of them approved or rejected, in their order. Raises NotFound where there is no such case, and
    Conflict where one is no draft; nothing is changed then."""
    found = get_cases(session, project_id, case_ids, lock=True)
    where = {one: f"/test_case_ids/{index}" for index, one in enumerate(case_ids)}
    missing = [one for one in case_ids if one not in found]
    if missing:
        raise NotFound("There is no such test case.", errors=_named(where, missing, "There is no such test case."))
    other = [one for one in case_ids if found[one].state != CaseState.DRAFT]
    if other:
        first = found[other[0]]
        said = f"Only drafts are reviewed; {first.public_id} is {first.state}."
        raise Conflict(said, errors=[_problem(where[one], f"Is {found[one].state}.") for one in other[:MOST_NAMED]])
    moment = now()
    reviewed = {
        "decision": state.value,
        "note": note,
        "reviewed_by": None if by is None else ids.show(ApiKey.prefix, by),
        "reviewed_at": rfc3339(moment),
    }
    for case in found.values():
        case.state, case.updated_at = state.value, moment
        case.source = case.source | {"review": reviewed}
    session.flush()
    return [found[one] for one in case_ids]


def quarantine(session: Session, case: Case, reason: str, *, run_id: UUID | None = None) -> Case:
    """The locked case, whose verdict does not count from here on. Raises Conflict where it does not already."""
    if case.quarantined_at is not None:
        raise Conflict("The test case is quarantined already; release it first.")
    shown = None if run_id is None else ids.show(Run.prefix, run_id)
    case.quarantined_at = case.updated_at = now()
    case.quarantine = {"reason": reason, "run_id": shown}
    _tell(session, case, QUARANTINED, reason, shown)
    return case


def release(session: Session, case: Case, reason: str, *, run_id: UUID | None = None) -> Case:
    """The locked case, whose verdict counts again. Raises Conflict where it did all the time."""
    if case.quarantined_at is None:
        raise Conflict("The test case is not quarantined.")
    case.quarantined_at, case.quarantine, case.updated_at = None, None, now()
    _tell(session, case, RELEASED, reason, None if run_id is None else ids.show(Run.prefix, run_id))
    return case


def _tell(session: Session, case: Case, type: str, reason: str, run_id: str | None) -> None:
    session.flush()
    data = {"test_case_id": case.public_id, "name": case.name, "reason": reason, "run_id": run_id}
    events.publish(session, project_id=case.project_id, subject_id=case.id, type=type, data=data)


def _named(where: dict[UUID, str], which: Sequence[UUID], detail: str) -> list[Json]:
    return [_problem(where[one], detail) for one in which[:MOST_NAMED]]


def _problem(pointer: str, detail: str) -> Json:
    return {"pointer": pointer, "detail": detail}
