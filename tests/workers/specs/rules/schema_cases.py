"""Cases of the rules that are alike at several spots: by the end of their ids, two schemas each.

`REQUESTS` and `RESPONSES` say what must be found in the one or the other; the spots are those the rules name.
"""

from typing import Any

from tests.workers.specs.rules.records import Case

Json = dict[str, Any]

TEXT: Json = {"type": "string"}
WHOLE: Json = {"type": "integer"}
CAT: Json = {"title": "Cat", "type": "object", "properties": {"meow": TEXT}}
DOG: Json = {"title": "Dog", "type": "object", "properties": {"bark": TEXT}}
COW: Json = {"title": "Cow", "type": "object", "properties": {"moo": TEXT}}
PLAIN: Json = {"type": "object", "properties": {"a": TEXT}}
BOUNDS = {
    "max": ("maximum", "number"),
    "exclusive-max": ("exclusiveMaximum", "number"),
    "max-length": ("maxLength", "string"),
    "max-items": ("maxItems", "array"),
    "max-properties": ("maxProperties", "object"),
    "max-contains": ("maxContains", "array"),
    "min": ("minimum", "number"),
    "exclusive-min": ("exclusiveMinimum", "number"),
    "min-length": ("minLength", "string"),
    "min-items": ("minItems", "array"),
    "min-properties": ("minProperties", "object"),
    "min-contains": ("minContains", "array"),
}
CONDITIONS = {
    "if": "if",
    "then": "then",
    "else": "else",
    "contains": "contains",
    "property-names": "propertyNames",
    "content-schema": "contentSchema",
    "not": "not",
}


def _bounds() -> dict[str, Case]:
    """Of each bound: up, down, set and unset."""
    found = {}
    for name, (keyword, kind) in BOUNDS.items():
        low, high, none = {"type": kind, keyword: 3}, {"type": kind, keyword: 7}, {"type": kind}
        found[f"{name}-increased"] = Case(low, high)
        found[f"{name}-decreased"] = Case(high, low)
        found[f"{name}-set"] = Case(none, high)
        found[f"{name}-unset"] = Case(high, none)
    return found


def _conditions(*, added: bool) -> dict[str, Case]:
    """Of each condition: come in a request, gone from a response."""
    found = {}
    for name, keyword in CONDITIONS.items():
        without, having = {**PLAIN, "if": PLAIN}, {**PLAIN, "if": PLAIN, keyword: {"required": ["a"]}}
        if keyword == "if":
            without = PLAIN
        found[f"{name}-{'added' if added else 'removed'}"] = Case(*((without, having) if added else (having, without)))
    return found


def _branches(keyword: str, name: str) -> dict[str, Case]:
    two, three = {keyword: [CAT, DOG]}, {keyword: [CAT, DOG, COW]}
    return {f"{name}-added": Case(two, three), f"{name}-removed": Case(three, two)}


def picking(name: str = "kind", **mapped: str) -> Json:
    """Alternatives told apart by a property."""
    return {"oneOf": [CAT, DOG], "discriminator": {"propertyName": name, "mapping": mapped}}


