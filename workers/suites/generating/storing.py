"""Generated cases become drafts, each once: what the project has already, also as rejected, is not proposed again."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from infra import db, ids
from infra.errors import BadInput, SwitchyardError, TooManyRows
from models import Case, CaseOrigin, CaseState, Job, KnowledgeBase
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
    for at in range(0, len(found), AT_ONCE):
        with db.transaction() as session:
            by = _author(session, project_id, job_id)
            some = list(_loaded(found[at : at + AT_ONCE], warnings))
            known = _known(session, project_id, some)
            for body, source in some:
                marks = {content.content_hash(content.content_of_body(body))}
                marks |= {source["key"]} if source.get("key") else set()
                if marks & known:
                    skipped += 1
                    continue
                case = test_cases.create_case(
                    session, project_id, body, created_by=by, state=CaseState.DRAFT, origin=origin,
                    source={**common, **source, "job_id": ids.show(Job.prefix, job_id)},
                )  # fmt: skip
                known |= marks
                made.append(case.id)
    shown = [ids.show(Case.prefix, one) for one in made]
    if made:
        with db.transaction() as session:
            told = {"job_id": ids.show(Job.prefix, job_id), "source": origin.value, "drafts": len(made),
                    "test_case_ids": shown[:MOST_TOLD]}  # fmt: skip
            events.publish(session, project_id=project_id, subject_id=made[0], type="test_case.generated", data=told)
    return {"drafts": shown, "skipped": skipped, "warnings": warnings}


def _author(session: Session, project_id: UUID, job_id: UUID) -> UUID | None:
    """Who asked for them."""
    return session.scalars(Job.in_project(project_id).where(Job.id == job_id).with_only_columns(Job.created_by)).first()


def _loaded(found: list[Json], warnings: list[Json]) -> Iterator[tuple[Json, Json]]:
    """The bodies as `create_case` wants them, and their sources; what is not valid is told instead."""
    for one in found:
        body = {name: value for name, value in one.items() if name not in ("source", "rank")}
        try:
            loaded = test_cases.read_case({**body, "state": CaseState.DRAFT.value})
            content.content_of_body(loaded)
        except (BadInput, TooManyRows) as error:
            warnings.append(_refused(one, error))
            continue
        yield loaded, one.get("source") or {}


def _known(session: Session, project_id: UUID, some: list[tuple[Json, Json]]) -> set[str]:
    """The contents and keys of these that the project has."""
    keys = [source["key"] for _, source in some if source.get("key")]
    hashes = [content.content_hash(content.content_of_body(body)) for body, _ in some]
    here = Case.in_project(project_id).where(Case.deleted_at.is_(None))
    same = here.where(Case.content_hash.in_(hashes)).with_only_columns(Case.content_hash)
    alike = here.where(Case.source["key"].astext.in_(keys)).with_only_columns(Case.source["key"].astext)
    return {*session.scalars(same), *session.scalars(alike)}


def _refused(case: Json, error: SwitchyardError) -> Json:
    places = "; ".join(f"{one['pointer']}: {one['detail']}" for one in error.errors[:3])
    message = f"{case.get('name')}: {places or error.detail}"[:LONGEST_MESSAGE]
    return {"operation": case.get("operation"), "code": "invalid_case", "message": message}


def knowledge_base_of(wish: Json, base_id: UUID | None) -> str | None:
    """The public id of the knowledge base that cases belong to."""
    return wish.get("knowledge_base_id") or (None if base_id is None else ids.show(KnowledgeBase.prefix, base_id))
