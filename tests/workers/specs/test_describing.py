"""What is written about an operation, for search and for models."""

import json

import pytest

from tests.workers.specs.reading_specs import get, read, spec
from workers.specs.describing import LONGEST, shortened, words_of

PET = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "name": {"type": "string", "description": "What it is *called*."},
        "id": {"type": "string", "format": "uuid"},
        "kind": {"enum": ["cat", "dog"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "owner": {"$ref": "#/components/schemas/Owner"},
    },
}
OWNER = {"type": "object", "description": "Who feeds it.", "properties": {"pet": {"$ref": "#/components/schemas/Pet"}}}
DOCUMENT = spec(
    {
        "/pets/{id}": {
            "put": {
                "operationId": "pets/replacePet_v2",
                "summary": "Replace a pet",
                "description": "Writes **all** of it.\n\nSee <b>the</b> [guide](https://example.com/guide).",
                "tags": ["Pets"],
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
                    {"name": "dry", "in": "query", "description": "Only\nlook.", "schema": {"type": "boolean"}},
                ],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}},
                "responses": {
                    "200": {
                        "description": "The pets.",
                        "content": {
                            "application/json": {
                                "schema": {"type": "array", "items": {"allOf": [{"$ref": "#/components/schemas/Pet"}]}}
                            }
                        },
                    },
                    "404": {"description": "There is none."},
                },
                "security": [{"key": []}, {"login": ["write"]}],
            }
        }
    },
    info={"title": "Zoo", "version": "1"},
    components={
        "schemas": {"Pet": PET, "Owner": OWNER},
        "securitySchemes": {
            "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
            "login": {"type": "oauth2", "flows": {"implicit": {"scopes": {"write": "Write."}}}},
        },
    },
)
TEXT = """# PUT /pets/{id}: Replace a pet

Writes all of it.

See the guide.

About: pets replace pet v 2, Pets, Zoo.

## Parameters
- id (path, string, required)
- dry (query, boolean): Only look.

## Request body (application/json)
- id (uuid, required)
- name (string): What it is *called*.
- kind (one of cat, dog)
- tags (list of string)
- owner (object): Who feeds it.

## Responses
- 200: The pets.
  - list of objects with:
  - id (uuid, required)
  - name (string): What it is *called*.
  - kind (one of cat, dog)
  - tags (list of string)
  - owner (object): Who feeds it.
- 404: There is none.

Security: API key `X-Key` in header or OAuth 2 (write)."""


def test_a_description_has_all_that_tells_an_operation(tmp_path):
    entry = read(DOCUMENT, tmp_path).entries["PUT /pets/{}"]
    assert entry["title"] == "PUT /pets/{id}: Replace a pet"
    assert entry["text"] == TEXT
    assert entry["labels"] == {"kind": "operation", "method": "PUT", "deprecated": False, "path": "/pets/{id}"}
    assert entry["tags"] == ["Pets"]


def test_the_same_operation_has_the_same_description(tmp_path):
    again = json.loads(json.dumps(DOCUMENT))
    assert read(again, tmp_path).entries == read(DOCUMENT, tmp_path).entries


def test_an_operation_that_says_nothing_is_described_by_its_name(tmp_path):
    found = read(spec({"/x": {"get": {"operationId": "listAllHTTPUsers", "responses": {}}}}), tmp_path)
    assert found.entries["GET /x"]["title"] == "GET /x: list all HTTP users"


def test_a_description_is_bounded(tmp_path):
    properties = {f"field_{n}": {"type": "string", "description": "word " * 100} for n in range(500)}
    parameters = [{"name": f"p{n}", "in": "query", "schema": {}, "description": "text " * 100} for n in range(200)]
    item = get({"type": "object", "properties": properties}, parameters=parameters, description="Sentence one. " * 1000)
    text = read(spec({"/x": item}), tmp_path).entries["GET /x"]["text"]
    assert len(text) <= LONGEST
    assert text.startswith("# GET /x\n\nSentence one. ")


def test_a_deprecated_operation_says_so(tmp_path):
    assert "Deprecated" in read(spec({"/x": get(deprecated=True)}), tmp_path).entries["GET /x"]["text"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("listUsers", "list users"),
        ("users/list-all_of", "users list all of"),
        ("getURLById2", "get URL by id 2"),
        ("", ""),
    ],
)
def test_names_are_taken_apart(name, words):
    assert words_of(name) == words


@pytest.mark.parametrize(
    ("text", "cut"),
    [("Short.", "Short."), ("One two. Three four five.", "One two."), ("aaaa bbbb cccc dddd eeee", "aaaa bbbb…")],
)
def test_long_text_ends_after_a_sentence_or_a_word(text, cut):
    assert shortened(text, 14) == cut


def test_schemas_that_refer_to_each_other_without_end_are_described(tmp_path):
    schemas = {
        "A": {"allOf": [{"$ref": "#/components/schemas/B"}]},
        "B": {
            "oneOf": [
                {"$ref": "#/components/schemas/A"},
                {"type": "array", "items": {"$ref": "#/components/schemas/B"}},
            ]
        },
    }
    found = read(spec({"/x": get({"$ref": "#/components/schemas/A"})}, components={"schemas": schemas}), tmp_path)
    assert "- 200: OK" in found.entries["GET /x"]["text"]
