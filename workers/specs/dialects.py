"""What the dialects of OpenAPI say otherwise than JSON Schema 2020-12: `nullable`, exclusive bounds, `example`."""

from collections.abc import Callable
from typing import Any

from workers.specs.notes import At, Notes

Json = dict[str, Any]
Adapt = Callable[[Json, Json, At, Notes], None]

ANNOTATIONS = frozenset(
    ("title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "externalDocs", "xml",
     "discriminator", "format")
)  # fmt: skip
COMPOSED = ("allOf", "anyOf", "oneOf", "not")


def _of_2_0(out: Json, value: Json, at: At, notes: Notes) -> None:
    _bounds(out, value)
    _example(out)
    if value.get("x-nullable") is True:
        nullable(out)


def _of_3_0(out: Json, value: Json, at: At, notes: Notes) -> None:
    _bounds(out, value)
    _example(out)
    out.pop("nullable", None)
    if value.get("nullable") is True:
        nullable(out)


def _of_3_1(out: Json, value: Json, at: At, notes: Notes) -> None:
    for keyword in ("exclusiveMinimum", "exclusiveMaximum"):
        if isinstance(value.get(keyword), bool):
            notes.add(at / keyword, "old_keyword", "Is a number from 3.1 on; it is read as 3.0 has it.")
    _bounds(out, value)
    _example(out)
    if "nullable" in value:
        notes.add(
            at / "nullable", "old_keyword", 'Is written as "null" among the types from 3.1 on; it is read as in 3.0.'
        )
        out.pop("nullable", None)
        if value["nullable"] is True:
            nullable(out)


ADAPTING: dict[str, Adapt] = {"2.0": _of_2_0, "3.0": _of_3_0, "3.1": _of_3_1, "3.2": _of_3_1}


def nullable(out: Json) -> None:
    """Lets a schema take null too. That `nullable` has no effect beside `allOf` is the letter; nobody means that."""
    composed = [keyword for keyword in COMPOSED if keyword in out]
    if composed:
        if composed == ["anyOf"] and not {"type", "enum"} & out.keys():
            out["anyOf"] = [*out["anyOf"], {"type": "null"}]
            return
        inner = {keyword: out.pop(keyword) for keyword in list(out) if keyword not in ANNOTATIONS}
        out["anyOf"] = [inner, {"type": "null"}]
        return
    if "type" in out:
        types = out["type"] if isinstance(out["type"], list) else [out["type"]]
        out["type"] = types if "null" in types else [*types, "null"]
    if "enum" in out and None not in out["enum"]:
        out["enum"] = [*out["enum"], None]


def _bounds(out: Json, value: Json) -> None:
    """`exclusiveMinimum: true` beside `minimum` becomes the number itself."""
    for exclusive, plain in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if value.get(exclusive) is True and plain in out:
            out[exclusive] = out.pop(plain)


def _example(out: Json) -> None:
    if "example" in out:
        example = out.pop("example")
        out.setdefault("examples", [example])
