"""Generated cases become drafts, each once: what the project has already, also as rejected, is not proposed again."""

import hashlib
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from infra import db, ids, json
from infra.errors import BadInput, SwitchyardError, TooManyRows
from models import Case, CaseOrigin, CaseState, CaseVersion, Job
from workers import events
from workers.suites import cases as test_cases
from workers.suites import content

Json = dict[str, Any]

AT_ONCE = 100
MOST_TOLD = 100
LONGEST_MESSAGE = 500


def store(project_id: UUID, job_id: UUID, origin: CaseOrigin, found: list[Json], common: Json) -> Json:
    """Writes bodies of cases as drafts, with what is said of them in `source`; `common` goes into each of them.

    Returns `{"drafts": [tc_…], "skipped", "warnings"}`; some at a time are written in one transaction, and written
    again they are skipped.
    """
    made: list[UUID] = []
    warnings: list[Json] = []
    skipped = 0
    common = {**common, "job_id": ids.show(Job.prefix, job_id)}
    for at in range(0, len(found), AT_ONCE):
        with db.transaction() as session:
            some = _new(session, project_id, found[at : at + AT_ONCE])
            skipped += len(found[at : at + AT_ONCE]) - len(some)
            by = _author(session, project_id, job_id)
            for one in some:
                try:
                    case, version = _draft(project_id, one, common, origin, by)
                except (BadInput, TooManyRows) as error:
                    warnings.append(_refused(one, error))
                    continue
                session.add_all((case, version))
                made.append(case.id)
    shown = [ids.show(Case.prefix, one) for one in made]
    if made:
        with db.transaction() as session:
            told = {"job_id": common["job_id"], "source": origin.value, "drafts": len(made),
                    "test_case_ids": shown[:MOST_TOLD]}  # fmt: skip
            events.publish(session, project_id=project_id, subject_id=made[0], type="test_case.generated", data=told)
    return {"drafts": shown, "skipped": skipped, "warnings": warnings}


def _draft(project_id: UUID, one: Json, common: Json, origin: CaseOrigin, by: UUID | None) -> tuple[Case, CaseVersion]:
    body = {name: value for name, value in one.items() if name not in ("source", "rank")}
    loaded = test_cases.read_case({**body, "state": CaseState.DRAFT.value})
    source = {**common, **(one.get("source") or {}), "key": _key(one)}
    return test_cases.build_case(project_id, loaded, created_by=by, origin=origin, source=source)


def _author(session: Session, project_id: UUID, job_id: UUID) -> UUID | None:
    """Who asked for them."""
    return session.scalars(Job.in_project(project_id).where(Job.id == job_id).with_only_columns(Job.created_by)).first()


def _new(session: Session, project_id: UUID, some: list[Json]) -> list[Json]:
    """Those that the project does not have, each once."""
    by_key = {_key(one): one for one in reversed(some)}
    here = Case.in_project(project_id).where(Case.deleted_at.is_(None), Case.source["key"].astext.in_(by_key))
    known = set(session.scalars(here.with_only_columns(Case.source["key"].astext)))
    return [one for one in some if by_key.get(key := _key(one)) is one and key not in known]


def _key(one: Json) -> str:
    """By what a case is known when it is written again: its own key, else what it does."""
    key = (one.get("source") or {}).get("key")
    if key:
        return str(key)
    done = {name: one.get(name) for name in ("name", *content.PHASES, "variables", "data")}
    return hashlib.sha256(json.dump_canonical(done)).hexdigest()[:32]


def _refused(case: Json, error: SwitchyardError) -> Json:
    places = "; ".join(f"{one['pointer']}: {one['detail']}" for one in error.errors[:3])
    message = f"{case.get('name')}: {places or error.detail}"[:LONGEST_MESSAGE]
    return {"operation": case.get("operation"), "code": "invalid_case", "message": message}
