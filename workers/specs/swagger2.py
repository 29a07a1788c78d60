"""Swagger 2.0 in the words of OpenAPI 3.0, object by object: parameters, bodies, responses, security, servers.

Schemas stay as they are, references included; workers/specs/schemas.py knows their dialect. Nothing is sent anywhere.
"""

from collections.abc import Sequence
from typing import Any

from workers.specs.notes import At, Notes

Json = dict[str, Any]
Placed = tuple[Json, At]

JSON_TYPE = "application/json"
URLENCODED, MULTIPART, BYTES = "application/x-www-form-urlencoded", "multipart/form-data", "application/octet-stream"

# What a parameter, header or item says of its value.
_OF_VALUE = (
    "type", "format", "items", "default", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength",
    "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "enum", "multipleOf", "x-nullable", "x-example",
    "x-extensible-enum",
)  # fmt: skip
_OF_PARAMETER = ("name", "in", "description", "required", "allowEmptyValue", "deprecated", "x-deprecated", "x-sunset")
# collectionFormat → style and explode.
_STYLES: dict[str, Json] = {
    "csv": {"style": "form", "explode": False},
    "ssv": {"style": "spaceDelimited", "explode": False},
    "tsv": {"style": "tabDelimited", "explode": False},
    "pipes": {"style": "pipeDelimited", "explode": False},
    "multi": {"style": "form", "explode": True},
}
_FLOWS = {
    "implicit": "implicit",
    "password": "password",
    "application": "clientCredentials",
    "accessCode": "authorizationCode",
}
_URLS = ("authorizationUrl", "tokenUrl", "refreshUrl", "scopes")


def parameter(value: Json) -> Json:
    """A parameter in path, query or header."""
    made = {name: value[name] for name in _OF_PARAMETER if name in value}
    made["schema"] = _schema(value)
    if value.get("type") == "array":
        style = _STYLES.get(value.get("collectionFormat", "csv"), _STYLES["csv"])
        made |= style if value.get("in") == "query" else {"style": "simple", "explode": False}
    return made


def request_body(parameters: Sequence[Placed], consumes: Sequence[str], notes: Notes) -> tuple[Json, At] | None:
    """The body that `body` and `formData` parameters describe; of several bodies the first."""
    bodies = [one for one in parameters if one[0].get("in") == "body"]
    fields = [one for one in parameters if one[0].get("in") == "formData"]
    if len(bodies) > 1:
        notes.add(bodies[1][1], "several_bodies", "A request has one body; the first one counts.")
    if bodies and fields:
        notes.add(fields[0][1], "several_bodies", "A request has a body or a form; the body counts.")
    if bodies:
        value, at = bodies[0]
        content = {name: {"schema": value.get("schema", {})} for name in consumes or (JSON_TYPE,)}
        return {**_described(value), "required": value.get("required") is True, "content": content}, at
    return (_form(fields, consumes, notes), fields[0][1]) if fields else None


def _form(fields: Sequence[Placed], consumes: Sequence[str], notes: Notes) -> Json:
    files = [one for one in fields if one[0].get("type") == "file"]
    types = [name for name in consumes if name.startswith("multipart/") or "form-urlencoded" in name]
    if files and not types:
        notes.add(files[0][1], "file_without_form", f"A file is sent as {MULTIPART}, which `consumes` does not list.")
    types = types or [MULTIPART if files else URLENCODED]
    properties, encoding = {}, {}
    for value, _ in fields:
        name = str(value.get("name", ""))
        properties[name] = {**_schema(value), **_described(value)}
        if value.get("type") == "array":
            encoding[name] = _STYLES.get(value.get("collectionFormat", "csv"), _STYLES["csv"])
    required = [str(value.get("name", "")) for value, _ in fields if value.get("required") is True]
    schema: Json = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    media: Json = {"schema": schema, **({"encoding": encoding} if encoding else {})}
    return {"required": bool(required), "content": dict.fromkeys(types, media)}


def response(value: Json, produces: Sequence[str]) -> Json:
    """A response; its schema counts for every type that the operation produces."""
    made: Json = _described(value)
    schema, examples = value.get("schema"), value.get("examples")
    examples = examples if isinstance(examples, dict) else {}
    content: Json = {}
    if schema is not None:
        is_file = isinstance(schema, dict) and schema.get("type") == "file"
        for name in produces or (BYTES if is_file else JSON_TYPE,):
            content[name] = {"schema": _bytes(schema) if is_file else schema}
    for name, example in examples.items():
        if schema is not None or "/" in name:
            content.setdefault(name, {} if schema is None else {"schema": schema})["example"] = example
    if content:
        made["content"] = content
    if isinstance(value.get("headers"), dict):
        made["headers"] = {name: header(one) for name, one in value["headers"].items() if isinstance(one, dict)}
    return made


def header(value: Json) -> Json:
    """A header of a response."""
    return {**_described(value), "schema": _schema(value)}


def security_scheme(value: Json) -> Json:
    """An entry of `securityDefinitions`."""
    kind, described = value.get("type"), _described(value)
    if kind == "basic":
        return {"type": "http", "scheme": "basic", **described}
    if kind == "oauth2":
        flow = _FLOWS.get(str(value.get("flow")), "implicit")
        return {"type": "oauth2", "flows": {flow: {name: value[name] for name in _URLS if name in value}}, **described}
    return {**{name: value[name] for name in ("type", "name", "in") if name in value}, **described}


def servers(root: Json, schemes: Any) -> list[Json]:
    """`host`, `basePath` and `schemes` as URLs; without a host they are relative."""
    base, host = (root[name] if isinstance(root.get(name), str) else "" for name in ("basePath", "host"))
    path = f"/{base.strip('/')}" if base.strip("/") else ""
    if not host:
        return [{"url": path}] if path else []
    wanted = schemes if isinstance(schemes, list) else root.get("schemes")
    names = [one for one in wanted if isinstance(one, str)] if isinstance(wanted, list) else []
    return [{"url": f"{scheme}://{host}{path}"} for scheme in names or ("https",)]


def _schema(value: Json) -> Json:
    made = _bytes({name: value[name] for name in _OF_VALUE if name in value})
    if "x-example" in made:
        made["example"] = made.pop("x-example")
    if isinstance(made.get("items"), dict):
        made["items"] = {key: one for key, one in made["items"].items() if key != "collectionFormat"}
    return made


def _bytes(schema: Json) -> Json:
    """`type: file` as the text of bytes that it stands for."""
    return {**schema, "type": "string", "format": "binary"} if schema.get("type") == "file" else schema


def _described(value: Json) -> Json:
    return {"description": value["description"]} if isinstance(value.get("description"), str) else {}
