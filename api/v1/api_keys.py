"""API keys."""

from typing import Any

from flask import Blueprint

from api.endpoint import Call, endpoint
from models import ApiKey
from schemas.api_key import ApiKeyIn, ApiKeyOut, NewApiKeyOut, new_key_view
from schemas.base import page_query
from workers.identity import keys
from workers.paging import PageOf

bp = Blueprint("api_keys", __name__, url_prefix="/v1/api_keys")


@bp.post("")
@endpoint(scope="api_keys:write", body=ApiKeyIn, returns=NewApiKeyOut, status=201, errors=(404,))
def create_api_key(call: Call) -> dict[str, Any]:
    """Makes a key; its secret is in this answer and nowhere else."""
    call.own_project(call.body.get("project_id"))
    key, secret = keys.create_key_for(
        call.session,
        call.principal,
        name=call.body["name"],
        scopes=call.body.get("scopes"),
        expires_at=call.body.get("expires_at"),
    )
    return new_key_view(key, secret)


@bp.get("")
@endpoint(scope="api_keys:read", query=page_query("key"), returns=ApiKeyOut, page=True)
def list_api_keys(call: Call) -> PageOf[ApiKey]:
    """Lists the project's keys."""
    return keys.list_keys(call.session, call.principal.project_id, call.window)


@bp.get("/<key_id>")
@endpoint(scope="api_keys:read", returns=ApiKeyOut, errors=(404,))
def get_api_key(call: Call, key_id: str) -> ApiKey:
    """One key, without its secret."""
    return keys.get_key(call.session, call.principal.project_id, call.id("key", key_id))


@bp.delete("/<key_id>")
@endpoint(scope="api_keys:write", returns=ApiKeyOut, errors=(404,))
def revoke_api_key(call: Call, key_id: str) -> ApiKey:
    """Revokes a key, at once and for good."""
    return keys.revoke_key(call.session, call.principal.project_id, call.id("key", key_id))
