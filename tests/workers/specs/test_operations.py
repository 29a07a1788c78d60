"""Operations as records."""

import pytest

from infra.errors import BadInput, ParsingTooLarge
from tests.workers.specs.reading_specs import Json, get, read, spec, swagger


def parameter(name, place="query", **more):
    return {"name": name, "in": place, "required": place == "path", "schema": {"type": "string"}, **more}


ITEM = {
    "summary": "Of the path.",
    "description": "Long, of the path.",
    "parameters": [parameter("id", "path"), parameter("Limit", "header", description="path's"), parameter("q")],
    "servers": [{"url": "https://path.example"}],
    "put": {
        "operationId": "putX",
        "tags": ["a", 5],
        "parameters": [parameter("limit", "header", description="operation's")],
        "requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}},
        "responses": {"204": {"description": "Done."}, "x-note": {"description": "None."}},
        "deprecated": True,
        "x-sunset": "2030-01-01",
        "x-other": 1,
        "externalDocs": {"url": "https://docs.example", "x-a": 1},
    },
}
TEXT = {"schema": {"type": "string"}}
RECORD = {
    "kind": "operation",
    "method": "PUT",
    "path": "/x/{id}",
    "operation_id": "putX",
    "summary": "Of the path.",
    "description": "Long, of the path.",
    "tags": ["a"],
    "deprecated": True,
    "x-sunset": "2030-01-01",
    "parameters": [
        {"name": "id", "in": "path", "required": True, **TEXT},
        {"name": "limit", "in": "header", "required": False, "description": "operation's", **TEXT},
        {"name": "q", "in": "query", "required": False, **TEXT},
    ],
    "request_body": {"required": False, "content": {"application/json": {"schema": {"type": "object"}}}},
    "responses": {"204": {"description": "Done."}},
    "callbacks": {},
    "security": [{"key": []}, {}],
    "security_schemes": {"key": {"type": "apiKey", "in": "header", "name": "K"}},
    "servers": [{"url": "https://path.example"}],
    "external_docs": {"url": "https://docs.example"},
    "spec": {"title": "Test"},
    "definitions": None,
}


def test_a_record_says_all_that_path_document_and_operation_say(tmp_path):
    document = spec(
        {"/x/{id}": ITEM},
        servers=[{"url": "https://root.example"}],
        security=[{"key": []}, {}],
        components={"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "K", "x-a": 1}}},
    )
    assert read(document, tmp_path).records["PUT /x/{}"] == RECORD


def test_only_methods_are_operations(tmp_path):
    item = {
        "summary": "a",
        "parameters": [],
        "servers": [],
        "x-get": {},
        "GET": {},
        "query": {"responses": {}},
        **get(),
    }
    assert [*read(spec({"/x": item}), tmp_path).records] == ["GET /x"]


def test_3_2_has_more_methods(tmp_path):
    item = {"query": {"responses": {"200": {"description": "OK"}}}, "additionalOperations": {"COPY": get()["get"]}}
    found = read(spec({"/x": item}, openapi="3.2.0"), tmp_path)
    assert [*found.records] == ["QUERY /x", "COPY /x"]


def test_3_2_keeps_what_it_adds(tmp_path):
    content = {"application/jsonl": {"itemSchema": {"type": "object"}}}
    item = {"get": {"parameters": [{"name": "q", "in": "querystring", "content": {"text/plain": {}}}],
                    "responses": {"200": {"summary": "Lines.", "content": content}}}}  # fmt: skip
    record = read(spec({"/x": item}, openapi="3.2.0"), tmp_path).records["GET /x"]
    assert record["parameters"][0]["in"] == "querystring"
    assert record["responses"]["200"] == {"summary": "Lines.", "content": content}


def test_webhooks_are_entries_too(tmp_path):
    post: Json = {"post": {"responses": {}}}
    put: Json = {"put": {"summary": "Changed", "responses": {}}}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "webhooks": {"new": post, "old": {**post, **put}},
    }
    found = read(document, tmp_path)
    assert [*found.records] == ["WEBHOOK new", "WEBHOOK old PUT", "WEBHOOK old"]
    assert found.outcome["found"] == {"operations": 0, "webhooks": 3}
    assert {name: found.records["WEBHOOK old PUT"][name] for name in ("kind", "method", "path", "name")} == {
        "kind": "webhook", "method": "PUT", "path": None, "name": "old",
    }  # fmt: skip
    assert found.entries["WEBHOOK old PUT"]["title"] == "PUT webhook old: Changed"


def test_names_of_parameters_are_no_part_of_a_key_unless_they_must(tmp_path):
    found = read(spec({"/a/{x}/b/{y}": get(), "/a/{z}/b/{y}": get(), "/a/{}/b/{}": get()}), tmp_path)
    assert [*found.records] == ["GET /a/{}/b/{}", "GET /a/{z}/b/{y}", "GET /a/{}/b/{} (2)"]


