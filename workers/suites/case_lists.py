"""Which test cases there are: by what they are, and of a suite in the order in which they run."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, or_
from sqlalchemy.orm import Session

from infra.errors import BadInput, NotFound
from models import Case, CaseState, Suite
from workers.features import following
from workers.paging import PageOf, Window, page
from workers.suites.cases import find_suite, present

Json = dict[str, Any]

_RUNS = (CaseState.APPROVED.value,)
_RUNS_DRAFTS = (*_RUNS, CaseState.DRAFT.value)


def list_cases(session: Session, project_id: UUID, wanted: Json, window: Window) -> PageOf[Case]:
    """The project's cases; `wanted` is what CasesQuery loads. Raises BadInput for a suite that is not there."""
    query = present(project_id)
    for name in ("state", "origin", "operation"):
        if wanted.get(name) is not None:
            query = query.where(getattr(Case, name) == wanted[name])
    if wanted.get("feature_id") is not None:
        query = query.where(Case.feature_id.in_(following.ids_of(session, project_id, wanted["feature_id"])))
    if wanted.get("tag"):
        query = query.where(Case.tags.contains([wanted["tag"]]))
    if wanted.get("q"):
        query = query.where(Case.name.icontains(wanted["q"], autoescape=True))
    if wanted.get("quarantined") is not None:
        query = query.where(Case.quarantined_at.is_not(None) == wanted["quarantined"])
    if wanted.get("suite"):
        query = query.where(_in_suite(_suite(session, project_id, wanted["suite"])))
    return page(session, query, Case, window)


def cases_of(session: Session, suite: Suite, *, drafts: bool = False) -> list[Case]:
    """The cases that a run of the suite takes: those that it names, in its order, then those that have one of its tags,
    by the time they were made; only approved ones, and drafts if they are wanted."""
    query = runnable(suite.project_id, drafts=drafts).where(_in_suite(suite))
    found = {case.id: case for case in session.scalars(query.order_by(Case.id))}
    named = [found.pop(case_id) for case_id in suite.case_ids if case_id in found]
    return [*named, *found.values()]


def runnable(project_id: UUID, *, drafts: bool = False) -> Select[Case]:
    """The project's cases that runs take."""
    return present(project_id).where(Case.state.in_(_RUNS_DRAFTS if drafts else _RUNS))


def list_cases_of(session: Session, suite: Suite, wanted: Json) -> PageOf[Case]:
    """A page of `cases_of`; `wanted` is what SuiteCasesQuery loads. Raises BadInput where `after` is none of them."""
    found = cases_of(session, suite, drafts=wanted["include_drafts"])
    begin, limit, after = 0, wanted["limit"], wanted.get("after")
    if after is not None:
        begin = next((index for index, case in enumerate(found, 1) if case.id == after), 0)
        if not begin:
            detail = "Is no case of this suite any more; begin again."
            raise BadInput(detail, errors=[{"pointer": "/after", "detail": detail}])
    return PageOf(found[begin : begin + limit], len(found) > begin + limit)


def _in_suite(suite: Suite) -> Any:
    return or_(Case.id.in_(suite.case_ids), Case.tags.overlap(suite.select_tags))


def _suite(session: Session, project_id: UUID, wanted: str) -> Suite:
    try:
        return find_suite(session, project_id, wanted)
    except NotFound as error:
        raise BadInput(error.detail, errors=[{"pointer": "/suite", "detail": error.detail}]) from None
