"""References within one document, and what `$id` and `$anchor` name."""

import json

import pytest

from tests.workers.specs.reading_specs import DATA, Json, get, outcome, read, read_bytes, spec, zipped

SUITE = DATA / "circular" / "oas31-dereference-suite" / "schema"


def test_every_object_may_be_a_reference(tmp_path):
    components = {
        "parameters": {"limit": {"name": "limit", "in": "query", "schema": {"type": "integer"}}},
        "responses": {"ok": {"description": "Fine.", "headers": {"X-Left": {"$ref": "#/components/headers/left"}}}},
        "headers": {"left": {"schema": {"type": "integer"}}},
        "requestBodies": {
            "pet": {"content": {"application/json": {"examples": {"a": {"$ref": "#/components/examples/a"}}}}}
        },
        "examples": {"a": {"value": 5}},
        "callbacks": {"done": {"{$request.body#/url}": {"post": {"responses": {}}}}},
        "links": {"next": {"operationId": "more"}},
        "securitySchemes": {
            "key": {"$ref": "#/components/securitySchemes/real"},
            "real": {"type": "http", "scheme": "basic"},
        },
        "x": {
            "item": {"put": {"$ref": "#/components/x/operation"}},
            "operation": {"operationId": "put-x", "responses": {}},
        },
    }
    operation = {
        "operationId": "more",
        "parameters": [{"$ref": "#/components/parameters/limit"}],
        "requestBody": {"$ref": "#/components/requestBodies/pet"},
        "responses": {"200": {"$ref": "#/components/responses/ok", "description": "Better."}},
        "callbacks": {"done": {"$ref": "#/components/callbacks/done"}},
        "security": [{"key": []}],
    }
    paths = {"/x": {"$ref": "#/components/x/item"}, "/y": {"post": operation}}
    info = {"$ref": "#/components/x-info"}
    document = spec(paths, info=info, components={**components, "x-info": {"title": "Far", "version": "1"}})
    found = read(document, tmp_path)
    record = found.records["POST /y"]
    assert found.outcome["title"] == "Far"
    assert found.records["PUT /x"]["operation_id"] == "put-x"
    assert record["parameters"][0]["name"] == "limit"
    assert record["responses"]["200"]["description"] == "Better."
    assert record["responses"]["200"]["headers"]["X-Left"]["schema"] == {"type": "integer"}
    assert record["request_body"]["content"]["application/json"]["examples"] == {"a": {"value": 5}}
    assert "POST" in record["callbacks"]["done"]["{$request.body#/url}"]
    assert record["security_schemes"]["key"]["scheme"] == "basic"


def test_pointers_are_unescaped_and_decoded(tmp_path):
    schemas = {"a/b": {"type": "string"}, "c~d": {"type": "integer"}, "e f": {"type": "boolean"}, "ü": {"type": "null"}}
    fields = ("a~1b", "c~0d", "e%20f", "%C3%BC")
    schema = {"properties": {name: {"$ref": f"#/components/schemas/{name}"} for name in fields}}
    found = read(spec({"/x": get(schema)}, components={"schemas": schemas}), tmp_path)
    kinds = [
        found.definitions("GET /x")[one["$ref"].removeprefix("#/$defs/")]["type"]
        for one in found.answer()["properties"].values()
    ]
    assert kinds == ["string", "integer", "boolean", "null"]
    assert found.compile_all()


def test_a_pointer_may_lead_through_a_reference_and_into_a_list(tmp_path):
    schemas = {
        "A": {"$ref": "#/components/schemas/B"},
        "B": {"properties": {"id": {"type": "integer"}}, "oneOf": [{"type": "object"}, {"type": "array", "items": {}}]},
    }
    schema = {
        "prefixItems": [{"$ref": "#/components/schemas/A/properties/id"}, {"$ref": "#/components/schemas/B/oneOf/1"}]
    }
    found = read(spec({"/x": get(schema)}, openapi="3.1.0", components={"schemas": schemas}), tmp_path)
    assert {name: one.get("type") for name, one in found.definitions("GET /x").items()} == {
        "B.properties.id": "integer", "B.oneOf.1": "array",
    }  # fmt: skip


def test_cycles_stay_references_and_compile(tmp_path):
    schemas = {
        "Tree": {
            "type": "object",
            "properties": {"children": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}}},
        },
        "A": {"allOf": [{"$ref": "#/components/schemas/B"}]},
        "B": {"anyOf": [{"$ref": "#/components/schemas/A"}, {"$ref": "#/components/schemas/Tree"}]},
        "Self": {"$ref": "#/components/schemas/Self"},
    }
    document = spec(
        {"/x": get({"$ref": "#/components/schemas/A"}), "/y": get({"$ref": "#/components/schemas/Self"})},
        components={"schemas": schemas},
    )
    found = read(document, tmp_path)
    assert set(found.definitions("GET /x")) == {"A", "B", "Tree"}
    assert set(found.definitions("GET /y")) == {"Self"}
    assert found.compile_all() == 2


@pytest.mark.parametrize(
    ("components", "where"),
    [
        ({"parameters": {"a": {"$ref": "#/components/parameters/b"}, "b": {"$ref": "#/components/parameters/a"}}}, "a"),
        ({"parameters": {"a": {"$ref": "#/components/parameters/a/b/c"}}}, "a"),
        ({"parameters": {f"p{n}": {"$ref": f"#/components/parameters/p{n + 1}"} for n in range(500)}}, "p0"),
    ],
)
def test_references_that_lead_nowhere_are_warned_of_and_end(components, where, tmp_path):
    paths = {"/x": get(parameters=[{"$ref": f"#/components/parameters/{where}"}])}
    found = read(spec(paths, components=components), tmp_path)
    assert found.records["GET /x"]["parameters"] == []
    assert set(found.codes) & {"circular_reference", "unresolved_reference"}


