"""Short ways to write down the repeating parts of an OpenAPI description."""

from typing import Any

Json = dict[str, Any]

BEARER: list[Json] = [{"bearerAuth": []}]
STAFF: list[Json] = [{"apiKey": []}]
EITHER: list[Json] = [{"bearerAuth": []}, {"apiKey": []}]
NOBODY: list[Json] = []

PROBLEMS = {
    400: ("Malformed", "The body cannot be read: it is no JSON, or no UTF-8."),
    401: ("Unauthorized", "No credentials, or wrong ones."),
    403: ("Forbidden", "You are signed in, but this is for the staff."),
    404: ("NotFound", "There is no such thing."),
    405: ("MethodNotAllowed", "The path has no such method; `Allow` lists those it has."),
    409: ("Conflict", "It does not go with what is there already."),
    415: ("UnsupportedMediaType", "The body is of a media type that the operation does not take."),
    422: ("Unprocessable", "A parameter or the body does not fit this specification; `errors` says where."),
    429: ("TooManyAttempts", "Too many wrong passwords; wait as long as `Retry-After` says."),
}


def ref(name: str, kind: str = "schemas") -> Json:
    """A reference to a component."""
    return {"$ref": f"#/components/{kind}/{name}"}


def text(least: int = 0, most: int = 200, **more: Any) -> Json:
    """A string of limited length."""
    return {"type": "string", **({"minLength": least} if least else {}), "maxLength": most, **more}


def whole(least: int, most: int, **more: Any) -> Json:
    """An integer of a range."""
    return {"type": "integer", "minimum": least, "maximum": most, **more}


def enum(*values: str, **more: Any) -> Json:
    """One of these."""
    return {"type": "string", "enum": list(values), **more}


def thing(required: str, /, **properties: Json) -> Json:
    """An object with nothing but these properties; `required` names some of them."""
    return {
        "type": "object",
        **({"required": required.split()} if required else {}),
        "additionalProperties": False,
        "properties": properties,
    }


def change(**properties: Json) -> Json:
    """An object with at least one of these properties."""
    return {**thing("", **properties), "minProperties": 1}


def listed(items: Json, most: int, **more: Any) -> Json:
    """An array of limited length."""
    return {"type": "array", "items": items, "maxItems": most, **more}


def query(name: str, schema: Json, description: str, **more: Any) -> Json:
    """An optional query parameter."""
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema, **more}


def inside(name: str, schema: Json, description: str, **more: Any) -> Json:
    """A path parameter."""
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema, **more}


def header(schema: Json, description: str) -> Json:
    """A header that is always in the answer."""
    return {"description": description, "required": True, "schema": schema}


def sent(schema: Json, example: Any, media: str = "application/json") -> Json:
    """A required body."""
    return {"required": True, "content": {media: {"schema": schema, "example": example}}}


def answer(
    description: str,
    schema: Json | None = None,
    *,
    headers: Json | None = None,
    links: Json | None = None,
    media: str = "application/json",
) -> Json:
    """A response."""
    return {
        "description": description,
        **({"headers": headers} if headers else {}),
        **({"content": {media: {"schema": schema}}} if schema else {}),
        **({"links": links} if links else {}),
    }


def problems(*statuses: int) -> Json:
    """References to the responses of these refusals."""
    return {str(status): ref(PROBLEMS[status][0], "responses") for status in statuses}


def link(operation: str, parameter: str, expression: str) -> Json:
    """How to go on from an answer: that operation, with this parameter."""
    return {"operationId": operation, "parameters": {parameter: expression}}


def operation(
    identity: str,
    summary: str,
    security: list[Json],
    answers: Json,
    *refusals: int,
    parameters: tuple[Json, ...] = (),
    body: Json | None = None,
    description: str = "",
) -> Json:
    """An operation; what its security, its parameters and its body may be refused with is added."""
    statuses = set(refusals)
    statuses |= {401} if security else set()
    statuses |= {403} if security == STAFF else set()
    statuses |= {415, 400, 422} if body else set()
    return {
        "operationId": identity,
        "summary": summary,
        **({"description": description} if description else {}),
        "tags": [identity.removesuffix("s")],
        "security": security,
        **({"parameters": list(parameters)} if parameters else {}),
        **({"requestBody": body} if body else {}),
        "responses": {**answers, **problems(*sorted(statuses))},
    }
