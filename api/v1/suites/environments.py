"""Environments: made, listed, changed, removed, and their secrets, which go in and never come out."""

from typing import Any
from uuid import UUID

from api.endpoint import Call, endpoint
from api.v1.suites.place import at, placed
from models import Environment
from schemas.environment import (
    EnvironmentIn,
    EnvironmentOut,
    EnvironmentPatch,
    EnvironmentsQuery,
    SecretIn,
    SecretOut,
    SecretsOut,
    environment_view,
    secret_view,
)
from workers.paging import PageOf
from workers.suites import environments

ONE = "/environments/<environment_id>"


@at("POST", "/environments")
@endpoint(scope="tests:write", body=EnvironmentIn, returns=EnvironmentOut, status=201, errors=(404, 409))
@placed
def create_environment(call: Call, project_id: UUID) -> dict[str, Any]:
    """Makes an environment: where tests go, with what variables, headers and credentials."""
    by = call.principal.id
    return environment_view(environments.create_environment(call.session, project_id, call.body, created_by=by))


@at("GET", "/environments")
@endpoint(scope="tests:read", query=EnvironmentsQuery, returns=EnvironmentOut, page=True, errors=(404,))
@placed
def list_environments(call: Call, project_id: UUID) -> PageOf[Environment]:
    """Lists the project's environments."""
    return environments.list_environments(call.session, project_id, call.window).map(environment_view)


@at("GET", ONE)
@endpoint(scope="tests:read", returns=EnvironmentOut, errors=(404,))
@placed
def get_environment(call: Call, project_id: UUID, environment_id: str) -> dict[str, Any]:
    """One environment, without its secrets."""
    return environment_view(_environment(call, project_id, environment_id))


@at("PATCH", ONE)
@endpoint(scope="tests:write", body=EnvironmentPatch, returns=EnvironmentOut, errors=(404, 409))
@placed
def change_environment(call: Call, project_id: UUID, environment_id: str) -> dict[str, Any]:
    """Changes the fields that are sent; runs that are under way go on as they began."""
    found = _environment(call, project_id, environment_id, lock=True)
    return environment_view(environments.change_environment(call.session, found, call.body))


@at("DELETE", ONE)
@endpoint(scope="tests:write", returns=EnvironmentOut, errors=(404, 409))
@placed
def remove_environment(call: Call, project_id: UUID, environment_id: str) -> dict[str, Any]:
    """Deletes an environment with its secrets and answers with it as it was; not while a suite runs in it."""
    found = _environment(call, project_id, environment_id, lock=True)
    return environment_view(environments.remove_environment(call.session, found))


@at("GET", f"{ONE}/secrets")
@endpoint(scope="tests:read", returns=SecretsOut, errors=(404,))
@placed
def list_environment_secrets(call: Call, project_id: UUID, environment_id: str) -> dict[str, Any]:
    """Lists the names of an environment's secrets; there is no way to see their values."""
    found = environments.list_secrets(call.session, _environment(call, project_id, environment_id))
    return {"data": [secret_view(one) for one in found]}


@at("PUT", f"{ONE}/secrets/<secret_name>")
@endpoint(scope="tests:write", body=SecretIn, returns=SecretOut, errors=(404, 409))
@placed
def put_environment_secret(call: Call, project_id: UUID, environment_id: str, secret_name: str) -> dict[str, Any]:
    """Keeps a secret, encrypted, for `{{secret.name}}`; in place of the one of that name."""
    found = _environment(call, project_id, environment_id, lock=True)
    return secret_view(environments.put_secret(call.session, found, secret_name, call.body["value"]))


@at("DELETE", f"{ONE}/secrets/<secret_name>")
@endpoint(scope="tests:write", returns=SecretOut, errors=(404,))
@placed
def remove_environment_secret(call: Call, project_id: UUID, environment_id: str, secret_name: str) -> dict[str, Any]:
    """Forgets a secret; places that name it are unset from here on."""
    found = _environment(call, project_id, environment_id, lock=True)
    return secret_view(environments.remove_secret(call.session, found, secret_name))


def _environment(call: Call, project_id: UUID, environment_id: str, *, lock: bool = False) -> Environment:
    found = call.id(Environment.prefix, environment_id)
    return environments.get_environment(call.session, project_id, found, lock=lock)
