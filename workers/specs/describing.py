"""An operation in words, as Markdown: what is searched, and what a model gets to read. The same record, the same text.

What tells operations apart comes first, since embedding models read the beginning best: what it does in the author's
words, then what it takes and returns.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

Json = dict[str, Any]

# In characters; four of them are about a token.
LONGEST = 3000
LONGEST_DESCRIPTION = 1200
LONGEST_NOTE = 160
MOST_PARAMETERS = 24
MOST_FIELDS = 16
LONGEST_TITLE = 300
# How many times longer a text with its markup may be.
MARKED_UP = 4

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SPACE = re.compile(r"\s+")
_MARKUP = re.compile(r"<[^<>]{1,200}>|[*_`]{2,3}|!?\[([^\[\]]*)\]\([^()]*\)")
_SENTENCE = re.compile(r"(?<=[.!?:])\s")

Body = Callable[[str], Any]


def title_of(record: Json) -> str:
    """`GET /users/{id}: Get a user`."""
    called = record["path"] or f"webhook {record['name']}"
    said = record["summary"] or words_of(record["operation_id"] or "")
    return f"{record['method']} {called}{f': {one_line(said, 160)}' if said else ''}"[:LONGEST_TITLE]


def describe(record: Json, body_of: Body) -> str:
    """The operation in at most 3,000 characters; `body_of` gives the schema of a name in `$defs`."""
    lines = [f"# {title_of(record)}", ""]
    lines += [*_purpose(record), *_incoming(record, body_of), *_outgoing(record, body_of), *_around(record)]
    text = ""
    for line in lines:
        if len(text) + len(line) > LONGEST:
            break
        text += f"{line}\n"
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def _purpose(record: Json) -> Iterator[str]:
    description = cleaned((record["description"] or "")[: MARKED_UP * LONGEST_DESCRIPTION])
    if description and description != (record["summary"] or "").strip():
        yield shortened(description, LONGEST_DESCRIPTION)
        yield ""
    if record["deprecated"]:
        yield "Deprecated: use it no longer."
        yield ""
    about = [words_of(record["operation_id"] or ""), *record["tags"], record["spec"]["title"] or ""]
    said = ", ".join(dict.fromkeys(one for one in about if one))
    if said:
        yield f"About: {one_line(said, 300)}."
        yield ""


def _incoming(record: Json, body_of: Body) -> Iterator[str]:
    parameters = record["parameters"]
    if parameters:
        yield "## Parameters"
        for one in parameters[:MOST_PARAMETERS]:
            yield _field(one["name"], one.get("schema"), one.get("description"), one["in"], one["required"], body_of)
        if len(parameters) > MOST_PARAMETERS:
            yield f"- and {len(parameters) - MOST_PARAMETERS} more"
        yield ""
    body = record["request_body"]
    if body:
        types = ", ".join(list(body["content"])[:3])
        yield f"## Request body{f' ({types})' if types else ''}"
        if body.get("description"):
            yield one_line(body["description"], 2 * LONGEST_NOTE)
        yield from _fields(_first_schema(body["content"]), body_of)
        yield ""


def _outgoing(record: Json, body_of: Body) -> Iterator[str]:
    if record["responses"]:
        yield "## Responses"
    shown = False
    for status, response in record["responses"].items():
        yield f"- {status}: {one_line(response.get('description') or 'no description', LONGEST_NOTE)}"
        schema = _first_schema(response.get("content") or {})
        if not shown and status[:1] == "2" and schema is not None:
            shown = True
            yield from (f"  {line}" for line in _fields(schema, body_of))
    yield ""


def _around(record: Json) -> Iterator[str]:
    schemes = record["security_schemes"]
    ways = [" and ".join(_way(name, schemes.get(name), scopes) for name, scopes in one.items()) or "nothing"
            for one in record["security"]]  # fmt: skip
    if ways:
        yield f"Security: {' or '.join(dict.fromkeys(ways[:5]))}."
    if record["callbacks"]:
        yield f"Callbacks: {', '.join(list(record['callbacks'])[:10])}."


def _way(name: str, scheme: Json | None, scopes: list[str]) -> str:
    kind = (scheme or {}).get("type")
    said = {
        "http": f"{(scheme or {}).get('scheme', '')} authentication",
        "apiKey": f"API key `{(scheme or {}).get('name', name)}` in {(scheme or {}).get('in', 'header')}",
        "oauth2": "OAuth 2",
        "openIdConnect": "OpenID Connect",
        "mutualTLS": "a client certificate",
    }.get(str(kind), name)
    return f"{said} ({', '.join(scopes[:5])})" if scopes else said


def _fields(schema: Any, body_of: Body) -> Iterator[str]:
    """The main fields of an object, or of the items of a list."""
    found, many = _object(schema, body_of)
    if not found:
        if isinstance(schema, dict):
            yield f"- {_type(schema, body_of)}"
        return
    if many:
        yield "- list of objects with:"
    properties, required = found
    names = sorted(properties, key=lambda name: name not in required)
    for name in names[:MOST_FIELDS]:
        one = properties[name]
        described = one.get("description") if isinstance(one, dict) else None
        yield _field(name, one, described, None, name in required, body_of)
    if len(names) > MOST_FIELDS:
        yield f"- and {', '.join(names[MOST_FIELDS : 2 * MOST_FIELDS])}"


def _object(schema: Any, body_of: Body, steps: int = 6) -> tuple[tuple[Json, list[str]] | None, bool]:
    """The properties of an object and which are required, through references, compositions and lists."""
    schema = _followed(schema, body_of)
    if not isinstance(schema, dict) or not steps:
        return None, False
    properties, required = dict(schema.get("properties") or {}), list(schema.get("required") or ())
    for part in schema.get("allOf", ()):
        inner, _ = _object(part, body_of, steps - 1)
        if inner:
            properties, required = {**inner[0], **properties}, [*required, *inner[1]]
    if properties:
        return (properties, required), False
    for part in (*schema.get("oneOf", ()), *schema.get("anyOf", ())):
        inner, many = _object(part, body_of, steps - 1)
        if inner:
            return inner, many
    if "items" in schema:
        inner, _ = _object(schema["items"], body_of, steps - 1)
        return inner, inner is not None
    return None, False


def _field(name: str, schema: Any, description: Any, place: str | None, required: bool, body_of: Body) -> str:
    said = [one for one in (place, _type(schema, body_of), "required" if required else "") if one]
    text = description if isinstance(description, str) else ""
    if not text:
        followed = _followed(schema, body_of)
        text = (followed.get("description") or followed.get("title") or "") if isinstance(followed, dict) else ""
    note = one_line(text, LONGEST_NOTE)
    return f"- {name} ({', '.join(said)}){f': {note}' if note else ''}"


def _type(schema: Any, body_of: Body, steps: int = 4) -> str:
    """A schema's type in a word or two."""
    schema = _followed(schema, body_of)
    if not isinstance(schema, dict) or not steps:
        return "any"
    values = schema.get("enum")
    if values:
        return f"one of {', '.join(str(one)[:40] for one in values[:8])}{', …' if len(values) > 8 else ''}"
    kinds = schema.get("type")
    kind = " or ".join(kinds) if isinstance(kinds, list) else kinds
    if kind == "array":
        return f"list of {_type(schema.get('items'), body_of, steps - 1)}"
    if kind == "string" and isinstance(schema.get("format"), str):
        return str(schema["format"])[:40]
    if kind:
        return str(kind)
    for keyword in ("anyOf", "oneOf", "allOf"):
        if schema.get(keyword):
            return _type(schema[keyword][0], body_of, steps - 1)
    return "object" if "properties" in schema else "any"


