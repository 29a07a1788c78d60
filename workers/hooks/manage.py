"""Hooks as their project sees them: made, changed, paused, resumed, given another secret, removed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NoReturn
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from infra import ids, json
from infra.clock import now
from infra.errors import BadInput, Conflict, NotFound, SwitchyardError
from models import Hook, SignatureScheme, Store
from workers import projects
from workers.hooks import secrets, templates
from workers.hooks.signatures import PLACES, signed_content
from workers.jobs import privacy
from workers.jobs.submit import WISHES, Wish, check_payload, find_kind, prepare, wish_of
from workers.paging import PageOf, Window, page
from workers.webhooks import callbacks

Json = dict[str, Any]

AT_MOST = 1000
LABELS_AT_MOST = 16
COLUMNS = {"name": "name", "event_types": "event_types", "kind": "kind", "input": "payload"}
OPTIONS = tuple(name for name in WISHES if name != "run_at")
DELETED = "The hook was deleted before there was a job."

# What came in the pause is due now; what waited anyway goes on waiting.
RELEASE = text("""
UPDATE inbox_messages SET retry_at = now(), waiting_since = now()
WHERE hook_id = :hook_id AND status = 'received' AND retry_at IS NULL
""")
ABANDON = text("""
UPDATE inbox_messages SET status = 'failed', retry_at = NULL, error = CAST(:error AS jsonb),
  body = CASE WHEN :kept THEN body END, headers = CASE WHEN :kept THEN headers END
WHERE hook_id = :hook_id AND status = 'received'
""")
NEWEST = text("""
SELECT h.id, m.created_at FROM unnest(CAST(:ids AS uuid[])) AS h(id)
  JOIN LATERAL (SELECT created_at FROM inbox_messages WHERE hook_id = h.id ORDER BY id DESC LIMIT 1) m ON true
""")


def create_hook(session: Session, *, project_id: UUID, created_by: UUID, body: Json) -> tuple[Hook, str]:
    """A hook and its secret, which is shown this once; raises BadInput with pointers."""
    hook = Hook(id=ids.new_id(), project_id=project_id, created_by=created_by, scheme=body["scheme"], options={})
    secret = body.get("secret") or secrets.new_secret(hook.scheme)
    secrets.require_strength(hook.scheme, secret)
    hook.scheme_options = _scheme_options(hook.scheme, body.get("scheme_options"))
    _apply(session, hook, body)
    # One after the other, so that two requests cannot both be the last.
    projects.lock(session, project_id)
    if (session.scalar(select(func.count()).select_from(Hook.in_project(project_id).subquery())) or 0) >= AT_MOST:
        raise Conflict(f"This project has {AT_MOST} hooks, which is the most; delete one that is not needed.")
    secrets.keep(hook, secret)
    session.add(hook)
    session.flush()
    return hook, secret


def get_hook(session: Session, project_id: UUID, hook_id: UUID, *, lock: bool = False) -> Hook:
    """The project's hook of that id, locked if it is to be changed; raises NotFound."""
    query = Hook.in_project(project_id).where(Hook.id == hook_id)
    hook = session.scalars(query.with_for_update() if lock else query).first()
    if hook is None:
        raise NotFound("There is no such hook.")
    return hook


def list_hooks(session: Session, project_id: UUID, window: Window) -> PageOf[Hook]:
    """The project's hooks, by the time they were made."""
    return page(session, Hook.in_project(project_id), Hook, window)


def newest_messages(session: Session, hooks: Sequence[Hook]) -> dict[UUID, datetime]:
    """When each of the hooks got its newest event, for those that got one."""
    return dict(session.execute(NEWEST, {"ids": [str(hook.id) for hook in hooks]}).tuples().all())


def change_hook(session: Session, project_id: UUID, hook_id: UUID, changes: Json) -> Hook:
    """The hook with these fields changed; events that wait get the new input, too."""
    hook = get_hook(session, project_id, hook_id, lock=True)
    if "scheme_options" in changes:
        hook.scheme_options = _scheme_options(hook.scheme, changes["scheme_options"])
    _apply(session, hook, changes)
    session.flush()
    return hook


def remove_hook(session: Session, project_id: UUID, hook_id: UUID) -> Hook:
    """The hook, as it was. Its jobs and messages stay; messages that wait have failed."""
    hook = get_hook(session, project_id, hook_id, lock=True)
    store = privacy.stricter(hook.options.get("store"), projects.policy(session, project_id).store)
    error = json.dumps(NotFound(DELETED).as_json())
    session.execute(ABANDON, {"hook_id": hook.id, "error": error, "kept": store == Store.FULL})
    session.delete(hook)
    session.flush()
    return hook


def pause(session: Session, project_id: UUID, hook_id: UUID) -> Hook:
    """Stores what comes, and submits nothing until it is resumed."""
    hook = get_hook(session, project_id, hook_id, lock=True)
    hook.paused_at = hook.paused_at or now()
    session.flush()
    return hook


