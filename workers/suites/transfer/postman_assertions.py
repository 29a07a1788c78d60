"""What Postman's words demand, as assertions."""

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from workers.suites.transfer.scripts import NotUnderstood

Json = dict[str, Any]

_OPPOSITE = {
    "equals": "not_equals", "contains": "not_contains", "exists": "not_exists", "empty": "not_empty",
    "less": "greater_or_equal", "greater": "less_or_equal", "less_or_equal": "greater",
    "greater_or_equal": "less",
}  # fmt: skip
_OPPOSITE |= {other: one for one, other in _OPPOSITE.items() if one not in ("greater", "less")}
_STATUSES = {
    "ok": 200, "accepted": 202, "badRequest": 400, "unauthorized": 401, "forbidden": 403, "notFound": 404,
    "rateLimited": 429, "info": "1xx", "success": "2xx", "redirection": "3xx", "clientError": "4xx",
    "serverError": "5xx",
}  # fmt: skip
_PHRASES = {status.phrase.lower(): status.value for status in HTTPStatus}
_PLAIN_KEY = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Found:
    """What an expression means: `kind` is constant, json, length, status, time, text, header or cookie; `value` is a
    constant, a JSONPath, or a name."""

    kind: str
    value: Any = None


def of_response(name: str, values: list[Any]) -> Json:
    match name, values:
        case "status", [int() as status]:
            return {"type": "status", "expected": status}
        case "status", [str() as phrase] if phrase.lower() in _PHRASES:
            return {"type": "status", "expected": _PHRASES[phrase.lower()]}
        case "header", [str() as header]:
            return {"type": "header", "name": header, "op": "exists"}
        case "header", [str() as header, value]:
            return {"type": "header", "name": header, "op": "equals", "expected": value}
        case "jsonSchema", [dict() as schema, *_]:
            return {"type": "json_schema", "schema": schema}
        case "jsonBody", [str() as path]:
            return {"type": "body", "path": _dotted(path), "op": "exists"}
        case "jsonBody", [str() as path, value]:
            return {"type": "body", "path": _dotted(path), "op": "equals", "expected": value}
        case "jsonBody", [value]:
            return {"type": "body", "op": "equals", "expected": value}
        case "body", [str() as text]:
            return {"type": "exact", "expected": text}
        case "json" | "jsonBody", []:
            return {"type": "header", "name": "Content-Type", "op": "contains", "expected": "json"}
        case "withBody", []:
            return {"type": "size", "min_bytes": 1}
        case "error", []:
            return {"type": "status", "op": "greater_or_equal", "expected": 400}
        case _, [] if name in _STATUSES:
            return {"type": "status", "expected": _STATUSES[name]}
    raise NotUnderstood


def negated(made: Json) -> Json:
    operator = made.get("op", "equals")
    classes = isinstance(made.get("expected"), str) and made["type"] == "status"
    if made["type"] not in ("status", "header", "body") or operator not in _OPPOSITE or classes:
        raise NotUnderstood
    return {**made, "op": _OPPOSITE[operator]}


def joined(path: str, key: Any) -> str:
    """The JSONPath of a member or an element."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    if not isinstance(key, str):
        raise NotUnderstood
    if _PLAIN_KEY.fullmatch(key):
        return f"{path}.{key}"
    quoted = key.replace("\\", "\\\\").replace("'", "\\'")
    return f"{path}['{quoted}']"


def _dotted(text: str) -> str:
    """`a.b[0].c` as a JSONPath."""
    path = "$"
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", text):
        path = joined(path, int(index) if index else name)
    return path


def compared(subject: Found, operator: str, expected: Any = None) -> Json:
    """The assertion that compares what was found with a constant; raises NotUnderstood where there is none."""
    said = {} if operator in ("exists", "not_exists", "empty", "not_empty") else {"expected": expected}
    if subject.kind == "status" and isinstance(expected, list | int):
        return {"type": "status", **({} if operator in ("equals", "one_of") else {"op": operator}), **said}
    if subject.kind == "time" and operator in ("less", "less_or_equal") and isinstance(expected, int | float):
        return {"type": "latency", "max_ms": expected}
    if subject.kind == "size" and operator in ("less", "less_or_equal") and isinstance(expected, int):
        return {"type": "size", "max_bytes": expected - (operator == "less")}
    if subject.kind == "header":
        return {"type": "header", "name": subject.value, "op": operator, **said}
    if subject.kind == "json":
        where = {} if subject.value == "$" else {"path": subject.value}
        return {"type": "body", **where, "op": operator, **said}
    if subject.kind == "length" and operator == "equals":
        return {"type": "body", "path": subject.value, "op": "length", **said}
    if subject.kind == "length" and (operator, expected) in (("greater", 0), ("greater_or_equal", 1)):
        return {"type": "body", "path": subject.value, "op": "not_empty"}
    if subject.kind == "text" and isinstance(expected, str):
        kinds = {"equals": ("exact", "expected"), "contains": ("contains", "expected"), "matches": ("regex", "pattern")}
        if operator in kinds:
            return {"type": kinds[operator][0], kinds[operator][1]: expected}
    raise NotUnderstood
