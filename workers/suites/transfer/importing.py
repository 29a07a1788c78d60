"""Test cases of other people's files: read, checked, and made with the suite and the environment around them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from marshmallow import Schema, ValidationError
from sqlalchemy.orm import Session

from infra import json
from infra.errors import BadInput, EncryptionNotConfigured, NotFound
from models import Case, CaseOrigin, CaseState, Environment, Suite
from schemas.base import nul_places, pointers
from schemas.environment import EnvironmentIn
from schemas.suite import SuiteIn
from workers.suites import cases, content, environments, manage
from workers.suites.transfer import postman, yaml_form
from workers.suites.transfer.foreign import Foreign
from workers.suites.transfer.imported import Imported

Json = dict[str, Any]

FILE_AT_MOST = 10 * 1024 * 1024
MOST_ERRORS = 20


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a file is taken in; `environment` and `suite` are names."""

    format: str = "auto"
    suite: str | None = None
    environment: str | None = None
    state: CaseState = CaseState.APPROVED
    dry_run: bool = False


@dataclass(slots=True)
class Done:
    """What came of it."""

    format: str
    found: Imported
    made: list[Case] = field(default_factory=list)
    suite: Suite | None = None
    environment: Environment | None = None
    secrets: list[str] = field(default_factory=list)


class _Tried(Exception):
    """Ends the savepoint of a dry run, and takes all back that was made in it."""


def import_cases(session: Session, project_id: UUID, file: Any, wishes: Wishes, *, created_by: UUID | None) -> Json:
    """Makes the cases of a file, which is text or parsed JSON, and returns what CasesImportOut reads. All of them are
    made, or none: raises BadInput with pointers into the file, and Conflict for a suite of that name. Of a dry run
    nothing stays."""
    form, found = read(file, wishes.format)
    if wishes.suite is None:
        _give_to_cases(found)
    bodies = _checked(found, drops=form == "postman")
    done, shown, foreign = Done(form, found), {}, Foreign(session, project_id, found)
    with suppress(_Tried), session.begin_nested():
        _environment(session, project_id, done, wishes, created_by)
        for body, place in zip(bodies, found.places, strict=True):
            source = {"format": form, "pointer": place}
            options: Json = {"state": wishes.state, "origin": CaseOrigin.IMPORT, "source": source}
            foreign.leave_out(body, place)
            with _at(place):
                done.made.append(cases.create_case(session, project_id, body, created_by=created_by, **options))
        _suite(session, project_id, done, wishes, created_by)
        shown = _view(done, bodies, dry=wishes.dry_run)
        if wishes.dry_run:
            raise _Tried
    return shown


@contextmanager
def _at(place: str) -> Iterator[None]:
    """A refusal of a case points to it in the file."""
    try:
        yield
    except BadInput as error:
        wrong = [{**one, "pointer": f"{place}{one['pointer']}"} for one in error.errors]
        raise type(error)(error.detail, errors=wrong) from None


def _give_to_cases(found: Imported) -> None:
    """Where there is no suite, each case has the file's steps around it, and those of its variables that it uses."""
    variables, setup, teardown = (found.suite.get(name) for name in ("variables", "setup", "teardown"))
    for case in found.cases:
        if isinstance(setup, list) and isinstance(teardown or [], list):
            case["setup"] = [*setup, *(case.get("setup") or [])]
        if isinstance(teardown, list):
            case["teardown"] = [*(case.get("teardown") or []), *teardown]
        if isinstance(variables, dict):
            used = set(re.findall(r"\{\{\s*(?:var\.)?([A-Za-z_]\w*)", str(case) + str(found.environment)))
            own = case.get("variables") if isinstance(case.get("variables"), dict) else {}
            mine = {name: value for name, value in variables.items() if name in used}
            case |= {"variables": {**mine, **(own or {})}} if mine else {}


def read(file: Any, form: str = "auto") -> tuple[str, Imported]:
    """The format, and what the file has; raises BadInput."""
    value: Any = file
    if isinstance(file, str):
        value = _parsed(file, form)
    content.require_shallow({"content": value})
    if where := nul_places(value):
        raise BadInput("The file has U+0000 in it.", errors=[{"pointer": where[0], "detail": "Contains U+0000."}])
    if form == "postman" or (form == "auto" and postman.is_postman(value)):
        return "postman", postman.read(value)
    return "yaml", yaml_form.of_value(value)


def _parsed(text: str, form: str) -> Any:
    """JSON where it begins like that, YAML otherwise."""
    text = text.removeprefix("\ufeff")
    if form != "postman" and text.lstrip()[:1] not in ("{", "["):
        return yaml_form.parsed(text)
    try:
        return json.read(text)
    except ValueError as error:
        if form != "postman":
            return yaml_form.parsed(text)
        detail = f"This is not valid JSON: {error}."
        raise BadInput(detail, errors=[{"pointer": "", "detail": detail}]) from None


