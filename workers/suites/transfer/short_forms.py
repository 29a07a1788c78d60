"""Short forms of steps, assertions and extractions, as people write them in YAML, and back.

A step: `request: GET /users/{id}` is `method` and `url`; `completion: openai/gpt-5` is a completion step of that model,
and `prompt: text` what its user says. The other fields are those of the long form.

`extract` is an object: a text that begins with `$` is a JSONPath, another text JMESPath, `{header: Location}` (or
cookie, regex, status, body, jsonpath, jmespath) names where from; `default` and `secret` may stand beside that.

`assert` is an object, or a list of objects, of:

    status: 200 | 2xx | [200, 201] | {less: 500}
    header: {Content-Type: application/json, ETag: {exists: true}}
    body: {$.id: {type: integer}, $.name: Ann} | {contains: {a: 1}} | [1, 2]
    json_schema: {type: object}         operation: true | GET /users/{id}
    latency: 500                        size: 10000 | {min_bytes: 1}
    exact: text    contains: text    regex: pattern
    same_meaning: text | {expected: text, by: judge}
    validation_prompt: text | {prompt: text, judges: 3}

An object of operators alone (`{greater: 1, less: 9}`) is an assertion for each of them; anything else is a value to be
equal to, which `{equals: …}` says where it could be mistaken. In a list, `severity: warn` may stand beside a short
form, and an object with `type` is in the long form.
"""

from collections.abc import Callable, Iterator
from typing import Any

from infra.errors import BadInput
from workers.specs.notes import escaped
from workers.suites.transfer.imported import refused

Json = dict[str, Any]

OPERATORS = (
    "equals", "not_equals", "contains", "not_contains", "exists", "not_exists", "matches", "less", "less_or_equal",
    "greater", "greater_or_equal", "type", "length", "one_of", "starts_with", "ends_with", "empty", "not_empty",
)  # fmt: skip
# They compare with nothing.
WITHOUT_VALUE = {"exists": "not_exists", "empty": "not_empty", "not_exists": "exists", "not_empty": "empty"}
SOURCES = ("jsonpath", "jmespath", "header", "cookie", "regex", "status", "body")
# The field that a text or number alone is.
ALONE = {
    "json_schema": "schema", "latency": "max_ms", "size": "max_bytes", "exact": "expected", "contains": "expected",
    "regex": "pattern", "same_meaning": "expected", "validation_prompt": "prompt",
}  # fmt: skip
# Those whose fields may be given as an object.
SPREAD = ("latency", "size", "same_meaning", "validation_prompt", "exact", "contains", "regex")
FORMS = (*ALONE, "status", "header", "body", "operation")


def long_step(short: Any, place: str) -> Json:
    """The step as a case has it; raises BadInput at `place`."""
    if not isinstance(short, dict):
        raise refused(place, "A step is an object.")
    step = {name: value for name, value in short.items() if name not in ("request", "completion", "prompt")}
    if "request" in short:
        step = {"kind": "http", **_request(short["request"], f"{place}/request"), **step}
    if "completion" in short:
        model = {} if short["completion"] is None else {"model": short["completion"]}
        step = {"kind": "completion", **model, **step}
    if "prompt" in short:
        step["messages"] = [{"role": "user", "content": short["prompt"]}]
    if "extract" in short:
        step["extract"] = list(_extractions(short["extract"], f"{place}/extract"))
    if "assert" in short:
        step["assert"] = list(_assertions(short["assert"], f"{place}/assert"))
    return step


def _request(line: Any, place: str) -> Json:
    method, _, url = str(line).strip().partition(" ")
    if not isinstance(line, str) or not url.strip():
        raise refused(place, "`request` is a method and a URL or path, such as `GET /users`.")
    return {"method": method.upper(), "url": url.strip()}


def _extractions(short: Any, place: str) -> Iterator[Json]:
    if isinstance(short, list):
        yield from short
        return
    if not isinstance(short, dict):
        raise refused(place, "`extract` is an object: name to path.")
    for name, one in short.items():
        if isinstance(one, str):
            yield {"name": name, "from": "jsonpath" if one.startswith("$") else "jmespath", "expression": one}
            continue
        sources = [source for source in SOURCES if isinstance(one, dict) and source in one]
        if len(sources) != 1:
            raise refused(f"{place}/{escaped(name)}", f"An extraction is a path, or an object with one of {SOURCES}.")
        said, source = one[sources[0]], sources[0]
        rest = {field: value for field, value in one.items() if field != source}
        yield {"name": name, "from": source, **({} if said is None else {"expression": said}), **rest}


def _assertions(short: Any, place: str) -> Iterator[Json]:
    for number, item in enumerate(short if isinstance(short, list) else [short]):
        at = f"{place}/{number}" if isinstance(short, list) else place
        if not isinstance(item, dict) or not item:
            raise refused(at, "An assertion is an object, such as `status: 200`.")
        if "type" in item and isinstance(item["type"], str):
            yield item
            continue
        severity = {"severity": item["severity"]} if "severity" in item else {}
        for form, said in item.items():
            if form != "severity":
                yield from ({**one, **severity} for one in long_assertions(form, said, f"{at}/{escaped(form)}"))