def _followed(schema: Any, body_of: Body) -> Any:
    for _ in range(10):
        reference = schema.get("$ref") if isinstance(schema, dict) else None
        if not isinstance(reference, str):
            return schema
        schema = body_of(reference.removeprefix("#/$defs/"))
    return None


def _first_schema(content: Json) -> Any:
    return next((media["schema"] for media in content.values() if "schema" in media), None)


def words_of(name: str) -> str:
    """`listUsers_v2` as `list users v 2`."""
    return " ".join(one if one.isupper() and len(one) > 1 else one.lower() for one in _WORDS.findall(name))[:200]


def cleaned(text: str) -> str:
    """Without HTML, emphasis and the targets of links; paragraphs stay."""
    plain = _MARKUP.sub(lambda found: found[1] or ("" if found[0][0] in "*_`" else " "), text)
    return "\n\n".join(filter(None, (_SPACE.sub(" ", part).strip() for part in re.split(r"\n\s*\n", plain))))


def one_line(text: str, longest: int) -> str:
    """The text in one line, cut after a sentence or a word."""
    return shortened(_SPACE.sub(" ", cleaned(text[: MARKED_UP * longest])).strip(), longest)


def shortened(text: str, longest: int) -> str:
    """At most so many characters, cut after a sentence if one ends in its second half, else after a word."""
    if len(text) <= longest:
        return text
    cut = text[:longest]
    ends = [found.start() for found in _SENTENCE.finditer(cut) if found.start() > longest // 2]
    return cut[: ends[-1]] if ends else f"{cut.rpartition(' ')[0] or cut}…"