def resume(session: Session, project_id: UUID, hook_id: UUID) -> Hook:
    """Submits again; what came in the pause follows within seconds (retrying.py)."""
    hook = get_hook(session, project_id, hook_id, lock=True)
    hook.paused_at = None
    session.flush()
    session.execute(RELEASE, {"hook_id": hook.id})
    return hook


def rotate_secret(session: Session, project_id: UUID, hook_id: UUID, body: Json) -> tuple[Hook, str]:
    """The hook with another secret; the old one is believed for `overlap_s` seconds more."""
    hook = get_hook(session, project_id, hook_id, lock=True)
    secret = body.get("secret") or secrets.new_secret(hook.scheme)
    secrets.require_strength(hook.scheme, secret)
    if secret == secrets.present(hook):
        problem = "Is the present secret."
        raise BadInput("The secret would not change.", errors=[{"pointer": "/secret", "detail": problem}])
    keeps = body["overlap_s"] > 0
    hook.old_secret = hook.secret if keeps else None
    hook.old_secret_until = now() + timedelta(seconds=body["overlap_s"]) if keeps else None
    secrets.keep(hook, secret)
    session.flush()
    return hook, secret


def wish_for(hook: Hook, *, labels: dict[str, str], **more: Any) -> Wish:
    """How the hook's jobs are to be treated; `labels` join their metadata as far as there is room."""
    options = hook.options
    cost = options.get("max_cost")
    metadata = dict(options.get("metadata", {}))
    for name, value in labels.items():
        if len(metadata) < LABELS_AT_MOST:
            metadata.setdefault(name, value)
    body = {**options, "max_cost": None if cost is None else Decimal(cost), "metadata": metadata}
    return wish_of(body, created_by=hook.created_by, **more)


def _apply(session: Session, hook: Hook, body: Json) -> None:
    """Writes the given fields, and checks the whole as far as it can be known without an event."""
    for name, column in COLUMNS.items():
        if name in body:
            setattr(hook, column, body[name])
    options = {**hook.options, **{name: body[name] for name in OPTIONS if name in body}}
    if options.get("max_cost") is not None:
        options["max_cost"] = str(options["max_cost"])
    hook.options = {name: value for name, value in options.items() if value is not None}
    if "concurrency_limit" in hook.options and "concurrency_key" not in hook.options:
        _refuse("/concurrency_limit", "Needs a concurrency_key.")
    kind = find_kind(hook.kind)
    places = templates.check(hook.payload)
    if not places:
        wish = wish_for(hook, labels={})
        prepare(session, kind=hook.kind, payload=hook.payload, project_id=hook.project_id, wish=wish)
        return
    if hook.options.get("callback_url") is not None:
        callbacks.check(hook.options["callback_url"])
    try:
        check_payload(kind, hook.payload)
    except SwitchyardError as error:
        # What a value of the event decides is seen when there is one.
        errors = [one for one in error.errors if not _depends(one["pointer"], places)]
        if errors:
            raise BadInput(error.detail, errors=errors) from None


def _depends(pointer: str, places: Sequence[str]) -> bool:
    """Whether something at the pointer lies in a place, or a place in it."""
    return any(f"{pointer}/".startswith(f"{place}/") or f"{place}/".startswith(f"{pointer}/") for place in places)


def _scheme_options(scheme: str, options: Json | None) -> Json:
    """The options of plain HMAC, checked against each other; other schemes have none."""
    if scheme != SignatureScheme.HMAC:
        if options:
            _refuse("/scheme_options", "Only the scheme hmac has options; this one says itself how it signs.")
        return {}
    if not options:
        _refuse("/scheme_options", "Say at least in which header the signature comes.")
    given = {name: value for name, value in options.items() if value is not None}
    layout = signed_content(given)
    here = [place for place in PLACES if place in layout]
    if layout.count("{body}") != 1:
        _refuse("/scheme_options/signed_content", "Must have {body} once.")
    for place, header in (("{timestamp}", "timestamp_header"), ("{id}", "id_header")):
        if place in here and header not in given:
            _refuse(f"/scheme_options/{header}", f"Is needed, since {place} is signed.")
    if "id_header" in given and "{id}" not in here:
        detail = (
            "Must have {id}: anybody could change one that is not signed. Or have id_from sha256, and no id_header."
        )
        _refuse("/scheme_options/signed_content", detail)
    if "timestamp_header" in given and "{timestamp}" not in here:
        _refuse("/scheme_options/signed_content", "Must have {timestamp}: anybody could change one that is not signed.")
    return given


def _refuse(pointer: str, detail: str) -> NoReturn:
    raise BadInput(detail, errors=[{"pointer": pointer, "detail": detail}])
