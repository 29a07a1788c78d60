"""What clients of the WebSocket door send: who they are, and what they want to follow."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from schemas.base import PublicId, Text

TARGETS = ("job", "batch", "project", "user")
NUMBER_AT_MOST = 2**31 - 1
CURSOR_AT_MOST = 200


class Own(PublicId):
    """True, for what the key itself belongs to, or a public id."""

    def _deserialize(self, value: Any, *rest: Any, **kwargs: Any) -> Any:
        return True if value is True else super()._deserialize(value, *rest, **kwargs)


class SocketAuth(Schema):
    """The handshake's `auth`."""

    token = Text(at_most=1000)
    aliases = fields.Boolean(truthy={True}, falsy={False}, load_default=True)


class _Target(Schema):
    job = PublicId("job")
    batch = PublicId("batch")
    project = Own("proj", metadata={"type": ["string", "boolean"], "pattern": "^proj_[0-9a-f]{32}$"})
    user = fields.Boolean(truthy={True}, falsy=set())

    def _require_one(self, data: dict[str, Any], *names: str) -> None:
        given = [name for name in names if name in data]
        if len(given) != 1:
            raise ValidationError(f"Name one of {', '.join(names)}.", given[1] if given else "_schema")


class Subscribe(_Target):
    """A room to follow. `after` is the last number that was seen of a job or batch, or the last cursor of a project."""

    after = fields.Raw()
    types = fields.List(Text(at_least=1, at_most=128), validate=validate.Length(min=1, max=50))

    @validates_schema
    def _fits(self, data: dict[str, Any], **_: Any) -> None:
        self._require_one(data, *TARGETS)
        after = data.get("after")
        if "job" in data or "batch" in data:
            number = isinstance(after, int) and not isinstance(after, bool) and 0 <= after <= NUMBER_AT_MOST
            if after is not None and not number:
                raise ValidationError("Must be the sequence number of the last event seen.", "after")
            if "types" in data:
                raise ValidationError("Only the events of a project or user are chosen by type.", "types")
        elif after is not None and not (isinstance(after, str) and 0 < len(after) <= CURSOR_AT_MOST):
            raise ValidationError("Must be the cursor of the last event seen.", "after")


class Unsubscribe(_Target):
    """A room to leave, by its name or by what it was entered with."""

    room = Text(at_least=1, at_most=100)

    @validates_schema
    def _fits(self, data: dict[str, Any], **_: Any) -> None:
        self._require_one(data, "room", *TARGETS)
