"""Schemas of every dialect as JSON Schema 2020-12."""

import jsonschema_rs
import pytest

from tests.workers.specs.reading_specs import get, read, spec, swagger


def made(schema, folder, openapi="3.0.3", **more):
    """The schema as it is kept, and the codes of the warnings."""
    found = read(spec({"/x": get(schema)}, openapi=openapi, **more), folder)
    found.compile_all()
    return found.answer(), found.codes


@pytest.mark.parametrize(
    ("schema", "kept"),
    [
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "string", "nullable": False}, {"type": "string"}),
        ({"type": "string", "enum": ["a"], "nullable": True}, {"type": ["string", "null"], "enum": ["a", None]}),
        ({"nullable": True, "anyOf": [{"type": "string"}]}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        (
            {"nullable": True, "title": "T", "type": "object", "allOf": [{"minProperties": 1}]},
            {"title": "T", "anyOf": [{"type": "object", "allOf": [{"minProperties": 1}]}, {"type": "null"}]},
        ),
        ({"minimum": 1, "exclusiveMinimum": True}, {"exclusiveMinimum": 1}),
        ({"maximum": 9, "exclusiveMaximum": False}, {"maximum": 9}),
        ({"exclusiveMaximum": True}, {}),
        ({"type": "string", "example": "a"}, {"type": "string", "examples": ["a"]}),
        (
            {"x-internal": 1, "x-extensible-enum": ["a"], "type": "string"},
            {"x-extensible-enum": ["a"], "type": "string"},
        ),
        (
            {"additionalProperties": False, "properties": {"x-a": {"type": "string"}, "$ref": {"type": "integer"}}},
            {"additionalProperties": False, "properties": {"x-a": {"type": "string"}, "$ref": {"type": "integer"}}},
        ),
    ],
)
def test_what_3_0_says_otherwise_is_said_anew(schema, kept, tmp_path):
    assert made(schema, tmp_path) == (kept, [])


def test_null_is_taken_where_nullable_said_so(tmp_path):
    schemas = {"A": {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}}
    schema = {"type": "object", "properties": {
        "a": {"nullable": True, "allOf": [{"$ref": "#/components/schemas/A"}]},
        "b": {"nullable": True, "oneOf": [{"$ref": "#/components/schemas/A"}, {"type": "string"}]},
        "c": {"nullable": True, "type": "integer", "enum": [1, 2]},
    }}  # fmt: skip
    check = read(spec({"/x": get(schema)}, components={"schemas": schemas}), tmp_path).validator()
    assert check.is_valid({"a": None, "b": None, "c": None})
    assert check.is_valid({"a": {"a": "x"}, "b": "y", "c": 1})
    assert not check.is_valid({"a": {}})
    assert not check.is_valid({"c": 3})


@pytest.mark.parametrize(
    ("schema", "kept", "code"),
    [
        ({"type": "int"}, {"type": "integer"}, "unknown_type"),
        ({"type": "any"}, {}, "unknown_type"),
        ({"type": "String"}, {"type": "string"}, "unknown_type"),
        ({"type": ["string", "nonsense"]}, {}, "unknown_type"),
        ({"type": "wibble", "minLength": 1}, {"minLength": 1}, "unknown_type"),
        ({"pattern": "("}, {}, "invalid_pattern"),
        ({"pattern": "a" * 3000}, {}, "invalid_pattern"),
        (
            {"patternProperties": {"[": {}, "^x-": {"type": "string"}}},
            {"patternProperties": {"^x-": {"type": "string"}}},
            "invalid_pattern",
        ),
        ({"minLength": "5"}, {}, "invalid_schema"),
        ({"minLength": -1}, {}, "invalid_schema"),
        ({"maximum": True}, {}, "invalid_schema"),
        ({"required": True}, {}, "invalid_schema"),
        ({"required": ["a", "a", 5]}, {"required": ["a"]}, "invalid_required"),
        ({"properties": ["a"]}, {}, "invalid_schema"),
        ({"properties": {"a": None, "b": 5}}, {"properties": {"a": {}, "b": {}}}, "invalid_schema"),
        ({"allOf": []}, {}, "invalid_schema"),
        ({"enum": "a"}, {}, "invalid_schema"),
        ({"multipleOf": 0}, {}, "invalid_schema"),
        ({"items": 5}, {"items": {}}, "invalid_schema"),
        ({"exclusiveMinimum": True, "minimum": 3}, {"exclusiveMinimum": 3}, "old_keyword"),
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}, "old_keyword"),
        ({"default": "x" * 20_000}, {}, "value_too_long"),
        ({"minimum": 5, "maximum": 3}, {"minimum": 5, "maximum": 3}, "empty_range"),
        ({"enum": []}, {"enum": []}, "empty_enum"),
        ({"enum": ["a"], "default": "b"}, {"enum": ["a"], "default": "b"}, "default_not_in_enum"),
        ({"type": "array"}, {"type": "array"}, "array_without_items"),
        (
            {"properties": {"a": {}}, "required": ["b"]},
            {"properties": {"a": {}}, "required": ["b"]},
            "undeclared_property",
        ),
    ],
)
def test_what_is_wrong_is_left_out_or_mended_with_a_warning(schema, kept, code, tmp_path):
    found, codes = made(schema, tmp_path, openapi="3.1.0")
    assert found == kept
    assert set(codes) == {code}


