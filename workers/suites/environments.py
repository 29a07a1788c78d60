"""Environments: made, found, changed, removed; their secrets are sealed, and opened for runs alone."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from infra import crypto, ids
from infra.clock import now
from infra.errors import BadInput, Conflict, NotFound
from infra.http import check_headers, check_url
from models import Environment, EnvironmentSecret, Suite
from schemas import templated
from schemas.templated import has_place
from workers import projects
from workers.knowledge import bases
from workers.paging import PageOf, Window, page
from workers.suites import content
from workers.suites.base import Surroundings
from workers.suites.steps import templates

Json = dict[str, Any]

AT_MOST = 1000
MOST_SECRETS = 200
COLUMNS = ("name", "description", "base_url", "variables", "headers", "auth", "default_auth", "knowledge_base_id")
TEMPLATES = ("base_url", "headers", "auth")
MOST_NAMED = 20


def create_environment(session: Session, project_id: UUID, body: Json, *, created_by: UUID | None) -> Environment:
    """A new environment of what EnvironmentIn loaded. Raises BadInput or TargetRefused with pointers, and Conflict for
    a name that is taken or one too many."""
    _check(session, project_id, body)
    projects.lock(session, project_id)
    _require_free(session, project_id, body["name"])
    if (session.scalar(select(func.count()).select_from(_present(project_id).subquery())) or 0) >= AT_MOST:
        raise Conflict(f"This project has {AT_MOST} environments, which is the most; delete one.")
    environment = Environment(
        id=ids.new_id(),
        project_id=project_id,
        created_by=created_by,
        updated_at=now(),
        **{name: body[name] for name in COLUMNS},
    )
    session.add(environment)
    session.flush()
    return environment


def list_environments(session: Session, project_id: UUID, window: Window) -> PageOf[Environment]:
    """The project's environments, by the time they were made."""
    return page(session, _present(project_id), Environment, window)


