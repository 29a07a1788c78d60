"""Reads a request as its operation's rules say: parameters and body with their types, or a refusal that says why."""

import json
import re
from collections.abc import Iterable, Mapping
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl, unquote

from tests.fakes.shop.call import Problem
from tests.fakes.shop.checks import problems
from tests.fakes.shop.rules import Rules

Json = dict[str, Any]

INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,30})")
NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?")


def segments_of(raw_path: str) -> list[str]:
    """The decoded segments of a path; what is no UTF-8 becomes U+FFFD."""
    return [unquote(one) for one in raw_path.partition("?")[0].partition("#")[0].strip("/").split("/")]


def parameters(
    rules: Rules, places: Mapping[str, str], raw_path: str, headers: Mapping[str, str]
) -> tuple[Json, Json, dict[str, str]]:
    """Path, query and header parameters. Raises Problem 422."""
    found: dict[str, Json] = {"path": {}, "query": {}, "header": {}}
    wrong: list[tuple[str, str]] = []
    given: dict[str, list[str]] = {}
    for name, value in parse_qsl(raw_path.partition("?")[2], keep_blank_values=True):
        given.setdefault(name, []).append(value)
    for one in rules.parameters:
        name, where = one["name"], one["in"]
        texts = _texts(name, where, places, given, headers)
        at = f"#/{where}/{name}"
        if not texts:
            wrong += [(at, "is required")] if one["required"] else []
        elif len(texts) > 1 and one["schema"].get("type") != "array":
            wrong.append((at, "is given more than once"))
        else:
            found[where][name] = value_of(texts, one["schema"])
            wrong += problems(found[where][name], one["schema"], at)
    refuse(wrong)
    defaults = {one["name"]: one["schema"]["default"] for one in rules.parameters if "default" in one["schema"]}
    return found["path"], {**defaults, **found["query"]}, found["header"]


def _texts(
    name: str, where: str, places: Mapping[str, str], given: Mapping[str, list[str]], headers: Mapping[str, str]
) -> list[str]:
    if where == "path":
        return [places[name]]
    if where == "query":
        return given.get(name, [])
    return [headers[name]] if name in headers else []


def value_of(texts: list[str], schema: Json) -> Any:
    """The texts of a parameter with the type of its schema; what does not look like it stays text."""
    kind = schema.get("type")
    if kind == "array":
        return [value_of([one], schema["items"]) for one in texts]
    text = texts[0]
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    if kind == "integer" and INTEGER.fullmatch(text):
        return int(text)
    if kind == "number" and NUMBER.fullmatch(text):
        return float(text)
    return text


def body_of(rules: Rules, content_type: str, raw: bytes) -> Any:
    """The body. Raises Problem 415, 400 or 422."""
    header = Message()
    header["content-type"] = content_type or "application/octet-stream"
    media, charset = header.get_content_type(), header.get_content_charset("utf-8")
    if rules.any_media and media not in rules.body:
        media = next(iter(rules.body))
    if media not in rules.body or charset not in ("utf-8", "us-ascii"):
        raise Problem(415, f"The body must be {' or '.join(rules.body)} in UTF-8.")
    try:
        text = raw.decode()
        value = text if media == "text/plain" else read_json(text)
    except (ValueError, RecursionError):
        raise Problem(400, f"The body is no {'UTF-8' if media == 'text/plain' else 'JSON'}.") from None
    refuse(problems(value, rules.body[media], "#/body"))
    return value


def read_json(text: str) -> Any:
    """RFC 8259 without NaN; whole numbers are integers however they are written. Raises ValueError."""
    return json.loads(text, parse_constant=_no_constant, parse_float=_number)


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _number(text: str) -> float | int:
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < 2**60 else value


def refuse(wrong: Iterable[tuple[str, str]]) -> None:
    """Raises Problem 422 if there is anything."""
    if errors := [{"pointer": pointer, "detail": detail[:2000]} for pointer, detail in wrong]:
        raise Problem(422, "The request does not fit the specification.", errors=errors[:50])