def _checked(found: Imported, *, drops: bool) -> list[Json]:
    """The bodies as `create_case` takes them. What cannot be one is refused, with its place in the file; or dropped,
    with a warning, where the file's author could not know what we take."""
    bodies, places, wrong = [], [], []
    for case, place in zip(found.cases, found.places, strict=True):
        try:
            body = cases.read_case(case)
            content.content_of_body(body)
        except BadInput as error:
            first = error.errors[0] if error.errors else {"pointer": "", "detail": error.detail}
            if drops:
                found.warn(place, f"{case.get('name')!r} is left out: {first['detail']} ({first['pointer']})")
            else:
                wrong += [{"pointer": f"{place}{one['pointer']}", "detail": one["detail"]} for one in error.errors]
            continue
        bodies.append(body)
        places.append(place)
    if wrong:
        detail = f"The file cannot be imported: {wrong[0]['detail']} ({wrong[0]['pointer'] or 'the whole'})"
        raise BadInput(detail, errors=wrong[:MOST_ERRORS])
    found.places = places
    return bodies


def _loaded(schema: Schema, body: Json, place: str) -> Json:
    try:
        loaded: Json = schema.load(body)
    except ValidationError as error:
        wrong = pointers(error.messages, place)
        detail = f"The file cannot be imported: {wrong[0]['detail']} ({wrong[0]['pointer']})"
        raise BadInput(detail, errors=wrong[:MOST_ERRORS]) from None
    return loaded


def _environment(session: Session, project_id: UUID, done: Done, wishes: Wishes, by: UUID | None) -> None:
    """Finds or makes the environment, if the file says anything of one; what it has already stays as it is."""
    said = {name: value for name, value in done.found.environment.items() if value not in (None, {}, "")}
    name = wishes.environment or said.get("name")
    if name is None and (said or done.found.secrets):
        name = done.found.suite.get("name") or wishes.suite
    if name is None:
        return
    try:
        existing = environments.find_environment(session, project_id, str(name))
    except NotFound:
        body = _loaded(EnvironmentIn(), {**said, "name": name}, "/environment")
        done.environment = environments.create_environment(session, project_id, body, created_by=by)
        environment = done.environment
    else:
        environment = environments.get_environment(session, project_id, existing.id, lock=True)
        done.environment = _completed(session, environment, said, done.found)
    _seal(session, environment, done)


def _completed(session: Session, environment: Environment, said: Json, found: Imported) -> Environment:
    """The environment with what it lacked."""
    changes: Json = {}
    for name in ("variables", "headers", "auth"):
        there, new = getattr(environment, name), said.get(name) or {}
        kept = [one for one in new if one in there and there[one] != new[one]]
        for one in kept:
            found.warn("", f"The environment {environment.name!r} has {one!r} in its {name}, which is kept as it is.")
        if new.keys() - there.keys():
            changes[name] = {**new, **there}
    for name in ("base_url", "default_auth"):
        there, new = getattr(environment, name), said.get(name)
        if there is None and new is not None:
            changes[name] = new
        elif new not in (None, there):
            found.warn("", f"The environment {environment.name!r} has a {name}, which is kept: {there}")
    return environments.change_environment(session, environment, changes) if changes else environment


def _seal(session: Session, environment: Environment, done: Done) -> None:
    there = {one.name for one in environments.list_secrets(session, environment)}
    for name, value in done.found.secrets.items():
        if name in there:
            done.found.warn("", f"The environment {environment.name!r} has a secret {name}, which is kept as it is.")
            continue
        try:
            environments.put_secret(session, environment, name, value)
        except EncryptionNotConfigured as error:
            done.found.warn("", f"The secret {name} was not kept: {error.detail}")
        else:
            done.secrets.append(name)


def _suite(session: Session, project_id: UUID, done: Done, wishes: Wishes, by: UUID | None) -> None:
    """Makes the suite that is wished for, with the file's variables and steps around the cases."""
    if wishes.suite is None:
        return
    body = _loaded(SuiteIn(), {**done.found.suite, "name": wishes.suite}, "")
    body["case_ids"] = [case.id for case in done.made]
    body["environment_id"] = done.environment.id if done.environment else None
    done.suite = manage.create_suite(session, project_id, body, created_by=by)


def _view(done: Done, bodies: list[Json], *, dry: bool) -> Json:
    shown = [
        {
            "id": None if dry else case.id,
            "name": case.name,
            "tags": case.tags,
            "steps": len(body["steps"]),
            "pointer": place,
        }
        for case, body, place in zip(done.made, bodies, done.found.places, strict=True)
    ]
    return {
        "dry_run": dry,
        "format": done.format,
        "created": [] if dry else [case.id for case in done.made],
        "cases": shown,
        "suite_id": done.suite.id if done.suite and not dry else None,
        "environment_id": done.environment.id if done.environment and not dry else None,
        "secrets": done.secrets,
        "warnings": done.found.warnings,
        "more_warnings": done.found.more_warnings,
    }