def long_assertions(form: str, said: Any, place: str) -> Iterator[Json]:
    """The assertions that a short form stands for; raises BadInput at `place`."""
    if form not in FORMS:
        raise refused(place, f"There is no assertion {form!r}; there are {', '.join(sorted(FORMS))}.")
    if form == "status":
        yield from _status(said)
    elif form == "header":
        if not isinstance(said, dict):
            raise refused(place, "`header` is an object: name to value or operator.")
        for name, value in said.items():
            yield from ({"type": "header", "name": name, **one} for one in _compared(value))
    elif form == "body":
        yield from _body(said)
    elif form == "operation":
        yield {"type": "operation"} if said is True else {"type": "operation", "operation": said}
    elif form in SPREAD and isinstance(said, dict):
        yield {"type": form, **said}
    else:
        yield {"type": form, ALONE[form]: said}


def _status(said: Any) -> Iterator[Json]:
    if _is_operators(said):
        yield from ({"type": "status", **one} for one in _compared(said))
    else:
        yield {"type": "status", "expected": said}


def _body(said: Any) -> Iterator[Json]:
    if not isinstance(said, dict) or _is_operators(said) or not said:
        yield from ({"type": "body", **one} for one in _compared(said))
        return
    for path, value in said.items():
        yield from ({"type": "body", "path": path, **one} for one in _compared(value))


def _compared(value: Any) -> Iterator[Json]:
    """What it is compared with, by each operator that is given; without one, equality is meant."""
    if not _is_operators(value):
        yield {"expected": value}
        return
    for operator, expected in value.items():
        if operator in WITHOUT_VALUE:
            yield {"op": WITHOUT_VALUE[operator] if expected is False else operator}
        else:
            yield {"op": operator, "expected": expected}


def _is_operators(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(name in OPERATORS for name in value)


def short_step(step: Json) -> Json:
    """The step in its short form; what has none stays as it is."""
    rest = dict(step)
    short: Json = {}
    for name in ("id", "name"):
        if name in rest:
            short[name] = rest.pop(name)
    kind = rest.get("kind", "http")
    if kind == "http" and _is_line(rest):
        short["request"] = f"{rest.pop('method')} {rest.pop('url')}"
        rest.pop("kind", None)
    elif kind == "completion":
        short["completion"] = rest.pop("model", None)
        rest.pop("kind")
    match rest.get("messages"):
        case [{"role": "user", "content": said, **more}] if not more:
            short["prompt"] = said
            rest.pop("messages")
    extract, asserted = rest.pop("extract", None), rest.pop("assert", None)
    short |= rest
    if extract:
        short["extract"] = _short_extractions(extract)
    if asserted:
        short["assert"] = [_short_assertion(one) for one in asserted]
    return short


def _is_line(step: Json) -> bool:
    method, url = step.get("method"), step.get("url")
    return bool(method and url) and _request(f"{method} {url}", "") == {"method": method, "url": url}


def _short_extractions(extractions: list[Json]) -> Any:
    short: Json = {}
    for one in extractions:
        source, said = one.get("from"), one.get("expression")
        rest = {name: value for name, value in one.items() if name not in ("name", "from", "expression")}
        is_path = source == ("jsonpath" if str(said).startswith("$") else "jmespath")
        short[str(one.get("name"))] = said if is_path and not rest else {str(source): said, **rest}
    return _if_same(short, extractions, lambda value: list(_extractions(value, "")), extractions)


def _short_assertion(one: Json) -> Json:
    severity = {"severity": one["severity"]} if "severity" in one else {}
    rest = {name: value for name, value in one.items() if name not in ("severity", "type")}
    form, fields = str(one.get("type")), set(rest)
    said: Any = None
    if form == "operation":
        said = rest.get("operation", True)
    elif form in ALONE:
        said = rest[ALONE[form]] if fields == {ALONE[form]} else rest
    elif form == "status":
        said = {rest["op"]: rest.get("expected")} if "op" in rest else rest.get("expected")
    elif form in ("header", "body"):
        said = _short_comparison(rest)
        where = rest.get("name" if form == "header" else "path")
        said = said if where is None else {where: said}
    short: Json = _if_same({form: said, **severity}, [one], lambda value: list(_assertions([value], "")), one)
    return short


def _short_comparison(one: Json) -> Any:
    operator = one.get("op")
    if operator in WITHOUT_VALUE:
        return {operator: True}
    return one.get("expected") if operator is None else {operator: one.get("expected")}


def _if_same(short: Any, wanted: Any, expand: Callable[[Any], Any], otherwise: Any) -> Any:
    """The short form where it says the same, so that nothing is lost that has no short form."""
    try:
        return short if expand(short) == wanted else otherwise
    except BadInput:
        return otherwise