BOTH: dict[str, Case] = {
    **_bounds(),
    **_branches("oneOf", "one-of"),
    **_branches("anyOf", "any-of"),
    "became-nullable": Case(TEXT, {"type": ["string", "null"]}),
    "became-not-nullable": Case({"type": ["string", "null"]}, TEXT),
    "list-of-types-narrowed": Case({"type": ["boolean", "integer"]}, WHOLE),
    "list-of-types-widened": Case(TEXT, {"type": ["string", "integer"]}),
    "enum-value-removed": Case({"enum": ["a", "b"]}, {"enum": ["a"]}),
    "enum-value-added": Case({"enum": ["a"]}, {"enum": ["a", "b"]}),
    "const-changed": Case({"const": 1}, {"const": 2}, quiet=({"const": 1}, {"const": 1, "title": "One"})),
    "if-changed": Case({**PLAIN, "if": CAT}, {**PLAIN, "if": DOG}, quiet=({**PLAIN, "if": CAT}, PLAIN)),
    "not-changed": Case({**PLAIN, "not": CAT}, {**PLAIN, "not": DOG}, quiet=({**PLAIN, "not": CAT}, PLAIN)),
    "content-media-type-changed": Case(
        {**TEXT, "contentMediaType": "image/png"},
        {**TEXT, "contentMediaType": "image/jpeg"},
        quiet=(TEXT, {**TEXT, "contentMediaType": "image/png"}),
    ),
    "content-encoding-changed": Case(
        {**TEXT, "contentEncoding": "base64"},
        {**TEXT, "contentEncoding": "base32"},
        quiet=(TEXT, {**TEXT, "contentEncoding": "base64"}),
    ),
    "discriminator-property-name-changed": Case(
        picking("kind"), picking("type"), quiet=(picking("kind", cat="Cat"), picking("kind"))
    ),
    "discriminator-mapping-deleted": Case(picking(cat="Cat", dog="Dog"), picking(cat="Cat")),
    "discriminator-mapping-changed": Case(
        picking(cat="Cat"), picking(cat="Tiger"), quiet=(picking(cat="Cat"), picking(cat="Cat", dog="Dog"))
    ),
    "deprecated": Case(TEXT, {**TEXT, "deprecated": True}),
    "deprecated-with-sunset": Case(
        TEXT,
        {**TEXT, "deprecated": True, "x-sunset": "2031-01-01"},
        quiet=(TEXT, {**TEXT, "deprecated": True, "x-sunset": "2029-01-01"}),
    ),
    "deprecated-sunset-invalid": Case(
        TEXT,
        {**TEXT, "deprecated": True, "x-sunset": "soon"},
        quiet=(TEXT, {**TEXT, "deprecated": True, "x-sunset": "2031-01-01"}),
    ),
    "sunset-date-too-small": Case(
        TEXT,
        {**TEXT, "deprecated": True, "x-sunset": "2029-01-01"},
        quiet=(TEXT, {**TEXT, "deprecated": True, "x-sunset": "2031-01-01"}),
    ),
    "reactivated": Case({**TEXT, "deprecated": True}, TEXT),
    "stability-decreased": Case(TEXT, {**TEXT, "x-stability-level": "beta"}),
}
REQUESTS: dict[str, Case] = {
    **BOTH,
    **_conditions(added=True),
    "type-changed": Case({"type": "boolean"}, {"type": "array"}, quiet=(WHOLE, {"type": "number"})),
    "type-generalized": Case(WHOLE, {"type": "number"}),
    "type-specialized": Case({"type": "number"}, WHOLE),
    "became-enum": Case(TEXT, {**TEXT, "enum": ["a"]}),
    "x-extensible-enum-value-removed": Case(
        {**TEXT, "x-extensible-enum": ["a", "b"]}, {**TEXT, "x-extensible-enum": ["a"]}
    ),
    "const-added": Case({}, {"const": 1}),
    "default-value-changed": Case(
        {**TEXT, "default": "a"}, {**TEXT, "default": "b"}, quiet=(TEXT, {**TEXT, "default": "b"})
    ),
    "default-value-added": Case(TEXT, {**TEXT, "default": "a"}),
    "default-value-removed": Case({**TEXT, "default": "a"}, TEXT),
    "pattern-added": Case(TEXT, {**TEXT, "pattern": "^a"}),
    "pattern-changed": Case(
        {**TEXT, "pattern": "^a"},
        {**TEXT, "pattern": "^b"},
        quiet=({**TEXT, "pattern": "^a"}, {**TEXT, "pattern": ".*"}),
    ),
    "pattern-generalized": Case({**TEXT, "pattern": "^a"}, {**TEXT, "pattern": ".*"}),
    "multiple-of-changed": Case({**WHOLE, "multipleOf": 5}, {**WHOLE, "multipleOf": 10}),
    "multiple-of-set": Case(WHOLE, {**WHOLE, "multipleOf": 5}),
    "unique-items-set": Case({"type": "array"}, {"type": "array", "uniqueItems": True}),
    "additional-properties-denied": Case(PLAIN, {**PLAIN, "additionalProperties": False}),
    "unevaluated-properties-added": Case(PLAIN, {**PLAIN, "unevaluatedProperties": False}),
    "unevaluated-items-added": Case({"type": "array"}, {"type": "array", "unevaluatedItems": False}),
    "dependent-required-added": Case(PLAIN, {**PLAIN, "dependentRequired": {"a": ["b"]}}),
    "dependent-required-changed": Case(
        {**PLAIN, "dependentRequired": {"a": ["b"]}}, {**PLAIN, "dependentRequired": {"a": ["b", "c"]}}
    ),
    "dependent-schema-added": Case(PLAIN, {**PLAIN, "dependentSchemas": {"a": DOG}}),
    "pattern-property-added": Case(PLAIN, {**PLAIN, "patternProperties": {"^x": TEXT}}),
    "prefix-items-removed": Case({"prefixItems": [TEXT, WHOLE]}, {"prefixItems": [TEXT]}),
    "alternatives-set": Case(PLAIN, {**PLAIN, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}),
    "wrapped-in-one-of": Case(CAT, {"oneOf": [CAT, DOG]}),
    "all-of-added": Case(
        {"allOf": [PLAIN]},
        {"allOf": [PLAIN, CAT]},
        quiet=({"allOf": [PLAIN]}, {"allOf": [PLAIN, {"description": "A thing."}]}),
    ),
    "all-of-removed": Case({"allOf": [PLAIN, CAT]}, {"allOf": [PLAIN]}),
}
RESPONSES: dict[str, Case] = {
    **BOTH,
    **_conditions(added=False),
    "type-changed": Case({"type": "boolean"}, {"type": "array"}, quiet=({"type": "number"}, WHOLE)),
    "type-generalized": Case(WHOLE, {"type": "number"}),
    "type-specialized": Case({"type": "number"}, WHOLE),
    "enum-value-added": Case(
        {"enum": ["a"]}, {"enum": ["a", "b"]}, quiet=({"enum": ["a"], "x-extensible-enum": True}, {"enum": ["a", "b"]})
    ),
    "became-not-enum": Case({**TEXT, "enum": ["a"]}, TEXT),
    "const-removed": Case({**TEXT, "const": "a"}, TEXT),
    "pattern-changed": Case(
        {**TEXT, "pattern": "^a"}, {**TEXT, "pattern": "^b"}, quiet=(TEXT, {**TEXT, "pattern": "^b"})
    ),
    "pattern-removed": Case({**TEXT, "pattern": "^a"}, TEXT),
    "additional-properties-allowed": Case({**PLAIN, "additionalProperties": False}, PLAIN),
    "unevaluated-properties-removed": Case({**PLAIN, "unevaluatedProperties": False}, PLAIN),
    "unevaluated-items-removed": Case({"type": "array", "unevaluatedItems": False}, {"type": "array"}),
    "dependent-required-removed": Case({**PLAIN, "dependentRequired": {"a": ["b"]}}, PLAIN),
    "dependent-required-changed": Case(
        {**PLAIN, "dependentRequired": {"a": ["b", "c"]}}, {**PLAIN, "dependentRequired": {"a": ["b"]}}
    ),
    "dependent-schema-removed": Case({**PLAIN, "dependentSchemas": {"a": DOG}}, PLAIN),
    "pattern-property-removed": Case({**PLAIN, "patternProperties": {"^x": TEXT}}, PLAIN),
    "prefix-items-added": Case({"prefixItems": [TEXT]}, {"prefixItems": [TEXT, WHOLE]}),
    "alternatives-unset": Case({**PLAIN, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}, PLAIN),
    "wrapped-in-one-of": Case(CAT, {"oneOf": [CAT, DOG]}),
    "all-of-removed": Case({"allOf": [PLAIN, CAT]}, {"allOf": [PLAIN]}),
}
