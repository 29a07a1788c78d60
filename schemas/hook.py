"""Inbound hooks as clients send and see them."""

from datetime import datetime
from typing import Any

from marshmallow import Schema, fields, validate

from models import Hook, SignatureScheme, Store
from schemas.base import AsIs, Number, PublicId, Secret, Text, Time, page_query
from schemas.job import WishesIn

SCHEMES = [scheme.value for scheme in SignatureScheme]
WEEK_SECONDS = 7 * 86_400
DAY_SECONDS = 86_400
INPUT = """The input of its jobs, with places for values of the event: `{{ /json/pointer }}` into its body,
`{{ @body }}`, `{{ @id }}`, `{{ @event_type }}`, `{{ @header:Name }}`. A text that is one place becomes the value
itself, of any type. `{{ /a/b ?? text }}` takes the text where there is nothing. `\\{{` is plain text."""
SECRET = """The sender's, or left out for a new one. At least 16 bytes; for `standard_webhooks` `whsec_` and 24 to 64
bytes in base64; for `stripe` the endpoint's signing secret, `whsec_…`."""
EVENT_TYPES = (
    "Types of the sender's that start jobs: exact, or a beginning and `*`. Others are acknowledged and ignored."
)


class Header(fields.String):
    """The name of a header."""

    def __init__(self, **kwargs: Any) -> None:
        one = validate.Regexp(r"[A-Za-z0-9-]{1,100}\Z", error="Must be a header's name: letters, digits and hyphens.")
        super().__init__(validate=one, **kwargs)


class SchemeOptions(Schema):
    """How a sender with the scheme `hmac` signs."""

    header = Header(required=True, metadata={"description": "Has the signature.", "example": "X-Signature"})
    algorithm = fields.String(validate=validate.OneOf(["sha256", "sha512", "sha1"]), load_default="sha256")
    encoding = fields.String(validate=validate.OneOf(["hex", "base64"]), load_default="hex")
    prefix = Text(
        at_most=32, load_default="", metadata={"description": "Comes before the signature.", "example": "sha256="}
    )
    timestamp_header = Header(
        allow_none=True,
        load_default=None,
        metadata={"description": "Has the time of signing, in seconds; older than five minutes is refused."},
    )
    id_header = Header(
        allow_none=True,
        load_default=None,
        metadata={"description": "Has the event's id, which is signed, too: `{id}` in `signed_content`."},
    )
    id_from = fields.String(
        validate=validate.OneOf(["id", "sha256"]),
        load_default="id",
        metadata={"description": "Without `id_header`, the event's id is the body's `id`, or the body's SHA-256."},
    )
    event_type_header = Header(
        allow_none=True,
        load_default=None,
        metadata={"description": "Has the event's type. Without it the type is the body's `type`."},
    )
    signed_content = Text(
        at_least=1,
        at_most=100,
        allow_none=True,
        load_default=None,
        metadata={
            "description": "What is signed: `{body}`, or `{timestamp}.{body}` with a `timestamp_header`, unless said.",
            "example": "v0:{timestamp}:{body}",
        },
    )


class HookFields(WishesIn):
    """What to accept, and which job it starts."""

    name = Text(at_least=1, at_most=200, required=True, metadata={"example": "Pull requests"})
    scheme_options = fields.Nested(
        SchemeOptions, allow_none=True, metadata={"description": "Of the scheme `hmac`, which needs them."}
    )
    event_types = fields.List(
        fields.String(
            validate=validate.Regexp(
                r"(\*|[^\s*]{1,100}\*?)\Z", error="Must be an event type, a beginning of one and *, or * alone."
            )
        ),
        load_default=lambda: ["*"],
        validate=validate.Length(min=1, max=100),
        metadata={"description": EVENT_TYPES, "example": ["pull_request", "customer.*"]},
    )
    kind = Text(at_least=1, at_most=64, required=True, metadata={"example": "completion"})
    input = fields.Dict(keys=fields.String(), required=True, metadata={"description": INPUT})


