"""A schema as one: references followed, `allOf` merged, what cannot be understood left out.

Rules compare two of these instead of schemas as written, so that moving a property into a referenced schema, or a
schema into an `allOf`, is no change.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from workers.specs.rules.base import Json, canonical, items, mapping, step

MOST_PARTS = 500  # schemas that one schema may be merged of
JSON_TYPES = {"string", "number", "integer", "boolean", "array", "object", "null"}
BRANCHES = ("oneOf", "anyOf")
# Keywords whose schema is the node of a child.
CHILDREN = ("items", "additionalProperties", "contains", "propertyNames", "if", "then", "else", "not", "contentSchema")
KEYED_CHILDREN = ("properties", "patternProperties", "dependentSchemas")
ANNOTATIONS = {"title", "description", "example", "examples", "$comment", "externalDocs", "xml", "$id", "$schema"}


@dataclass(frozen=True, slots=True)
class Site:
    """A schema as written, and the JSON pointer to it."""

    schema: Any
    pointer: str


Node = tuple[Site, ...]  # schemas that hold together


@dataclass(slots=True)
class View:
    """A merged schema. `keywords` are those with plain values, `places` where each keyword is written.

    `types` has no "null" and is None where any type goes; `nullable` says that null is allowed in so many words.
    `all_of` are the members of its `allOf`, by the name of a reference or by their text; `alone` is the one alternative
    of a schema that says nothing else.
    """

    pointer: str
    keywords: Json = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    children: dict[str, Node] = field(default_factory=dict)
    keyed: dict[str, dict[str, Node]] = field(default_factory=dict)
    prefix_items: list[Node] = field(default_factory=list)
    branches: dict[str, list[Node]] = field(default_factory=dict)
    all_of: dict[str, Site] = field(default_factory=dict)
    alone: Site | None = None
    types: frozenset[str] | None = None
    null_type: bool = False
    null_branch: bool = False
    denied: frozenset[str] = frozenset()

    def place(self, keyword: str) -> str:
        """The pointer to a keyword; to the schema where it is not there."""
        return self.places.get(keyword, self.pointer)

    @property
    def nullable(self) -> bool:
        """Whether null is named as a type, or as an alternative."""
        return self.null_type or self.null_branch

    @property
    def properties(self) -> dict[str, Node]:
        """Its declared properties."""
        return self.keyed.get("properties", {})

    @property
    def required(self) -> frozenset[str]:
        """The names of its required properties."""
        required: frozenset[str] = self.keywords.get("required", frozenset())
        return required


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> Any:
    if isinstance(value, bool) or (isinstance(value, float) and not isfinite(value)):
        return None
    return value if isinstance(value, int | float) else None


def _flag(value: Any) -> bool | None:
    return True if value is True else None


def _names(value: Any) -> frozenset[str] | None:
    return frozenset(name for name in items(value) if isinstance(name, str)) or None


def _values(value: Any) -> dict[str, Any] | None:
    return {canonical(one): one for one in value} if isinstance(value, list) and value else None


def _lists(value: Any) -> dict[str, frozenset[str]] | None:
    return {name: _names(needed) or frozenset() for name, needed in mapping(value).items()} or None


def _mapped(value: Any) -> Json | None:
    return value if isinstance(value, dict) else None


def _both(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in one.items() if key in other}


# What a keyword's value must be (None: it is passed over), and what two of them make that hold at once.
KEYWORDS: dict[str, tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]] = {
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"), (_number, min)),
    **dict.fromkeys(("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"), (_number, max)),
    "maxContains": (_number, min),
    "minContains": (_number, max),
    "multipleOf": (_number, max),
    "pattern": (_text, lambda one, other: one if one == other else " and ".join(sorted({one, other}))),
    "format": (_text, lambda one, other: other),
    "enum": (_values, _both),
    "x-extensible-enum": (lambda value: {} if value is True else _values(value), _both),
    "const": (lambda value: [value], lambda one, other: one),
    "default": (lambda value: [value], lambda one, other: other),
    "required": (_names, lambda one, other: one | other),
    "dependentRequired": (_lists, lambda one, other: one | other),
    "discriminator": (_mapped, lambda one, other: other),
    "contentMediaType": (_text, lambda one, other: other),
    "contentEncoding": (_text, lambda one, other: other),
    "x-sunset": (_text, lambda one, other: other),
    "x-stability-level": (_text, lambda one, other: other),
    "title": (_text, lambda one, other: one),
    **{name: (_flag, lambda one, other: True) for name in ("uniqueItems", "readOnly", "writeOnly", "deprecated")},
}
DENIES = ("additionalProperties", "unevaluatedProperties", "unevaluatedItems")


class Side:
    """The schemas of one record, each merged once."""

    def __init__(self, record: Json) -> None:
        self.record = record
        self._views: dict[tuple[str, ...], View] = {}

    def view(self, node: Node) -> View:
        """The node as one schema."""
        key = tuple(site.pointer for site in node)
        if key not in self._views:
            self._views[key] = self._merge(node)
        return self._views[key]

    def target(self, reference: Any) -> Site | None:
        """What a `$ref` inside the record points to; None where there is nothing."""
        if not isinstance(reference, str) or not reference.startswith("#"):
            return None
        found: Any = self.record
        for name in reference[1:].split("/")[1:]:
            key = name.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and key.isdigit() and int(key) < len(found):
                found = found[int(key)]
            elif isinstance(found, dict) and key in found:
                found = found[key]
            else:
                return None
        return Site(found, reference[1:])

    def _merge(self, node: Node) -> View:
        """Walks references, `allOf` and groups of one, and adds what each says; every schema once, so cycles end."""
        view = View(self._first(node))
        waiting = list(reversed(node))
        seen: set[str] = set()
        while waiting and len(seen) < MOST_PARTS:
            site = waiting.pop()
            if site.pointer in seen:
                continue
            seen.add(site.pointer)
            if site.schema is False:
                view.children["not"] = (Site({}, site.pointer),)
            schema = mapping(site.schema)
            _add(view, schema, site.pointer)
            more = [self.target(schema["$ref"])] if "$ref" in schema else []
            parts = [
                Site(one, step(step(site.pointer, "allOf"), n)) for n, one in enumerate(items(schema.get("allOf")))
            ]
            view.all_of |= {label(part): part for part in parts}
            more += [*parts, *_groups(view, schema, site.pointer)]
            waiting += reversed([one for one in more if one is not None])
        return view

    def _first(self, node: Node) -> str:
        """Where the node is: at the end of a chain of references that say nothing else."""
        site, hops = node[0], 0
        while isinstance(site.schema, dict) and "$ref" in site.schema and hops < MOST_PARTS:
            target = self.target(site.schema["$ref"])
            if target is None or site.schema.keys() - ANNOTATIONS != {"$ref"}:
                break
            site, hops = target, hops + 1
        return site.pointer


def _groups(view: View, schema: Json, pointer: str) -> list[Site]:
    """Keeps the alternatives but a null, which makes the view nullable. One that is alone is merged instead; those that
    are types and nothing else are a list of types."""
    alone: list[Site] = []
    for keyword in BRANCHES:
        sites = [Site(one, step(step(pointer, keyword), n)) for n, one in enumerate(items(schema.get(keyword)))]
        real = [site for site in sites if not _is_null(site.schema)]
        view.null_branch = view.null_branch or len(real) < len(sites)
        if len(real) == 1:
            alone.append(real[0])
            if schema.keys() - ANNOTATIONS == {keyword} and pointer == view.pointer:
                view.alone = real[0]
        elif real and all(_is_type(site.schema) for site in real):
            _add_type(view, [site.schema["type"] for site in real])
        elif real:
            view.branches.setdefault(keyword, []).extend((site,) for site in real)
            view.places.setdefault(keyword, step(pointer, keyword))
    return alone


def _is_null(schema: Any) -> bool:
    said = {key: value for key, value in mapping(schema).items() if key not in ANNOTATIONS}
    return said in ({"type": "null"}, {"enum": [None]}, {"const": None}, {"type": ["null"]})


def _is_type(schema: Any) -> bool:
    return mapping(schema).keys() - ANNOTATIONS == {"type"} and isinstance(schema["type"], str)


def label(site: Site) -> str:
    """What a schema is called among its siblings: the name of its reference, or else its text."""
    reference = mapping(site.schema).get("$ref")
    return reference if isinstance(reference, str) else canonical(site.schema)


def _add(view: View, schema: Json, pointer: str) -> None:
    """Adds what one schema says to the view."""
    for keyword, value in schema.items():
        place = step(pointer, keyword)
        if keyword in KEYWORDS:
            read, merge = KEYWORDS[keyword]
            said = read(value)
            if said is None:
                continue
            known = view.keywords.get(keyword)
            view.keywords[keyword] = said if known is None else merge(known, said)
        elif keyword == "type":
            _add_type(view, value)
        elif keyword in DENIES and (value is False or (isinstance(value, dict) and keyword not in CHILDREN)):
            view.denied |= {keyword}
        elif keyword in CHILDREN and isinstance(value, dict):
            view.children[keyword] = (*view.children.get(keyword, ()), Site(value, place))
        elif keyword in KEYED_CHILDREN:
            held = view.keyed.setdefault(keyword, {})
            for name, one in mapping(value).items():
                held[name] = (*held.get(name, ()), Site(one, step(place, name)))
        elif keyword == "prefixItems" and not view.prefix_items:
            view.prefix_items = [(Site(one, step(place, n)),) for n, one in enumerate(items(value))]
        else:
            continue
        view.places.setdefault(keyword, place)


def _add_type(view: View, value: Any) -> None:
    named = {one for one in ([value] if isinstance(value, str) else items(value)) if isinstance(one, str)} & JSON_TYPES
    if not named:
        return
    types = frozenset(named - {"null"})
    view.null_type = "null" in named and (view.types is None or view.null_type)
    if view.types is not None:
        narrower = {one for one in types if one in view.types or (one == "integer" and "number" in view.types)}
        types = frozenset(narrower | {one for one in view.types if one == "integer" and "number" in types})
    view.types = types
