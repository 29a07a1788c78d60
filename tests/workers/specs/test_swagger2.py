"""Swagger 2.0 in the words of OpenAPI 3."""

import pytest

from tests.workers.specs.reading_specs import read, swagger


def converted(operation, folder, method="post", path="/x", **more):
    found = read(swagger({path: {method: {"responses": {"200": {"description": "OK"}}, **operation}}}, **more), folder)
    found.compile_all()
    return found.records[f"{method.upper()} {path}"], found.codes


@pytest.mark.parametrize(
    ("root", "operation", "urls"),
    [
        (
            {"host": "a.example", "basePath": "/v1/", "schemes": ["https", "http"]},
            {},
            ["https://a.example/v1", "http://a.example/v1"],
        ),
        ({"host": "a.example"}, {}, ["https://a.example"]),
        ({"host": "a.example", "schemes": ["https"]}, {"schemes": ["wss"]}, ["wss://a.example"]),
        ({"basePath": "/v1"}, {}, ["/v1"]),
        ({"basePath": "/"}, {}, []),
    ],
)
def test_host_base_path_and_schemes_are_servers(root, operation, urls, tmp_path):
    assert [one["url"] for one in converted(operation, tmp_path, **root)[0]["servers"]] == urls


@pytest.mark.parametrize(
    ("place", "form", "style"),
    [
        ("query", None, {"style": "form", "explode": False}),
        ("query", "csv", {"style": "form", "explode": False}),
        ("query", "ssv", {"style": "spaceDelimited", "explode": False}),
        ("query", "tsv", {"style": "tabDelimited", "explode": False}),
        ("query", "pipes", {"style": "pipeDelimited", "explode": False}),
        ("query", "multi", {"style": "form", "explode": True}),
        ("header", "csv", {"style": "simple", "explode": False}),
        ("path", "csv", {"style": "simple", "explode": False}),
    ],
)
def test_collection_formats_are_styles(place, form, style, tmp_path):
    parameter = {
        "name": "a",
        "in": place,
        "required": True,
        "type": "array",
        "items": {"type": "integer", "collectionFormat": "csv"},
    }
    parameter |= {"collectionFormat": form} if form else {}
    found = read(swagger({"/x/{a}": {"get": {"parameters": [parameter], "responses": {}}}}), tmp_path)
    record = found.records["GET /x/{}"]
    made = record["parameters"][0]
    assert {name: made[name] for name in style} == style
    assert made["schema"] == {"type": "array", "items": {"type": "integer"}}


def test_what_a_parameter_says_of_its_value_is_its_schema(tmp_path):
    parameter = {
        "name": "a",
        "in": "query",
        "type": "integer",
        "format": "int32",
        "minimum": 1,
        "exclusiveMinimum": True,
        "default": 5,
        "x-nullable": True,
        "description": "How many.",
        "allowEmptyValue": True,
        "x-example": 7,
    }
    record, codes = converted({"parameters": [parameter]}, tmp_path)
    assert codes == []
    assert record["parameters"] == [
        {
            "name": "a",
            "in": "query",
            "required": False,
            "description": "How many.",
            "allowEmptyValue": True,
            "schema": {
                "type": ["integer", "null"],
                "format": "int32",
                "exclusiveMinimum": 1,
                "default": 5,
                "examples": [7],
            },
        }
    ]


def test_a_body_is_sent_as_what_the_operation_consumes(tmp_path):
    body = {
        "name": "pet",
        "in": "body",
        "required": True,
        "description": "A pet.",
        "schema": {"$ref": "#/definitions/Pet"},
    }
    definitions = {"Pet": {"type": "object"}}
    record, _ = converted(
        {"parameters": [body]}, tmp_path, definitions=definitions, consumes=["application/xml", "application/json"]
    )
    assert record["parameters"] == []
    assert record["request_body"] == {
        "required": True,
        "description": "A pet.",
        "content": {name: {"schema": {"$ref": "#/$defs/Pet"}} for name in ("application/xml", "application/json")},
    }
    alone, _ = converted(
        {"parameters": [body], "consumes": []}, tmp_path, definitions=definitions, consumes=["text/csv"]
    )
    assert list(alone["request_body"]["content"]) == ["application/json"]


