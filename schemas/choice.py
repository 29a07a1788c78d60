"""An object that has one of several shapes; one of its own fields says which."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields

from schemas.base import UNKNOWN_FIELD

Json = dict[str, Any]


class Choice(fields.Field[Any]):
    """An object of the shape that its field `by` names, or of `default` where it names none.

    It is checked, and stays as it was sent: no defaults are filled in. `what` is what such an object is called in a
    refusal, as "an assertion".
    """

    def __init__(
        self, by: str, shapes: Mapping[str, type[Schema]], *, what: str, default: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.by, self.what, self.default = by, what, default
        self.shapes = {name: shape() for name, shape in shapes.items()}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if not isinstance(value, dict):
            raise ValidationError("Must be an object.")
        name = value.get(self.by, self.default)
        shape = self.shapes.get(name) if isinstance(name, str) else None
        if shape is None:
            raise ValidationError({self.by: [f"Must be one of: {', '.join(self.shapes)}."]})
        errors = shape.validate(value)
        if errors:
            raise ValidationError({field: self._told(found, name, shape) for field, found in errors.items()})
        return value

    def _told(self, found: Any, name: Any, shape: Schema) -> Any:
        """What is wrong with a field; of one that is unknown, which ones there are."""
        if found != [UNKNOWN_FIELD]:
            return found
        known = ", ".join(field.data_key or key for key, field in shape.fields.items())
        return [f"{self.what[0].upper()}{self.what[1:]} of {self.by} {name} has no such field; it takes {known}."]
