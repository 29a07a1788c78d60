"""Versions of test cases: listed, and brought back."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from infra.errors import BadInput
from models import Case, CaseVersion
from workers.paging import PageOf, Window, page
from workers.suites import cases, content

Json = dict[str, Any]


def list_versions(session: Session, case: Case, window: Window) -> PageOf[CaseVersion]:
    """The versions of a case, by the time they were made."""
    return page(session, cases.versions_of(case), CaseVersion, window)


def restore(session: Session, case: Case, number: int, *, by: UUID | None) -> Case:
    """The locked case doing again what it did in that version, as a new version unless it does so now. Raises NotFound,
    and BadInput where what was allowed then is no more."""
    was = cases.content_of(session, case, number)
    try:
        content.check(was)
    except BadInput as error:
        raise BadInput(f"Version {number} cannot be restored. {error.detail}", errors=error.errors) from None
    cases.set_content(session, case, was, by=by, note=f"Restores version {number}.")
    return case