def test_form_fields_are_one_body(tmp_path):
    fields = [
        {"name": "file", "in": "formData", "type": "file", "required": True, "description": "The picture."},
        {"name": "tags", "in": "formData", "type": "array", "items": {"type": "string"}, "collectionFormat": "multi"},
    ]
    record, codes = converted({"parameters": fields, "consumes": ["multipart/form-data"]}, tmp_path)
    assert codes == []
    assert record["request_body"] == {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "The picture."},
                        "tags": {"type": "array", "items": {"type": "string"}},
                    },
                    "required": ["file"],
                },
                "encoding": {"tags": {"style": "form", "explode": True}},
            }
        },
    }
    plain, _ = converted({"parameters": [fields[1]]}, tmp_path)
    assert list(plain["request_body"]["content"]) == ["application/x-www-form-urlencoded"]
    assert converted({"parameters": [fields[0]]}, tmp_path)[1] == ["file_without_form"]


def test_a_request_has_one_body(tmp_path):
    parameters = [
        {"name": "a", "in": "body", "schema": {"type": "string"}},
        {"name": "b", "in": "body", "schema": {"type": "integer"}},
        {"name": "c", "in": "formData", "type": "string"},
    ]
    record, codes = converted({"parameters": parameters}, tmp_path)
    assert record["request_body"]["content"]["application/json"]["schema"] == {"type": "string"}
    assert codes == ["several_bodies", "several_bodies"]


def test_responses_have_content_headers_and_examples(tmp_path):
    response = {
        "description": "A pet.",
        "schema": {"type": "object"},
        "headers": {"X-Left": {"type": "integer", "description": "How many are left."}},
        "examples": {"application/json": {"a": 1}},
    }
    record, _ = converted(
        {"responses": {"200": {"$ref": "#/responses/Pet"}}, "produces": ["application/json", "text/xml"]},
        tmp_path,
        responses={"Pet": response},
    )
    assert record["responses"]["200"] == {
        "description": "A pet.",
        "headers": {"X-Left": {"description": "How many are left.", "schema": {"type": "integer"}}},
        "content": {
            "application/json": {"schema": {"type": "object"}, "example": {"a": 1}},
            "text/xml": {"schema": {"type": "object"}},
        },
    }


def test_a_file_is_answered_as_bytes(tmp_path):
    record, codes = converted({"responses": {"200": {"description": "It.", "schema": {"type": "file"}}}}, tmp_path)
    assert record["responses"]["200"]["content"] == {
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
    }
    assert codes == []


@pytest.mark.parametrize(
    ("scheme", "made"),
    [
        ({"type": "basic", "description": "Yes."}, {"type": "http", "scheme": "basic", "description": "Yes."}),
        ({"type": "apiKey", "name": "k", "in": "header"}, {"type": "apiKey", "name": "k", "in": "header"}),
        (
            {
                "type": "oauth2",
                "flow": "implicit",
                "authorizationUrl": "https://a.example",
                "scopes": {"read": "R", "write": "W"},
            },
            {
                "type": "oauth2",
                "flows": {"implicit": {"authorizationUrl": "https://a.example", "scopes": {"read": "R"}}},
            },
        ),
        (
            {"type": "oauth2", "flow": "password", "tokenUrl": "u"},
            {"type": "oauth2", "flows": {"password": {"tokenUrl": "u", "scopes": {}}}},
        ),
        (
            {"type": "oauth2", "flow": "application", "tokenUrl": "u"},
            {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "u", "scopes": {}}}},
        ),
        (
            {"type": "oauth2", "flow": "accessCode", "tokenUrl": "u"},
            {"type": "oauth2", "flows": {"authorizationCode": {"tokenUrl": "u", "scopes": {}}}},
        ),
    ],
)
def test_security_definitions_are_schemes_with_flows(scheme, made, tmp_path):
    record, _ = converted(
        {"security": [{"a": ["read"]}]}, tmp_path, securityDefinitions={"a": scheme, "unused": {"type": "basic"}}
    )
    assert record["security_schemes"] == {"a": made}
    assert record["security"] == [{"a": ["read"]}]


def test_parameters_of_the_document_are_referred_to(tmp_path):
    parameters = {
        "limit": {"name": "limit", "in": "query", "type": "integer"},
        "pet": {"name": "p", "in": "body", "schema": {"type": "object"}},
    }
    record, _ = converted(
        {"parameters": [{"$ref": "#/parameters/limit"}, {"$ref": "#/parameters/pet"}]}, tmp_path, parameters=parameters
    )
    assert [one["name"] for one in record["parameters"]] == ["limit"]
    assert record["request_body"]["content"]["application/json"]["schema"] == {"type": "object"}
