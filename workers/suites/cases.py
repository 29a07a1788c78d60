"""Test cases: found, made, changed, removed. What a case does is kept in versions, which never change."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from marshmallow import ValidationError
from sqlalchemy import Select
from sqlalchemy.orm import Session

from infra import ids
from infra.clock import now
from infra.errors import BadInput, NotFound
from models import Case, CaseOrigin, CaseState, CaseVersion, Feature, StoredFile, Suite
from schemas.base import pointers
from schemas.case import ROWS, CaseIn
from workers.features import following
from workers.files import stored
from workers.knowledge import bases
from workers.suites import content as contents

Json = dict[str, Any]

LABELS = ("name", "description", "tags", "operation", "knowledge_base_id", "feature_id")
_SHAPE = CaseIn()


def read_case(body: Json) -> Json:
    """A case as somebody wrote it, as `create_case` wants it; raises BadInput with pointers."""
    try:
        found: Json = _SHAPE.load(body)
    except ValidationError as error:
        raise BadInput("The case is not valid; `errors` says where.", errors=pointers(error.messages)) from None
    return found


def create_case(
    session: Session,
    project_id: UUID,
    body: Json,
    *,
    created_by: UUID | None,
    state: CaseState | None = None,
    origin: CaseOrigin = CaseOrigin.MANUAL,
    source: Json | None = None,
    note: str | None = None,
) -> Case:
    """A new case of `body`, which CaseIn (or `read_case`) loaded; its own state is taken unless one is given. Raises
    BadInput or TooManyRows, with pointers."""
    _require_existing(session, project_id, body)
    case, version = build_case(
        project_id, body, created_by=created_by, state=state, origin=origin, source=source, note=note
    )
    session.add_all((case, version))
    session.flush()
    return case


def build_case(
    project_id: UUID,
    body: Json,
    *,
    created_by: UUID | None,
    state: CaseState | None = None,
    origin: CaseOrigin = CaseOrigin.MANUAL,
    source: Json | None = None,
    note: str | None = None,
) -> tuple[Case, CaseVersion]:
    """The rows of a new case, for who writes many; that its knowledge base is there is not looked at."""
    content = contents.content_of_body(body)
    case = Case(
        id=ids.new_id(),
        project_id=project_id,
        created_by=created_by,
        updated_at=now(),
        **{name: body.get(name) for name in LABELS if name != "tags"},
        tags=body.get("tags", []),
        state=(state or CaseState(body.get("state", CaseState.APPROVED))).value,
        version=1,
        origin=CaseOrigin(origin).value,
        source=source or {},
        content_hash=contents.content_hash(content),
    )
    return case, _version_of(case, content, created_by, note)


def change_case(session: Session, case: Case, body: Json, *, by: UUID | None, note: str | None = None) -> Case:
    """The locked case, with what CasePatch loaded; where what it does is another thing then, as a new version. Raises
    BadInput or TooManyRows, with pointers."""
    _require_existing(session, case.project_id, body)
    if any(name in body for name in (*ROWS, "variables", *contents.PHASES)):
        set_content(session, case, _merged(content_of(session, case), body), by=by, note=note)
    for name in LABELS:
        if name in body:
            setattr(case, name, body[name])
    case.updated_at = now()
    session.flush()
    return case


def set_content(session: Session, case: Case, content: Json, *, by: UUID | None, note: str | None = None) -> bool:
    """Makes that content, which has been checked, the newest version of the locked case; False: it is already."""
    digest = contents.content_hash(content)
    if digest == case.content_hash:
        return False
    case.version += 1
    case.content_hash = digest
    case.updated_at = now()
    _write_version(session, case, content, by, note)
    return True


def get_case(session: Session, project_id: UUID, case_id: UUID, *, lock: bool = False) -> Case:
    """The project's case of that id, locked if it is to be changed; raises NotFound."""
    query = present(project_id).where(Case.id == case_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = session.scalars(query).first()
    if found is None:
        raise NotFound("There is no such test case.")
    return found


def get_cases(
    session: Session, project_id: UUID, case_ids: Collection[UUID], *, lock: bool = False
) -> dict[UUID, Case]:
    """Those of the cases that there are, by id; locked, if they are to be changed, always in one order."""
    query = present(project_id).where(Case.id.in_(case_ids)).order_by(Case.id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return {case.id: case for case in session.scalars(query)}


def content_of(session: Session, case: Case, number: int | None = None) -> Json:
    """What the case does, in its newest version or in that one; raises NotFound."""
    query = versions_of(case).where(CaseVersion.number == (number or case.version))
    found = session.execute(query.with_only_columns(CaseVersion.content)).scalar()
    if found is None:
        raise NotFound(f"The test case has no version {number}; its newest is {case.version}.")
    content: Json = found
    return content


def remove_case(session: Session, case: Case) -> Case:
    """The locked case, which nobody finds from here on; what runs said of it stays."""
    case.deleted_at = now()
    session.flush()
    return case


def duplicate(session: Session, case: Case, *, name: str | None, by: UUID | None) -> Case:
    """A new case that does the same; a copy of what is not approved is a draft."""
    state = CaseState.APPROVED if case.state == CaseState.APPROVED else CaseState.DRAFT
    labels = {one: getattr(case, one) for one in LABELS} | {"name": name or f"{case.name[:193]} (copy)"}
    copy = Case(
        id=ids.new_id(),
        project_id=case.project_id,
        created_by=by,
        updated_at=now(),
        **labels,
        state=state.value,
        version=1,
        origin=CaseOrigin.MANUAL.value,
        source={"duplicate_of": case.public_id, "version": case.version},
        content_hash=case.content_hash,
    )
    session.add(copy)
    _write_version(session, copy, content_of(session, case), by, None)
    return copy


def find_suite(session: Session, project_id: UUID, wanted: str) -> Suite:
    """The project's suite of that id or name; raises NotFound."""
    suite_id = ids.parse(Suite.prefix, wanted)
    query = Suite.in_project(project_id).where(Suite.deleted_at.is_(None))
    query = query.where(Suite.name == wanted if suite_id is None else Suite.id == suite_id)
    found = session.scalars(query).first()
    if found is None:
        raise NotFound(f"There is no suite {wanted[:200]!r}.")
    return found


def present(project_id: UUID) -> Select[Case]:
    """The project's cases that are not deleted."""
    return Case.in_project(project_id).where(Case.deleted_at.is_(None))


def versions_of(case: Case) -> Select[CaseVersion]:
    """The versions of a case."""
    return CaseVersion.in_project(case.project_id).where(CaseVersion.case_id == case.id)


def _merged(content: Json, body: Json) -> Json:
    """The content with what is sent in its place, checked; new rows replace those of another source."""
    sent = {name: body[name] for name in (*ROWS, "variables", *contents.PHASES) if name in body}
    rows: Json = {} if any(sent.get(name) for name in ROWS) else {"data": content["data"]}
    if not any(name in sent for name in ROWS) and content["data_file_id"]:
        rows["data_file_id"] = ids.parse(StoredFile.prefix, content["data_file_id"])
    kept = {name: content[name] for name in ("variables", *contents.PHASES)}
    return contents.content_of_body(kept | rows | sent)


def _write_version(session: Session, case: Case, content: Json, by: UUID | None, note: str | None) -> None:
    session.add(_version_of(case, content, by, note))
    session.flush()


def _version_of(case: Case, content: Json, by: UUID | None, note: str | None) -> CaseVersion:
    return CaseVersion(
        project_id=case.project_id,
        created_by=by,
        case_id=case.id,
        number=case.version,
        note=note,
        content=content,
    )


def _require_existing(session: Session, project_id: UUID, body: Json) -> None:
    """Raises BadInput, with a pointer, for a knowledge base, file or feature that the project does not have; a feature
    that was merged is the one that stands for it."""
    named = (
        ("knowledge_base_id", bases.get_base),
        ("data_file_id", stored.get_file),
        ("feature_id", following.followed),
    )
    for name, find in named:
        if body.get(name) is not None:
            try:
                found = find(session, project_id, body[name])
                if isinstance(found, Feature):
                    body[name] = found.id
            except NotFound as error:
                raise BadInput(error.detail, errors=[{"pointer": f"/{name}", "detail": error.detail}]) from None
