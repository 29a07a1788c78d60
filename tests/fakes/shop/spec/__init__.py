"""The shop's OpenAPI description, written by hand: `document()`."""

from typing import Any

from tests.fakes.shop.spec import goods, people, sales
from tests.fakes.shop.spec.parts import PROBLEMS, answer, header, ref
from tests.fakes.shop.spec.schemas import SCHEMAS
from tests.fakes.shop.store import CUSTOMER_TOKEN, STAFF_KEY

Json = dict[str, Any]

ABOUT = f"""A small shop. Each operation answers within a second.

Customers sign in with a bearer token (`{CUSTOMER_TOKEN}` is always good), the staff with a key (`{STAFF_KEY}`) in
`X-Api-Key`. Credentials that are wrong are refused with 401 even where others are right; a good bearer token alone,
where the staff's key is needed, with 403. Every refusal is problem+json. A path that is not listed is answered with
404, a method that a path does not list with 405 and `Allow`. A parameter that is given twice, and is no array, is
refused.
"""
PATHS: Json = people.PATHS | goods.PATHS | sales.PATHS
EXTRA: dict[int, Json] = {
    401: {"WWW-Authenticate": header({"type": "string", "minLength": 1}, "How to sign in.")},
    405: {"Allow": header({"type": "string", "minLength": 3}, "The methods that the path has.")},
    429: {"Retry-After": header({"type": "integer", "minimum": 1, "maximum": 60}, "Seconds.")},
}


def _responses() -> Json:
    return {
        name: answer(description, ref("Problem"), headers=EXTRA.get(status), media="application/problem+json")
        for status, (name, description) in PROBLEMS.items()
    }


def document() -> Json:
    """OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "A small shop", "version": "1.0.0", "description": ABOUT},
        "servers": [{"url": "/"}],
        "x-max-response-ms": 1000,
        "paths": PATHS,
        "components": {
            "schemas": SCHEMAS,
            "responses": _responses(),
            "securitySchemes": {
                "bearerAuth": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Of a customer; POST /auth/tokens gives one.",
                },
                "apiKey": {"type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "Of the staff."},
            },
        },
    }
