"""Whether an answer conforms to the operation that it is of: its status, content type, headers and body are documented.

    status        as it is, else its range (`4XX`), else `default`
    content type  without parameters, in whatever case; a range (`application/*`) takes what is in it
    headers       those that are required are there; those that are there are valid
    body          valid against the schema, without what is only written; no body where none is documented

What is wrong is told one by one in `details`, with JSON pointers into the body. A body that is no JSON is judged by its
type alone. Operations are looked up in the knowledge base (lookup.py).
"""

import re
from collections.abc import Iterator
from typing import Any

from infra import json
from workers.suites.assertions import lookup
from workers.suites.assertions.outcome import Outcome, failed, listed, passed
from workers.suites.assertions.plain import http_status, read_json
from workers.suites.assertions.schemas import Compiled, clauses, compiled, summary
from workers.suites.base import Answered, World

Json = dict[str, Any]

BODILESS = (204, 205, 304)
MOST_DOCUMENTED = 20
_REFERENCE = re.compile(r'"\$ref":"#/\$defs/([A-Za-z0-9._-]+)"')
_OF_HTTP = ("content-type", "accept", "authorization")


async def operation(assertion: Json, answered: Answered, world: World) -> Outcome:
    """The answer is one that the ingested description allows."""
    status = http_status(answered)
    record = await lookup.record_for(assertion, answered, world)
    name = f"{record['method']} {record['path']}"
    described = documented(record["responses"], status)
    if described is None:
        known = ", ".join(list(record["responses"])[:MOST_DOCUMENTED]) or "none"
        told = f"The status {status} is not documented for {name}; documented are {known}."
        return failed(told, list(record["responses"]), status)
    key, response = described
    problems = [*await _of_body(record, key, response, answered, world)]
    problems += _of_headers(record, key, response, answered, world)
    where = f"{name} with status {status}"
    if not problems:
        return passed(f"The answer is as documented for {where}.", key, status)
    return failed(f"The answer is not as documented for {where}: {summary(problems)}", key, status, problems)


def documented(responses: Json, status: int) -> tuple[str, Json] | None:
    """The response that describes a status, and what it is called there."""
    for key in (str(status), f"{status // 100}XX", f"{status // 100}xx", "default"):
        if key in responses:
            return key, responses[key]
    return None


async def _of_body(record: Json, key: str, response: Json, answered: Answered, world: World) -> list[Json]:
    content = response.get("content") or {}
    if answered.method == "HEAD" or answered.status in BODILESS or not content:
        size = len(answered.body)
        return [_problem("body", f"the body has {size} bytes where there should be none")] if size else []
    media = (answered.header("content-type") or "").partition(";")[0].strip().lower()
    found = matching(content, media)
    if found is None:
        came = f"is {media}" if media else "is missing"
        told = f"the content type {came}, not {listed(list(content)[:MOST_DOCUMENTED])}"
        return [_problem("content_type", told)]
    if not is_json(media) or "schema" not in content[found]:
        return []
    value = read_json(answered)
    if isinstance(value, Outcome):
        return [_problem("body", f"{value.message[0].lower()}{value.message[1:].rstrip('.')}")]
    against = _compiled(world, record, ("body", key, found), content[found]["schema"])
    return [{"in": "body", **one} for one in clauses(await against.problems(value, len(answered.body)))]


def _problem(place: str, message: str) -> Json:
    return {"in": place, "pointer": "", "message": message}


def matching(content: Json, media: str) -> str | None:
    """The documented media type, or range, that takes this one; the closest of several."""
    by_type = {name.partition(";")[0].strip().lower(): name for name in reversed(list(content))}
    for wanted in (media, f"{media.partition('/')[0]}/*", "*/*"):
        if media and wanted in by_type:
            return by_type[wanted]
    return None


def is_json(media: str) -> bool:
    """Whether a body of that type is one JSON text."""
    return media.endswith(("/json", "+json"))


