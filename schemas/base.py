"""Fields and helpers that every schema uses: public ids, RFC 3339 times, the page envelope, JSON pointers."""

from collections.abc import Mapping
from datetime import UTC
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, ClassVar
from uuid import UUID

from marshmallow import INCLUDE, Schema, ValidationError, fields, validate

from infra import ids
from infra.clock import rfc3339

Json = dict[str, Any]
UNKNOWN_FIELD = "Unknown field."
# What marshmallow says of a value that is no object.
NO_OBJECT = {"Invalid input type.": "Must be an object.", "Not a valid mapping type.": "Must be an object."}


class PublicId(fields.Field[UUID]):
    """`job_…` outside, UUID inside."""

    def __init__(self, prefix: str, **kwargs: Any) -> None:
        pattern = f"^{prefix}_[0-9a-f]{{32}}$"
        kwargs.setdefault("metadata", {"type": "string", "pattern": pattern})
        super().__init__(**kwargs)
        self.prefix = prefix

    def _serialize(self, value: UUID | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else ids.show(self.prefix, value)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> UUID:
        found = ids.parse(self.prefix, value) if isinstance(value, str) else None
        if found is None:
            raise ValidationError(f"Must be an id: {self.prefix}_ and 32 lowercase hex digits.")
        return found


class Time(fields.AwareDateTime):
    """An aware time; RFC 3339 in UTC with Z outside."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("metadata", {"type": "string", "format": "date-time"})
        super().__init__(format="iso", default_timezone=None, **kwargs)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else rfc3339(value)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        try:
            return super()._deserialize(value, attr, data, **kwargs).astimezone(UTC)
        except OverflowError:
            raise ValidationError("Does not exist in UTC.") from None


class Text(fields.String):
    """A string with a length."""

    def __init__(self, *, at_least: int = 0, at_most: int, **kwargs: Any) -> None:
        super().__init__(validate=validate.Length(min=at_least, max=at_most), **kwargs)


def not_blank(value: str) -> None:
    """Refuses a text of nothing but blanks."""
    if not value.strip("\0 \t\r\n"):
        raise ValidationError("Must not be blank.")


class Secret(fields.String):
    """A secret in an answer, which is therefore kept sealed for its Idempotency-Key (workers/idempotency.py)."""


def has_secret(schema: Schema) -> bool:
    """Whether such an answer has one at its top."""
    return any(isinstance(one, Secret) for one in schema.fields.values())


class Number(fields.Integer):
    """A whole number in a range; neither "7" nor 7.0 nor true is one."""

    def __init__(self, *, at_least: int, at_most: int, **kwargs: Any) -> None:
        super().__init__(strict=True, validate=validate.Range(min=at_least, max=at_most), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class Flag(fields.Boolean):
    """true or false, and nothing that looks like it."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Pairs(fields.Dict):
    """An object with any names. What is wrong with a name or its value is said at that name, where marshmallow would
    add a step, `key` or `value`, that the object does not have."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        try:
            return super()._deserialize(value, attr, data, **kwargs)  # type: ignore[no-untyped-call]
        except ValidationError as error:
            if not isinstance(error.messages, dict):
                raise
            raise ValidationError({name: [*parts.values()] for name, parts in error.messages.items()}) from None


class Money(fields.Field[Decimal]):
    """US dollars above 0: a number or decimal text inside a request, decimal text in an answer."""

    AT_MOST = Decimal(1_000_000)

    def __init__(self, **kwargs: Any) -> None:
        described = kwargs.pop("metadata", {})
        super().__init__(metadata={"type": ["string", "number"], "example": "0.25", **described}, **kwargs)

    def _serialize(self, value: Decimal | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else f"{value.normalize():f}"

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Decimal:
        try:
            amount = Decimal(str(value)[:40] if isinstance(value, str | int | float) and value is not True else "nan")
        except InvalidOperation:
            amount = Decimal("nan")
        if not (amount.is_finite() and 0 < amount <= self.AT_MOST) or amount != round(amount, 10):
            raise ValidationError("Must be an amount above 0 in US dollars, with at most 10 decimal places.")
        return amount


class QueryNumber(fields.Integer):
    """A whole number as text: digits and nothing else, where Python would take "1_0" and " 1" too."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if not (isinstance(value, str) and value.isascii() and value.isdigit()):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class AsIs(fields.Nested):
    """An object that is shown as it is stored; the schema says what is in it."""

    def _serialize(self, nested_obj: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        return nested_obj


class OneOf(Schema):
    """One of several shapes, which something outside the body tells apart; the view has it loaded as that one."""

    one_of: ClassVar[dict[str, type[Schema]]]

    class Meta:
        """Whatever it has."""

        unknown = INCLUDE


class PageQuery(Schema):
    """How to walk a list; numbers come as text."""

    limit = QueryNumber(
        load_default=20,
        validate=validate.Range(min=1, max=100),
        metadata={"description": "How many objects at most."},
    )
    order = fields.String(
        load_default="desc",
        validate=validate.OneOf(["asc", "desc"]),
        metadata={"description": "`desc`: newest first."},
    )


def page_query(prefix: str) -> type[PageQuery]:
    """The page query of a list of objects with this id prefix."""
    after = PublicId(
        prefix,
        metadata={
            "type": "string",
            "pattern": f"^{prefix}_[0-9a-f]{{32}}$",
            "description": "Continue after this object.",
        },
    )
    return type(f"{prefix.title()}PageQuery", (PageQuery,), {"after": after})


@cache
def page_of(item: type[Schema]) -> type[Schema]:
    """The envelope of a list of `item`."""
    name = item.__name__.removesuffix("Out")
    return Schema.from_dict(
        {
            "object": fields.Constant("list", required=True),
            "data": fields.List(fields.Nested(item), required=True),
            "has_more": fields.Boolean(required=True),
            "first_id": fields.String(required=True, allow_none=True),
            "last_id": fields.String(required=True, allow_none=True),
        },
        name=f"{name}Page",
    )


def pointers(messages: Any, prefix: str = "") -> list[Json]:
    """marshmallow's nested messages as `[{"pointer": "/input/messages/0/role", "detail": …}]`."""
    if isinstance(messages, Mapping):
        found: list[Json] = []
        for key, inner in messages.items():
            step = "" if key == "_schema" else "/" + str(key).replace("~", "~0").replace("/", "~1")
            found += pointers(inner, prefix + step)
        return found
    if isinstance(messages, list):
        return [one for message in messages for one in pointers(message, prefix)]
    return [{"pointer": prefix, "detail": NO_OBJECT.get(str(messages), str(messages))}]


def nul_places(value: Any, pointer: str = "") -> list[str]:
    """Pointers to every text in a JSON value that has the character U+0000."""
    if isinstance(value, str):
        return [pointer] if "\0" in value else []
    if isinstance(value, dict):
        places = [pointer for key in value if "\0" in key]
        return places + [place for key, inner in value.items() for place in nul_places(inner, f"{pointer}/{key}")]
    if isinstance(value, list):
        return [place for index, inner in enumerate(value) for place in nul_places(inner, f"{pointer}/{index}")]
    return []