def test_a_list_of_items_is_one_schema_a_place(tmp_path):
    schema = {"additionalItems": {"type": "integer"}, "items": [{"type": "string"}, {}]}
    kept = {"prefixItems": [{"type": "string"}, {}], "items": {"type": "integer"}}
    assert made(schema, tmp_path, openapi="3.1.0")[0] == kept


def test_3_1_is_kept_as_it_is(tmp_path):
    schema = {
        "type": ["object", "null"],
        "properties": {"a": {"const": 5}, "b": True},
        "unevaluatedProperties": False,
        "dependentRequired": {"a": ["b"]},
        "if": {"required": ["a"]},
        "then": {"minProperties": 2},
        "prefixItems": [{"type": "string"}],
        "contentMediaType": "text/plain",
    }
    assert made(schema, tmp_path, openapi="3.1.0") == (schema, [])


def test_embedded_definitions_get_names_of_their_own(tmp_path):
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "properties": {"a": {"$ref": "#/components/schemas/A/$defs/Inner"}, "b": {"$dynamicRef": "#node"}},
    }
    schemas = {
        "A": {"$defs": {"Inner": {"type": "string"}}, "$ref": "#/components/schemas/A/$defs/Inner"},
        "B": {"$dynamicAnchor": "node", "type": "integer"},
    }
    found = read(spec({"/x": get(schema)}, openapi="3.1.0", components={"schemas": schemas}), tmp_path)
    assert found.answer() == {"properties": {"a": {"$ref": "#/$defs/Inner"}, "b": {"$ref": "#/$defs/B"}}}
    assert found.definitions("GET /x") == {"Inner": {"type": "string"}, "B": {"type": "integer"}}


def test_a_discriminator_names_schemas_as_they_are_named_here(tmp_path):
    schemas = {
        "Cat": {"type": "object"},
        "My Dog": {"type": "object"},
        "Pet": {
            "oneOf": [{"$ref": "#/components/schemas/Cat"}],
            "discriminator": {"propertyName": "k", "mapping": {"c": "#/components/schemas/Cat", "d": "My Dog"}},
        },
    }
    found = read(spec({"/x": get({"$ref": "#/components/schemas/Pet"})}, components={"schemas": schemas}), tmp_path)
    mapping = found.definitions("GET /x")["Pet"]["discriminator"]["mapping"]
    assert mapping["c"] == "#/$defs/Cat"
    assert mapping["d"].startswith("#/$defs/My_Dog.")
    # Named by a mapping alone, a schema is not needed.
    assert set(found.definitions("GET /x")) == {"Pet", "Cat"}


def test_names_that_differ_stay_different(tmp_path):
    names = ["A<B>", "A[B]", "A.B", "A-B", "日本", "中国", "x" * 300]
    schemas = {name: {"const": name} for name in names}
    schema = {"properties": {str(n): {"$ref": f"#/components/schemas/{name}"} for n, name in enumerate(names)}}
    found = read(spec({"/x": get(schema)}, openapi="3.1.0", components={"schemas": schemas}), tmp_path)
    assert {one["const"] for one in found.definitions("GET /x").values()} == set(names)
    check = found.validator()
    assert check.is_valid({str(n): name for n, name in enumerate(names)})
    assert not check.is_valid({"0": "A[B]"})


def test_swagger_2_has_a_dialect_too(tmp_path):
    document = swagger(
        {"/x": {"get": {"responses": {"200": {"description": "OK", "schema": {"$ref": "#/definitions/A"}}}}}},
        definitions={"A": {"type": "string", "x-nullable": True, "maxLength": 3, "discriminator": "kind"}},
    )
    found = read(document, tmp_path)
    assert found.definitions("GET /x") == {
        "A": {"type": ["string", "null"], "maxLength": 3, "discriminator": {"propertyName": "kind"}}
    }


def test_equal_closures_are_kept_once(tmp_path):
    schemas = {"A": {"properties": {"b": {"$ref": "#/components/schemas/B"}}}, "B": {"type": "string"}, "C": {}}
    found = read(
        spec({f"/{n}": get({"$ref": "#/components/schemas/A"}) for n in range(50)}, components={"schemas": schemas}),
        tmp_path,
    )
    assert len({record["definitions"] for record in found.records.values()}) == 1
    assert len(found.outcome["parts"]) == 3


def test_nothing_is_fetched_when_schemas_compile(tmp_path):
    found, codes = made({"$schema": "http://127.0.0.1:9/none", "$ref": "http://127.0.0.1:9/other"}, tmp_path, "3.1.0")
    assert (found, codes) == ({}, ["external_reference"])
    assert jsonschema_rs.meta.is_valid(found)