def _of_headers(record: Json, key: str, response: Json, answered: Answered, world: World) -> Iterator[Json]:
    for name, header in (response.get("headers") or {}).items():
        value = answered.header(name)
        if name.lower() in _OF_HTTP:
            continue
        if value is None:
            if header.get("required"):
                yield {**_problem("headers", f"the header {name} is missing"), "header": name}
        elif "schema" in header:
            against = _compiled(world, record, ("header", key, name), header["schema"])
            read = _header_value(value, header["schema"], record)
            for one in clauses(against.problems_now(read, len(value)), f"the header {name}"):
                yield {"in": "headers", "header": name, **one}


def _header_value(text: str, schema: Any, record: Json) -> Any:
    """The text as what the schema takes it for; as it is where it is not that."""
    schema = _followed(schema, record)
    kinds = schema.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if "array" in kinds:
        return [_header_value(one.strip(), schema.get("items", {}), record) for one in text.split(",") if one.strip()]
    if "string" in kinds or not {"integer", "number", "boolean", "null"} & set(kinds):
        return text
    try:
        found = json.loads(text.strip())
    except ValueError:
        return text
    return text if isinstance(found, list | dict | str) else found


def _followed(schema: Any, record: Json) -> Json:
    for _ in range(10):
        if not isinstance(schema, dict):
            break
        if "$ref" not in schema:
            return schema
        schema = {**record["$defs"].get(schema["$ref"].rpartition("/")[2], {}), **_without(schema, "$ref")}
    return {}


def _compiled(world: World, record: Json, place: tuple[str, str, str], schema: Any) -> Compiled:
    """The schema at that place of the record, compiled once in a run."""
    key = ("documented", id(record), *place)
    if key not in world.cache:
        world.cache[key] = compiled(answer_schema(schema, record["$defs"]))
    made: Compiled = world.cache[key]
    return made


def answer_schema(schema: Any, definitions: Json) -> Any:
    """The schema for answers, with the definitions that it needs: what is `writeOnly` is refused, and not required."""
    if isinstance(schema, bool):
        return schema
    names, waiting = dict[str, Any](), _REFERENCE.findall(json.dumps(schema))
    while waiting:
        name = waiting.pop()
        if name not in names and name in definitions:
            names[name] = definitions[name]
            waiting += _REFERENCE.findall(json.dumps(definitions[name]))
    whole = {**schema, "$defs": names}
    if '"writeOnly":true' not in json.dumps(whole):
        return whole
    made: Json = _for_answers(schema, definitions)
    return {**made, "$defs": {name: _for_answers(one, definitions) for name, one in names.items()}}


def _for_answers(schema: Any, definitions: Json) -> Any:
    if isinstance(schema, list):
        return [_for_answers(one, definitions) for one in schema]
    if not isinstance(schema, dict):
        return schema
    written = _written(schema, definitions)
    made: Json = {}
    for keyword, one in schema.items():
        if keyword == "properties" and isinstance(one, dict):
            made[keyword] = {
                name: False if name in written else _for_answers(value, definitions) for name, value in one.items()
            }
        elif keyword == "required" and isinstance(one, list):
            made[keyword] = [name for name in one if name not in written]
        elif keyword in ("enum", "const", "examples", "default"):
            made[keyword] = one
        else:
            made[keyword] = _for_answers(one, definitions)
    return made


def _written(schema: Json, definitions: Json, deeper: int = 5) -> set[str]:
    """The properties of a schema, and of what it is composed of, that only requests have."""
    found = {
        name
        for name, one in (schema.get("properties") or {}).items()
        if isinstance(one, dict)
        and (one.get("writeOnly") is True or _pointed(one, definitions).get("writeOnly") is True)
    }
    for part in [_pointed(schema, definitions), *(schema.get("allOf") or ())]:
        if part and isinstance(part, dict) and deeper:
            found |= _written(part, definitions, deeper - 1)
    return found


def _pointed(schema: Any, definitions: Json) -> Json:
    """What a schema refers to; nothing if it does not."""
    reference = schema.get("$ref") if isinstance(schema, dict) else None
    found = definitions.get(reference.rpartition("/")[2]) if isinstance(reference, str) else None
    return found if isinstance(found, dict) else {}


def _without(schema: Json, name: str) -> Json:
    return {key: value for key, value in schema.items() if key != name}