def test_no_security_is_not_the_documents(tmp_path):
    document = spec(
        {"/x": get(security=[]), "/y": get(), "/z": get(security=[{"none": []}])},
        security=[{"key": []}],
        components={"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    )
    found = read(document, tmp_path)
    assert [found.records[f"GET /{name}"]["security"] for name in "xyz"] == [[], [{"key": []}], [{"none": []}]]
    assert found.pointers("unknown_security_scheme") == ["/paths/~1z/get/security/0"]


def test_scopes_that_nobody_asks_for_are_left_out(tmp_path):
    flows = {"implicit": {"authorizationUrl": "https://a.example", "scopes": {f"s{n}": "A scope." for n in range(100)}}}
    components = {"securitySchemes": {"o": {"type": "oauth2", "flows": flows}}}
    record = read(spec({"/x": get(security=[{"o": ["s7"]}])}, components=components), tmp_path).records["GET /x"]
    assert record["security_schemes"]["o"]["flows"]["implicit"]["scopes"] == {"s7": "A scope."}


def test_callbacks_are_kept_as_deep_as_anybody_writes_them(tmp_path):
    operation = {"operationId": "back", "responses": {}}
    components = {"callbacks": {"again": {"/a": {"post": operation}}}}
    operation["callbacks"] = {"again": {"$ref": "#/components/callbacks/again"}}
    found = read(spec({"/x": get(callbacks=operation["callbacks"])}, components=components), tmp_path)
    once = found.records["GET /x"]["callbacks"]["again"]["/a"]["POST"]
    assert once["callbacks"]["again"]["/a"]["POST"]["operation_id"] == "back"
    assert "callbacks" not in once["callbacks"]["again"]["/a"]["POST"]
    assert "deep_callbacks" in found.codes


def test_long_examples_are_left_out(tmp_path):
    content = {"application/json": {"example": "a" * 40_000, "examples": {"b": {"value": "b" * 30_000}}}}
    responses = {str(200 + n): {"description": "OK", "content": content} for n in range(6)}
    found = read(spec({"/x": {"get": {"responses": responses}}}), tmp_path)
    assert len(found.entries["GET /x"]["content"]) < 200_000
    assert set(found.codes) == {"example_too_long", "invalid_document"}


@pytest.mark.parametrize(
    ("document", "code", "pointer"),
    [
        (spec({"/x/{a}": get()}), "undeclared_path_parameter", "/paths/~1x~1{a}/get"),
        (spec({"/x": get(parameters=[parameter("a", "path")])}), "unused_path_parameter", "/paths/~1x/get/parameters"),
        (spec({"/x/{a}": get(parameters=[parameter("a", "path", required=False)])}), "optional_path_parameter",
         "/paths/~1x~1{a}/get/parameters/0"),
        (spec({"/x": get(parameters=[parameter("a"), parameter("a")])}), "duplicate_parameter",
         "/paths/~1x/get/parameters/1"),
        (spec({"/x": get(parameters=[{"in": "query"}])}), "invalid_parameter", "/paths/~1x/get/parameters/0"),
        (spec({"/x": get(parameters=["a"])}), "invalid_object", "/paths/~1x/get/parameters/0"),
        (spec({"/x": get(operationId="a"), "/y": get(operationId="a")}), "duplicate_operation_id",
         "/paths/~1y/get/operationId"),
        (spec({"/x/{a}": get(), "/x/{b}": get()}), "equal_paths", "/paths/~1x~1{b}"),
        (spec({"x": get()}), "invalid_path", "/paths/x"),
        (spec({"/{a}/{a}": get()}), "repeated_path_parameter", "/paths/~1{a}~1{a}"),
        (spec({"/x": get(requestBody={"content": {}})}), "unexpected_body", "/paths/~1x/get/requestBody"),
        (spec({"/x": {"get": {"responses": {"404": {"description": "No."}}}}}), "no_success_response",
         "/paths/~1x/get/responses"),
        (spec({"/x": {"get": {"responses": {"20": {"description": "No."}}}}}), "invalid_status",
         "/paths/~1x/get/responses/20"),
        (spec({"/x": get(servers=[{"url": "https://{host}"}])}), "unknown_server_variable",
         "/paths/~1x/get/servers/0/url"),
        (spec({"/x": {"get": {"responses": {"200": {"description": "", "links": {"l": {"operationId": "no"}}}}}}}),
         "unknown_link_operation", "/paths/~1x/get/responses/200/links/l/operationId"),
        (spec({"/x": get(parameters=[{"name": "a", "in": "query", "content": {}}])}), "several_contents",
         "/paths/~1x/get/parameters/0/content"),
        (spec({"/x": get({"$ref": "#/components/schemas/No"})}), "unresolved_reference",
         "/paths/~1x/get/responses/200/content/application~1json/schema/$ref"),
        (spec({}), "no_operations", ""),
        (swagger({"/x": {"get": {"responses": {}}}}, info={}), "invalid_document", "/info"),
    ],
)  # fmt: skip
def test_what_is_odd_is_said_with_its_place(document, code, pointer, tmp_path):
    found = read(document, tmp_path)
    assert pointer in found.pointers(code)


def test_nothing_odd_is_said_of_what_is_right(tmp_path):
    item = {"parameters": [parameter("a", "path")], "get": get()["get"]}
    links = {"self": {"operationId": "x"}}
    ok = {"200": {"description": "OK", "links": links}, "4XX": {"description": "No."}, "default": {"description": "?"}}
    paths = {"/x/{a}": item, "/y": {"post": {"operationId": "x", "responses": ok}}}
    assert read(spec(paths), tmp_path).codes == []


def test_a_key_of_a_header_may_begin_with_x(tmp_path):
    response = {"description": "OK", "headers": {"x-left": {"schema": {"type": "integer"}}}}
    record = read(spec({"/x": {"get": {"responses": {"200": response}}}}), tmp_path).records["GET /x"]
    assert [*record["responses"]["200"]["headers"]] == ["x-left"]


PLACES = (
    "info", "paths", "components", "servers", "security", "webhooks", "tags", "item", "operation", "parameters",
    "requestBody", "responses", "callbacks", "content", "schema", "headers", "links", "examples", "description",
)  # fmt: skip


@pytest.mark.parametrize("wrong", [None, 5, "text", [], [1], {"a": None}, True])
def test_a_value_of_the_wrong_kind_anywhere_is_a_warning_or_a_refusal(wrong, tmp_path):
    for place in PLACES:
        document = spec({"/x": get({"type": "string"}), "/y": get()}, openapi="3.1.0")
        operation = document["paths"]["/x"]["get"]
        response = operation["responses"]["200"]
        media = response["content"]["application/json"]
        holders = {
            **dict.fromkeys(("parameters", "requestBody", "responses", "callbacks", "description"), operation),
            **dict.fromkeys(("content", "headers", "links"), response),
            **dict.fromkeys(("schema", "examples"), media),
        }
        renamed = {"item": (document["paths"], "/x"), "operation": (document["paths"]["/x"], "get")}
        holder, name = renamed.get(place, (holders.get(place, document), place))
        holder[name] = wrong
        try:
            found = read(document, tmp_path)
        except BadInput as refused:
            assert (place, "paths" in refused.detail) == ("paths", True)
        else:
            found.compile_all()
            assert place == "paths" or "GET /y" in found.records


def test_what_is_long_without_end_still_fits_into_the_tables(tmp_path):
    paths = {f"/{'x' * 5000}{end}": get(tags=["t" * 500, *map(str, range(200))]) for end in "ab"}
    many = [{"name": f"p{n}", "in": "query", "schema": {}} for n in range(2000)]
    found = read(spec({**paths, "/many": {"parameters": many, **get()}}), tmp_path)
    assert all(len(key) < 600 for key in found.records)
    assert len(found.records) == 3
    tags = next(iter(found.entries.values()))["tags"]
    assert (len(tags), max(map(len, tags))) == (50, 100)
    assert len(found.records["GET /many"]["parameters"]) == 500
    assert "too_many_parameters" in found.codes


def test_parts_that_many_refer_to_are_the_same_for_all(tmp_path):
    components = {
        "schemas": {"Error": {"type": "object"}, "Pet": {"type": "string"}},
        "responses": {
            "no": {
                "description": "No.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
            }
        },
        "parameters": {"p": {"name": "p", "in": "query", "schema": {"$ref": "#/components/schemas/Pet"}}},
    }
    item = {
        "get": {
            "parameters": [{"$ref": "#/components/parameters/p"}],
            "responses": {"400": {"$ref": "#/components/responses/no"}},
        }
    }
    found = read(spec({"/x": item, "/y": item}, components=components), tmp_path)
    assert set(found.definitions("GET /x")) == set(found.definitions("GET /y")) == {"Error", "Pet"}
    assert found.records["GET /x"]["responses"] == found.records["GET /y"]["responses"]
    assert found.compile_all() == 4


def test_a_part_that_all_refer_to_cannot_make_it_endless(tmp_path):
    components = {"responses": {"long": {"description": "x" * 1_000_000}}}
    item = {"get": {"responses": {"200": {"$ref": "#/components/responses/long"}}}}
    with pytest.raises(ParsingTooLarge, match="too much together"):
        read(spec({f"/{n}": item for n in range(200)}, components=components), tmp_path)
