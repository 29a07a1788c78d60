"""What goes through the shop: a call that was read and checked, its answer, and the refusals."""

from dataclasses import dataclass, field
from typing import Any

from tests.fakes.shop.store import Store

Json = dict[str, Any]

TITLES = {
    400: "Malformed",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    415: "Unsupported media type",
    422: "Does not fit the specification",
    429: "Too many attempts",
    500: "Internal error",
}


@dataclass(slots=True)
class Call:
    """A request to an operation; parameters and body have the types of the specification. `who` is the customer of the
    bearer token, "staff", or nobody."""

    operation: str
    store: Store
    path: Json = field(default_factory=dict)
    query: Json = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    who: str | None = None


@dataclass(slots=True)
class Answer:
    """`body` None means none; text goes out as it is, everything else as JSON. `delay` in seconds."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    delay: float = 0.0


class Problem(Exception):
    """A refusal, answered as problem+json."""

    def __init__(
        self, status: int, detail: str, *, errors: list[Json] | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.errors, self.headers = status, detail, errors, headers or {}

    def answer(self) -> Answer:
        """The problem as it is sent."""
        body: Json = {"type": "about:blank", "title": TITLES[self.status], "status": self.status, "detail": self.detail}
        if self.errors:
            body["errors"] = self.errors
        return Answer(self.status, body, dict(self.headers), "application/problem+json")
