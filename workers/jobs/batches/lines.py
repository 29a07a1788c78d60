"""One line of a batch: a job, or the reason why it cannot be one."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import structlog
from marshmallow import ValidationError
from sqlalchemy.orm import Session

from infra import json
from infra.errors import BadInput, BodyTooLarge, MalformedJson, NotFound, NulCharacter, SwitchyardError, UnknownField
from infra.settings import settings
from models import Batch, Job, Store
from schemas.base import UNKNOWN_FIELD, nul_places, pointers
from schemas.batch import LineIn
from workers import projects
from workers.jobs.submit import prepare, wish_of

Json = dict[str, Any]

CUSTOM_ID_LENGTH = 128
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Line:
    """What became of a line: a job, or an error."""

    number: int
    custom_id: str | None = None
    job: Job | None = None
    error: Json | None = None


@cache
def _schema() -> LineIn:
    return LineIn()


def read_line(session: Session, batch: Batch, number: int, raw: bytes | None) -> Line:
    """The line, read; `raw` is None for one that is longer than a job may be."""
    line = Line(number)
    private = projects.policy(session, batch.project_id).store != Store.FULL
    try:
        document = _document(raw, number)
        line.custom_id = _custom_id(document)
        private = private or document.get("store") not in (None, Store.FULL)
        line.job = _job(session, batch, number, document)
    except SwitchyardError as error:
        line.error = problem(error, private=private)
    except Exception as error:
        # The text of an exception may quote the line.
        log.error("batch.line_crashed", batch_id=batch.public_id, line=number, exception=type(error).__name__)
        line.error = problem(SwitchyardError("The line could not be read because of an error inside Switchyard."))
    return line


def problem(error: SwitchyardError, *, private: bool = False) -> Json:
    """The error as a line keeps it; of a private one's only what does not quote it."""
    if private:
        return type(error)().as_json()
    return {**error.as_json(), **({"errors": error.errors} if error.errors else {})}


def _document(raw: bytes | None, number: int) -> Json:
    if raw is None:
        raise BodyTooLarge(f"The line is longer than {settings().max_body_bytes} bytes.")
    try:
        document = json.read(raw.removeprefix(BYTE_ORDER_MARK) if number == 1 else raw)
    except ValueError as error:
        raise MalformedJson(
            f"The line is not valid JSON: {_where(error)}." if raw.strip() else "The line is empty."
        ) from None
    if not isinstance(document, dict):
        raise BadInput("The line is not a JSON object.", errors=[{"pointer": "", "detail": "Must be an object."}])
    if b"\\u0000" in raw and (places := nul_places(document)):
        raise NulCharacter(errors=[{"pointer": where, "detail": "Contains U+0000."} for where in places[:20]])
    return document


def _custom_id(document: Json) -> str | None:
    """Also of a line that is refused for something else, so that its sender finds it."""
    given = document.get("custom_id")
    return given if isinstance(given, str) and len(given) <= CUSTOM_ID_LENGTH else None


def _job(session: Session, batch: Batch, number: int, document: Json) -> Job:
    body = _loaded({**batch.options, **document})
    if body.get("project_id") not in (None, batch.project_id):
        raise NotFound("There is no such project.")
    run_at = body.get("run_at")
    if run_at is not None and run_at <= batch.created_at:
        detail = "Lies in the past; leave it out to run the job now."
        raise BadInput(detail, errors=[{"pointer": "/run_at", "detail": detail}])
    wish = wish_of(
        body,
        request_id=batch.request_id,
        created_by=batch.created_by,
        batch_id=batch.id,
        batch_line=number,
    )
    return prepare(session, kind=body["kind"], payload=body["input"], project_id=batch.project_id, wish=wish)


def _loaded(document: Json) -> Json:
    try:
        found: Json = _schema().load(document)
    except ValidationError as error:
        errors = pointers(error.messages)
        if all(one["detail"] == UNKNOWN_FIELD for one in errors):
            raise UnknownField("The line has a field that does not exist.", errors=errors) from None
        raise BadInput("The line is not valid; `errors` says where.", errors=errors) from None
    return found


def _where(error: ValueError) -> str:
    # The parser saw one line only; which of the batch it is, is said beside.
    return str(error).replace("line 1 column", "column")
