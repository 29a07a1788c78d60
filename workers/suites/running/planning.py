"""Which cases a wish means, with which of their data rows: what can be refused is refused before there is a job."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra.errors import BadInput, NotFound, SwitchyardError
from models import Case, CaseState, Environment, Run, Suite
from schemas.test_run import MOST_CASES, RunJobIn
from workers.suites import case_lists, cases, environments
from workers.suites.running.plan import DEFAULTS, Planned

Json = dict[str, Any]

MOST_EXECUTIONS = 1_000_000
MOST_NAMED = 20

# Rows of a file are counted when the run begins; here it counts as one.
COUNTED = text("""
SELECT w.position, w.case_id, v.number, v.content ->> 'data_file_id' AS file_id,
  CASE WHEN v.content ->> 'data_file_id' IS NULL THEN jsonb_array_length(coalesce(v.content -> 'data', '[]')) ELSE 1
    END AS rows
FROM unnest(CAST(:cases AS uuid[]), CAST(:versions AS int[])) WITH ORDINALITY AS w(case_id, version, position)
  JOIN test_case_versions v ON v.case_id = w.case_id AND v.number = w.version
WHERE v.project_id = :project_id ORDER BY w.position
""")


@dataclass(frozen=True, slots=True)
class Selected:
    """What is run, and where. `files` are the data files of cases that have one, by case; `wishes` have a value for
    each of DEFAULTS; `selection` tells the same cases, or the same suite, from others."""

    suite: Suite | None
    environment: Environment | None
    cases: list[Planned]
    files: dict[UUID, str]
    wishes: Json
    selection: str


def select(session: Session, project_id: UUID, wish: Json) -> Selected:
    """What a loaded RunJobIn means. Raises NotFound and BadInput, with pointers into the job's input."""
    suite = _suite(session, project_id, wish)
    wishes = {**DEFAULTS, **_own(suite), **wish}
    if suite is not None and "include_drafts" in suite.defaults:
        wishes["include_drafts"] = wish["include_drafts"] or suite.defaults["include_drafts"]
    wishes["reports"] = list(dict.fromkeys(wishes["reports"]))
    found = _cases(session, project_id, suite, wishes)
    environment = _environment(session, project_id, suite, wish)
    _require_run(session, project_id, wish.get("rerun_of"))
    planned, files = _counted(session, project_id, found, wishes.get("data_rows"))
    require_few(planned, wishes)
    what = [str(suite.id)] if suite is not None else sorted(case.id.hex for case in found)
    selection = hashlib.sha256("\n".join(what).encode()).hexdigest()
    return Selected(suite, environment, planned, files, wishes, selection)


def admit(session: Session, project_id: UUID, payload: Json) -> None:
    """Refuses what a run could not even begin with."""
    select(session, project_id, RunJobIn().load(payload))


def require_few(planned: Sequence[Planned], wishes: Json) -> None:
    """Raises BadInput for too many executions, and for none."""
    total = wishes["times"] * sum(one.rows for one in planned)
    if total > MOST_EXECUTIONS:
        detail = f"These are {total:,} executions (cases × data rows × times); at most {MOST_EXECUTIONS:,} are one run."
        raise _refused("/input/times", detail)


def executed(rows: int, wanted: Collection[int] | None) -> list[int] | range:
    """Which of so many rows are executed, in order; a case without rows has one, of nothing."""
    whole = range(max(1, rows))
    return whole if wanted is None else sorted({one for one in wanted if one in whole})


def _own(suite: Suite | None) -> Json:
    return {} if suite is None else {name: suite.defaults[name] for name in DEFAULTS if name in suite.defaults}


def _suite(session: Session, project_id: UUID, wish: Json) -> Suite | None:
    if wish.get("suite") is None:
        return None
    try:
        return cases.find_suite(session, project_id, wish["suite"])
    except NotFound as error:
        raise _at("/input/suite", error) from None


def _environment(session: Session, project_id: UUID, suite: Suite | None, wish: Json) -> Environment | None:
    try:
        if wish.get("environment") is not None:
            return environments.find_environment(session, project_id, wish["environment"])
        if suite is not None and suite.environment_id is not None and "environment" not in wish:
            return environments.get_environment(session, project_id, suite.environment_id)
    except NotFound as error:
        raise _at("/input/environment", error) from None
    return None


def _require_run(session: Session, project_id: UUID, run_id: UUID | None) -> None:
    if run_id is not None:
        known = Run.in_project(project_id).where(Run.id == run_id).with_only_columns(Run.id)
        if session.execute(known).first() is None:
            raise _at("/input/rerun_of", NotFound("There is no such test run."))


def _cases(session: Session, project_id: UUID, suite: Suite | None, wishes: Json) -> list[Case]:
    drafts = wishes["include_drafts"]
    if suite is not None:
        found, where = case_lists.cases_of(session, suite, drafts=drafts), "/input/suite"
    elif "tags" in wishes:
        tagged = case_lists.runnable(project_id, drafts=drafts).where(Case.tags.overlap(wishes["tags"]))
        found, where = [*session.scalars(tagged.order_by(Case.id).limit(MOST_CASES + 1))], "/input/tags"
    else:
        return _named(session, project_id, wishes["test_case_ids"], drafts=drafts)
    if not found:
        raise _refused(where, "There is no approved test case among these; approve one, or set include_drafts.")
    if len(found) > MOST_CASES:
        raise _refused(where, f"These are more than {MOST_CASES:,} test cases; choose fewer.")
    return found


def _named(session: Session, project_id: UUID, wanted: Sequence[UUID], *, drafts: bool) -> list[Case]:
    distinct = list(dict.fromkeys(wanted))
    found = cases.get_cases(session, project_id, distinct)
    where = {one: f"/input/test_case_ids/{at}" for at, one in enumerate(wanted) if one not in found}
    if where:
        detail = "There is no such test case."
        raise NotFound(detail, errors=[{"pointer": one, "detail": detail} for one in [*where.values()][:MOST_NAMED]])
    allowed = (CaseState.APPROVED, CaseState.DRAFT) if drafts else (CaseState.APPROVED,)
    wrong = {one for one in distinct if found[one].state not in allowed}
    if wrong:
        errors = [
            {"pointer": f"/input/test_case_ids/{at}", "detail": f"Is {found[one].state}."}
            for at, one in enumerate(wanted)
            if one in wrong
        ]
        hint = "Only approved test cases are run; approve these, or set include_drafts for drafts."
        raise BadInput(hint, errors=errors[:MOST_NAMED])
    return [found[one] for one in distinct]


def _counted(
    session: Session, project_id: UUID, found: Sequence[Case], wanted: Collection[int] | None
) -> tuple[list[Planned], dict[UUID, str]]:
    asked = {
        "project_id": project_id,
        "cases": [str(case.id) for case in found],
        "versions": [case.version for case in found],
    }
    rows = session.execute(COUNTED, asked).all()
    files = {row.case_id: row.file_id for row in rows if row.file_id is not None}
    counted = [(row, 1 if row.file_id is not None else len(executed(row.rows, wanted))) for row in rows]
    kept = [(row, count) for row, count in counted if count]
    if not kept:
        raise _refused("/input/data_rows", "None of the test cases has one of these data rows.")
    return [Planned(at, row.case_id, row.number, count) for at, (row, count) in enumerate(kept)], files


def _refused(pointer: str, detail: str) -> BadInput:
    return BadInput(detail, errors=[{"pointer": pointer, "detail": detail}])


def _at(pointer: str, error: SwitchyardError) -> NotFound:
    return NotFound(error.detail, errors=[{"pointer": pointer, "detail": error.detail}])