def test_a_pointer_through_references_that_refer_to_each_other_ends_soon(tmp_path):
    schemas = {"a": {"$ref": "#/components/schemas/b/x/x/x/x"}, "b": {"$ref": "#/components/schemas/a/x/x/x/x"}}
    found = read(spec({"/x": get({"$ref": "#/components/schemas/a/x/x"})}, components={"schemas": schemas}), tmp_path)
    assert found.answer() == {}
    assert found.codes == ["circular_reference"]


def test_a_path_item_that_refers_to_itself_has_no_operations(tmp_path):
    found = read(spec({"/x": {"$ref": "#/paths/~1x"}, "/y": {"$ref": "#/paths/~1z"}}), tmp_path)
    assert found.records == {}
    assert found.codes[-3:] == ["circular_reference", "unresolved_reference", "no_operations"]


def test_what_stands_beside_a_reference_of_a_path_goes_before_it(tmp_path):
    item: Json = {"get": {"operationId": "far", "responses": {}}, "put": {"operationId": "put", "responses": {}}}
    paths = {"/x": {"$ref": "#/x-items/one", "get": {"operationId": "near", "responses": {}}}}
    found = read({**spec(paths), "x-items": {"one": item}}, tmp_path)
    assert [one["operation_id"] for one in found.records.values()] == ["near", "put"]


def test_siblings_of_a_reference_count_from_3_1_on(tmp_path):
    schema = {"$ref": "#/components/schemas/A", "description": "Mine.", "minLength": 3}
    components = {"schemas": {"A": {"type": "string"}}}
    old = read(spec({"/x": get(schema)}, components=components), tmp_path)
    new = read(spec({"/x": get(schema)}, openapi="3.1.0", components=components), tmp_path)
    assert old.answer() == {"$ref": "#/$defs/A", "description": "Mine."}
    assert new.answer() == {"$ref": "#/$defs/A", "description": "Mine.", "minLength": 3}


def test_other_documents_are_not_looked_for(tmp_path):
    schemas = [{"$ref": "http://169.254.169.254/latest"}, {"$ref": "file:///etc/passwd"}, {"$ref": "other.yaml#/A"}]
    found = read(spec({"/x": get({"oneOf": schemas})}), tmp_path)
    assert found.answer() == {"oneOf": [{}, {}, {}]}
    assert found.codes == ["external_reference"] * 3


def test_remote_documents_are_asked_for_where_they_may_be(tmp_path):
    document = spec({"/x": get({"$ref": "https://example.com/a.json#/A"}), "/y": get({"$ref": "b.yaml"})})
    asked: Json = {"uri": "https://example.org/dir/spec.json", "remote": True}
    wanted = {"a": "https://example.com/a.json", "b": "https://example.org/dir/b.yaml"}
    first = outcome(json.dumps(document).encode(), tmp_path, **asked)
    assert first == {"missing": sorted(wanted.values())}
    (tmp_path / "a").write_text('{"A": {"type": "object", "properties": {"b": {"$ref": "/c.json"}}}}')
    found = read(document, tmp_path, **asked, given_up=["https://example.com/c.json", wanted["b"]],
                 fetched={wanted["a"]: "a"}, files={"a": tmp_path / "a"})  # fmt: skip
    assert found.definitions("GET /x")["A"]["properties"] == {"b": {}}
    assert found.codes == ["unresolved_reference"] * 2


@pytest.mark.skipif(not SUITE.exists(), reason="the shared data is not here")
@pytest.mark.parametrize(
    "case",
    ["$anchor-external", "$id-uri-direct", "$id-uri-enclosing", "$id-uri-external"],
)
def test_ids_and_anchors_mean_what_the_suite_expects(case, tmp_path):
    folder = SUITE / case
    files = {str(one.relative_to(folder)): one.read_text() for one in folder.rglob("*") if one.is_file()}
    root = json.loads(files["root.json"])
    expected = json.loads(files.pop("dereferenced.json"))["components"]["schemas"]
    root["paths"] = {
        f"/{name}": get({"$ref": f"#/components/schemas/{name}"}) for name in root["components"]["schemas"]
    }
    files["root.json"] = json.dumps(root)
    found = read_bytes(zipped(files, tmp_path / "files.zip").read_bytes(), tmp_path, entry="root.json")
    for name, schema in expected.items():
        key = f"GET /{name}"
        definitions = found.definitions(key)
        assert _inlined(found.answer(key), definitions) == _without_names(schema)


def _inlined(value, definitions):
    if isinstance(value, dict) and "$ref" in value:
        rest = {key: one for key, one in value.items() if key != "$ref"}
        return {**_inlined(definitions[value["$ref"].removeprefix("#/$defs/")], definitions), **rest}
    if isinstance(value, dict):
        return {key: _inlined(one, definitions) for key, one in value.items()}
    return [_inlined(one, definitions) for one in value] if isinstance(value, list) else value


def _without_names(value):
    if isinstance(value, dict):
        return {key: _without_names(one) for key, one in value.items() if key not in ("$id", "$anchor", "$defs")}
    return [_without_names(one) for one in value] if isinstance(value, list) else value
