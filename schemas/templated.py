"""Texts of test cases, which may have places like `{{name}}` that are filled in at run time."""

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields

from schemas.base import Pairs, Text

LONGEST_NAME = 100
NAME_PATTERN = rf"[A-Za-z_][A-Za-z0-9_-]{{0,{LONGEST_NAME - 1}}}"
LONGEST_VALUE = 65_536

_PLACE = re.compile(r"(?<!\\)\{\{[^{}]+\}\}")
_NAME = re.compile(NAME_PATTERN)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_USER = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*@")

SEALED = (
    "Is a secret and would be kept in plain text: put it into a secret of the environment "
    "(PUT /v1/environments/{environment_id}/secrets/{secret_name}) and write {{secret.<name>}} here."
)


def has_place(value: Any) -> bool:
    """Whether it is a text with a place to fill in."""
    return isinstance(value, str) and _PLACE.search(value) is not None


def is_name(value: str) -> bool:
    """Whether templates can use it as a name."""
    return _NAME.fullmatch(value) is not None


def a_name(value: str) -> None:
    """Refuses what cannot be named in a template."""
    if not is_name(value):
        raise ValidationError(
            f"Must be a name: a letter or _, then letters, digits, _ and -, at most {LONGEST_NAME} characters."
        )


def a_header_name(value: str) -> None:
    """Refuses what is no name of a header."""
    if not _TOKEN.fullmatch(value):
        raise ValidationError("Must be the name of a header: letters, digits and hyphens.")


def sealed(value: str) -> None:
    """Refuses a secret that is written out."""
    if not has_place(value):
        raise ValidationError(SEALED)


def a_url(value: str) -> None:
    """Refuses what is neither an http(s) URL nor a path, as far as can be said before places are filled in."""
    if _CONTROL.search(value) or not value.strip():
        raise ValidationError("Must be a URL, or a path below the environment's base_url, without control characters.")
    scheme = _SCHEME.match(value)
    if scheme and scheme[1].lower() not in ("http", "https"):
        raise ValidationError("Must begin with http:// or https://, or be a path below the environment's base_url.")
    if _USER.match(value):
        raise ValidationError("Has a user name or password in it; use `auth` with a secret of the environment.")


def named(**kwargs: Any) -> Text:
    """A field for a name that templates can use."""
    field = Text(at_least=1, at_most=LONGEST_NAME, **kwargs)
    field.validators.append(a_name)
    field.metadata = {"pattern": f"^{NAME_PATTERN}$", **field.metadata}
    return field


def checked(*more: Any, at_least: int = 1, at_most: int, **kwargs: Any) -> Text:
    """A text with a length and more that it must be."""
    field = Text(at_least=at_least, at_most=at_most, **kwargs)
    field.validators.extend(more)
    return field


def variable_pairs(**kwargs: Any) -> Pairs:
    """An object of variables: any JSON, by names that templates can use."""
    kwargs.setdefault("metadata", {"description": "Any JSON by name, for `{{name}}`.", "example": {"user": "ada"}})
    return Pairs(keys=named(), values=fields.Raw(allow_none=True), **kwargs)


def header_pairs(**kwargs: Any) -> Pairs:
    """An object of headers; the values may have places."""
    return Pairs(keys=checked(a_header_name, at_most=200), values=Text(at_most=LONGEST_VALUE), **kwargs)


class Scalar(fields.Field[Any]):
    """A text, number, boolean or null; with `lists`, also a list of them."""

    def __init__(self, *, lists: bool = False, nulls: bool = True, **kwargs: Any) -> None:
        one = ["string", "number", "boolean", *(["null"] if nulls else [])]
        many = {"type": "array", "maxItems": 1000, "items": {"type": one}}
        kwargs["metadata"] = {"anyOf": [{"type": one}, many]} if lists else {"type": one}
        super().__init__(allow_none=nulls, **kwargs)
        self._lists = lists

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        values = value if self._lists and isinstance(value, list) else [value]
        if len(values) > 1000 or any(isinstance(one, list | dict) for one in values):
            kinds = "a text, a number, true or false" + (", or a list of at most 1000 of them" if self._lists else "")
            raise ValidationError(f"Must be {kinds}.")
        return value


def scalar_pairs(*, lists: bool = False, nulls: bool = True, **kwargs: Any) -> Pairs:
    """An object of scalars by any name."""
    return Pairs(keys=Text(at_least=1, at_most=1000), values=Scalar(lists=lists, nulls=nulls), **kwargs)
