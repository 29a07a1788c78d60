"""Hooks: addresses at which outside events start jobs. What is sent there comes in through api/hooks.py."""

from typing import Any

from flask import Blueprint, request

from api.endpoint import Call, endpoint
from models import Hook, InboxMessage
from schemas.base import page_query
from schemas.hook import HookIn, HookOut, HookPatch, HooksQuery, NewHookOut, RotateIn, hook_view
from schemas.inbox_message import InboxMessageOut, WholeInboxMessageOut
from workers.hooks import inbox, manage
from workers.paging import PageOf

bp = Blueprint("hooks", __name__, url_prefix="/v1")


@bp.post("/hooks")
@endpoint(scope="hooks:write", body=HookIn, returns=NewHookOut, status=201, errors=(404,))
def create_hook(call: Call) -> dict[str, Any]:
    """Makes a hook and shows its secret, this once."""
    project = call.own_project(call.body.get("project_id"))
    made = manage.create_hook(call.session, project_id=project, created_by=call.principal.id, body=call.body)
    return _shown(call, *made)


@bp.get("/hooks")
@endpoint(scope="hooks:read", query=HooksQuery, returns=HookOut, page=True, errors=(404,))
def list_hooks(call: Call) -> PageOf[Hook]:
    """Lists the project's hooks."""
    found = manage.list_hooks(call.session, call.own_project(call.query.get("project_id")), call.window)
    newest = manage.newest_messages(call.session, found.rows)
    return found.map(lambda hook: hook_view(hook, request.host_url, newest.get(hook.id)))


@bp.get("/hooks/<hook_id>")
@endpoint(scope="hooks:read", returns=HookOut, errors=(404,))
def get_hook(call: Call, hook_id: str) -> dict[str, Any]:
    """One hook."""
    return _shown(call, manage.get_hook(call.session, call.principal.project_id, call.id("hook", hook_id)))


@bp.patch("/hooks/<hook_id>")
@endpoint(scope="hooks:write", body=HookPatch, returns=HookOut, errors=(404,))
def change_hook(call: Call, hook_id: str) -> dict[str, Any]:
    """Changes the fields that are sent; events that wait, and failed ones tried again, get the new input."""
    project, found = call.principal.project_id, call.id("hook", hook_id)
    return _shown(call, manage.change_hook(call.session, project, found, call.body))


@bp.delete("/hooks/<hook_id>")
@endpoint(scope="hooks:write", returns=HookOut, errors=(404,))
def remove_hook(call: Call, hook_id: str) -> dict[str, Any]:
    """Deletes a hook and answers with it as it was; its jobs and messages stay, those that wait have failed."""
    return _shown(call, manage.remove_hook(call.session, call.principal.project_id, call.id("hook", hook_id)))


@bp.post("/hooks/<hook_id>/pause")
@endpoint(scope="hooks:write", returns=HookOut, errors=(404,))
def pause_hook(call: Call, hook_id: str) -> dict[str, Any]:
    """Stores what comes, and submits nothing until the hook is resumed."""
    return _shown(call, manage.pause(call.session, call.principal.project_id, call.id("hook", hook_id)))


@bp.post("/hooks/<hook_id>/resume")
@endpoint(scope="hooks:write", returns=HookOut, errors=(404,))
def resume_hook(call: Call, hook_id: str) -> dict[str, Any]:
    """Submits again, and within seconds also what came in the pause."""
    return _shown(call, manage.resume(call.session, call.principal.project_id, call.id("hook", hook_id)))


@bp.post("/hooks/<hook_id>/rotate_secret")
@endpoint(scope="hooks:write", body=RotateIn, returns=NewHookOut, errors=(404,))
def rotate_hook_secret(call: Call, hook_id: str) -> dict[str, Any]:
    """Gives the hook another secret, the sender's or a new one; the old one is believed for a day, unless said."""
    project, found = call.principal.project_id, call.id("hook", hook_id)
    return _shown(call, *manage.rotate_secret(call.session, project, found, call.body))


@bp.get("/hooks/<hook_id>/messages")
@endpoint(scope="hooks:read", query=page_query("inmsg"), returns=InboxMessageOut, page=True, errors=(404,))
def list_inbox_messages(call: Call, hook_id: str) -> PageOf[InboxMessage]:
    """Lists what came to a hook, and what became of it."""
    return inbox.list_messages(call.session, call.principal.project_id, call.id("hook", hook_id), call.window)


@bp.get("/inbox_messages/<message_id>")
@endpoint(scope="hooks:read", returns=WholeInboxMessageOut, errors=(404,))
def get_inbox_message(call: Call, message_id: str) -> InboxMessage:
    """One message, with its event."""
    return inbox.get_message(call.session, call.principal.project_id, call.id("inmsg", message_id))


@bp.post("/inbox_messages/<message_id>/retry")
@endpoint(scope="hooks:write", returns=WholeInboxMessageOut, errors=(404,))
def retry_inbox_message(call: Call, message_id: str) -> InboxMessage:
    """Tries a failed message again, at once and with its hook as it is now; the answer says what became of it."""
    project, found = call.principal.project_id, call.id("inmsg", message_id)
    return inbox.retry(call.session, project, found, request_id=call.request_id)


def _shown(call: Call, hook: Hook, secret: str | None = None) -> dict[str, Any]:
    newest = manage.newest_messages(call.session, [hook])
    return hook_view(hook, request.host_url, newest.get(hook.id), secret)