class HookIn(HookFields):
    """A new hook."""

    scheme = fields.String(
        required=True,
        validate=validate.OneOf(SCHEMES, error="Must be one of {choices}."),
        metadata={"description": "How the sender signs."},
    )
    secret = Text(at_least=1, at_most=1024, allow_none=True, metadata={"description": SECRET})
    project_id = PublicId("proj")


class HookPatch(HookFields):
    """What is to change; everything else stays. Null takes an option back."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "partial": _top_level(self)})

    def _limit_has_a_key(self, data: dict[str, Any], **_: Any) -> None:
        """The key may be there already, so the whole is checked when it is changed."""


def _top_level(schema: Schema) -> tuple[str, ...]:
    """Every field of the schema itself: `partial=True` would hold for what is nested in it, too."""
    return tuple(schema._declared_fields)


class RotateIn(Schema):
    """Another secret for a hook."""

    secret = Text(at_least=1, at_most=1024, allow_none=True, metadata={"description": SECRET})
    overlap_s = Number(
        at_least=0,
        at_most=WEEK_SECONDS,
        load_default=DAY_SECONDS,
        metadata={"description": "Seconds for which the old secret's signatures are believed, too."},
    )


class HookOut(Schema):
    """A hook, without its secret."""

    id = PublicId("hook", required=True)
    object = fields.Constant("hook", required=True)
    project_id = PublicId("proj", required=True)
    name = fields.String(required=True)
    url = fields.String(required=True, metadata={"description": "Where the sender sends its events."})
    scheme = fields.String(required=True, validate=validate.OneOf(SCHEMES))
    scheme_options = AsIs(SchemeOptions, required=True, allow_none=True)
    event_types = fields.List(fields.String(), required=True)
    paused = fields.Boolean(required=True)
    old_secret_until = Time(
        required=True, allow_none=True, metadata={"description": "Until when the secret before is believed, too."}
    )
    last_received_at = Time(
        required=True, allow_none=True, metadata={"description": "When the newest event came that was not ignored."}
    )
    kind = fields.String(required=True)
    input = fields.Dict(required=True)
    priority = fields.Integer(required=True)
    deadline_s = fields.Integer(required=True, allow_none=True)
    max_attempts = fields.Integer(required=True, allow_none=True)
    metadata = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    concurrency_key = fields.String(required=True, allow_none=True)
    concurrency_limit = fields.Integer(required=True, allow_none=True)
    max_cost = fields.String(required=True, allow_none=True)
    store = fields.String(required=True, allow_none=True, validate=validate.OneOf(list(Store)))
    callback_url = fields.String(required=True, allow_none=True)
    created_at = Time(required=True)


class NewHookOut(HookOut):
    """A hook with a new secret, which is shown this once."""

    secret = Secret(required=True)


OPTIONS = ("deadline_s", "max_attempts", "concurrency_key", "concurrency_limit", "max_cost", "store", "callback_url")


def hook_view(
    hook: Hook, base_url: str, last_received_at: datetime | None, secret: str | None = None
) -> dict[str, Any]:
    """What HookOut reads, and with the secret NewHookOut."""
    options = hook.options
    return {
        "id": hook.id,
        "project_id": hook.project_id,
        "name": hook.name,
        "url": f"{base_url}v1/hooks/{hook.public_id}",
        "scheme": hook.scheme,
        "scheme_options": hook.scheme_options or None,
        "event_types": hook.event_types,
        "paused": hook.paused_at is not None,
        "old_secret_until": hook.old_secret_until,
        "last_received_at": last_received_at,
        "kind": hook.kind,
        "input": hook.payload,
        "priority": options.get("priority", 5),
        "metadata": options.get("metadata", {}),
        **{name: options.get(name) for name in OPTIONS},
        "created_at": hook.created_at,
        "secret": secret,
    }


class HooksQuery(page_query("hook")):  # type: ignore[misc]
    """Whose hooks are listed; a key sees its own project's."""

    project_id = PublicId("proj")