def get_environment(session: Session, project_id: UUID, environment_id: UUID, *, lock: bool = False) -> Environment:
    """The project's environment of that id, locked if it is to be changed; raises NotFound."""
    query = _present(project_id).where(Environment.id == environment_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = session.scalars(query).first()
    if found is None:
        raise NotFound("There is no such environment.")
    return found


def find_environment(session: Session, project_id: UUID, wanted: str) -> Environment:
    """The project's environment of that id or name; raises NotFound."""
    environment_id = ids.parse(Environment.prefix, wanted)
    which = Environment.name == wanted if environment_id is None else Environment.id == environment_id
    found = session.scalars(_present(project_id).where(which)).first()
    if found is None:
        raise NotFound(f"There is no environment {wanted[:200]!r}.")
    return found


def wished_for(session: Session, project_id: UUID, wish: Json) -> Environment | None:
    """The environment that a wish names as `environment`; where it says nothing, the project's only one, and of several
    none. Raises NotFound."""
    if "environment" in wish:
        named = wish["environment"]
        return None if named is None else find_environment(session, project_id, named)
    found = list(session.scalars(_present(project_id).limit(2)))
    return found[0] if len(found) == 1 else None


def change_environment(session: Session, environment: Environment, body: Json) -> Environment:
    """The locked environment with what EnvironmentPatch loaded; raises what `create_environment` raises."""
    whole = {name: getattr(environment, name) for name in COLUMNS} | body
    _check(session, environment.project_id, whole, sent=body)
    projects.lock(session, environment.project_id)
    if whole["name"] != environment.name:
        _require_free(session, environment.project_id, whole["name"])
    for name, value in body.items():
        setattr(environment, name, value)
    environment.updated_at = now()
    session.flush()
    return environment


def remove_environment(session: Session, environment: Environment) -> Environment:
    """The locked environment, which nobody finds from here on, and without its secrets. Raises Conflict where a suite
    runs in it."""
    projects.lock(session, environment.project_id)
    users = Suite.in_project(environment.project_id).where(Suite.deleted_at.is_(None))
    suite = session.scalars(users.where(Suite.environment_id == environment.id)).first()
    if suite is not None:
        raise Conflict(f"The suite {suite.name!r} ({suite.public_id}) runs in this environment; give it another first.")
    environment.deleted_at = now()
    session.execute(delete(EnvironmentSecret).where(EnvironmentSecret.environment_id == environment.id))
    session.flush()
    return environment


def put_secret(session: Session, environment: Environment, name: str, value: str) -> EnvironmentSecret:
    """Seals a secret of the locked environment, in place of the one of that name. Raises BadInput for a name that no
    template can have, Conflict for one too many, and EncryptionNotConfigured."""
    if not templated.is_name(name):
        detail = "A secret's name is a letter or _, then letters, digits, _ and -, at most 100 characters."
        raise BadInput(detail, errors=[{"pointer": "/secret_name", "detail": detail}])
    sealed = crypto.seal(value, owner=_owner(environment, name))
    found = session.scalars(_secrets(environment).where(EnvironmentSecret.name == name)).first()
    if found is None:
        count = session.scalar(select(func.count()).select_from(_secrets(environment).subquery())) or 0
        if count >= MOST_SECRETS:
            raise Conflict(f"This environment has {MOST_SECRETS} secrets, which is the most; delete one.")
        found = EnvironmentSecret(environment_id=environment.id, name=name, project_id=environment.project_id)
        session.add(found)
    found.sealed, found.updated_at = sealed, now()
    session.flush()
    return found


def list_secrets(session: Session, environment: Environment) -> Sequence[EnvironmentSecret]:
    """Its secrets, by name."""
    return session.scalars(_secrets(environment).order_by(EnvironmentSecret.name)).all()


def remove_secret(session: Session, environment: Environment, name: str) -> EnvironmentSecret:
    """The secret of the locked environment, as it was; raises NotFound."""
    found = session.scalars(_secrets(environment).where(EnvironmentSecret.name == name)).first()
    if found is None:
        raise NotFound("The environment has no such secret.")
    session.delete(found)
    session.flush()
    return found


def surroundings(session: Session, environment: Environment | None) -> Surroundings:
    """The environment as a run has it, with its secrets open. Raises SecretUnreadable or EncryptionNotConfigured."""
    if environment is None:
        return Surroundings()
    return Surroundings(
        environment_id=environment.id,
        name=environment.name,
        base_url=environment.base_url,
        variables=environment.variables,
        headers=environment.headers,
        auth=environment.auth,
        default_auth=environment.default_auth,
        secrets={
            one.name: crypto.open_sealed(one.sealed, owner=_owner(environment, one.name)).decode()
            for one in list_secrets(session, environment)
        },
        knowledge_base_id=environment.knowledge_base_id,
    )


def _owner(environment: Environment, name: str) -> str:
    return f"{environment.public_id}/{name}"


def _secrets(environment: Environment) -> Select[EnvironmentSecret]:
    mine = EnvironmentSecret.in_project(environment.project_id)
    return mine.where(EnvironmentSecret.environment_id == environment.id)


def _present(project_id: UUID) -> Select[Environment]:
    return Environment.in_project(project_id).where(Environment.deleted_at.is_(None))


def _require_free(session: Session, project_id: UUID, name: str) -> None:
    if session.scalar(select(_present(project_id).where(Environment.name == name).exists())):
        raise Conflict(f"This project has an environment {name!r} already; choose another name.")


def _check(session: Session, project_id: UUID, whole: Json, sent: Json | None = None) -> None:
    """Raises BadInput or TargetRefused, with pointers, for what cannot work."""
    sent = whole if sent is None else sent
    content.require_shallow(sent)
    wrong = templates.check({name: sent[name] for name in TEMPLATES if sent.get(name)})
    if wrong:
        raise BadInput("A template cannot be read; `errors` says where.", errors=wrong[:MOST_NAMED])
    if sent.get("base_url") and not has_place(sent["base_url"]):
        check_url(sent["base_url"], "/base_url")
    if sent.get("headers"):
        check_headers({name: "x" if has_place(value) else value for name, value in sent["headers"].items()})
    default = whole["default_auth"]
    if default is not None and default not in whole["auth"]:
        named = ", ".join(whole["auth"]) or "none"
        detail = f"{default!r} is not the name of an `auth` of the environment ({named})."
        raise BadInput(detail, errors=[{"pointer": "/default_auth", "detail": detail}])
    if sent.get("knowledge_base_id") is not None:
        try:
            bases.get_base(session, project_id, sent["knowledge_base_id"])
        except NotFound as error:
            raise BadInput(error.detail, errors=[{"pointer": "/knowledge_base_id", "detail": error.detail}]) from None
