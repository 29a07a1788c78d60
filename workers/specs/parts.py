"""The parts of an operation, normalised: references followed, extensions left out, schemas in one dialect."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from workers.specs.checks import Seen
from workers.specs.keywords import KEPT_EXTENSIONS
from workers.specs.notes import At, Notes
from workers.specs.references import Documents
from workers.specs.schemas import Schemas, length_of

Json = dict[str, Any]
T = TypeVar("T")

LONGEST_EXAMPLE = 32 * 1024
MOST_OF_EXAMPLES = 128 * 1024
# Whose other names are things, and whose `x-…` are extensions.
EXTENSIBLE = ("paths", "responses", "A callback")
PLACES = ("path", "query", "header", "cookie", "querystring")

_SAID = ("description", "summary", "style")
_FLAGS = ("required", "deprecated", "explode", "allowReserved", "allowEmptyValue")
_SCHEME = ("type", "description", "name", "in", "scheme", "bearerFormat", "openIdConnectUrl", "oauth2MetadataUrl",
           "deprecated")  # fmt: skip
_FLOW = ("authorizationUrl", "tokenUrl", "refreshUrl", "deviceAuthorizationUrl")
_LINK = ("operationId", "operationRef", "parameters", "requestBody", "description")


class Parts:
    """Makes the parts of one operation after the other."""

    def __init__(self, documents: Documents, schemas: Schemas, notes: Notes, seen: Seen) -> None:
        self._documents, self._schemas, self._notes, self._seen = documents, schemas, notes, seen
        self._examples = 0
        self._shared: dict[tuple[str, str, str], tuple[Any, set[str]]] = {}

    def part(self, what: str, raw: Any, at: At, make: Callable[[], T]) -> T:
        """Makes a parameter, body or response. One that many refer to is made once."""
        self._examples = 0
        if not isinstance(raw, dict) or raw.keys() != {"$ref"} or not isinstance(raw["$ref"], str):
            return make()
        key = (what, at.base, raw["$ref"])
        if key not in self._shared:
            with self._schemas.gathering() as used:
                made = make()
            self._shared[key] = (made, used)
        made, used = self._shared[key]
        self._schemas.use(used)
        return made

    def followed(self, value: Any, at: At, what: str) -> tuple[Json | None, At]:
        """The object at the end of all references; None with a warning if it is none."""
        value, found = self._documents.followed(value, at)
        if value is not None and not isinstance(value, dict):
            self._notes.add(found, "invalid_object", f"{what} must be an object.")
            return None, found
        return value, found

    def each(self, value: Any, at: At, what: str) -> Iterator[tuple[str, Json, At]]:
        """The objects of a map, by name, each followed."""
        if value is None:
            return
        if not isinstance(value, dict):
            self._notes.add(at, "invalid_object", f"{what} must be an object.")
            return
        for name, one in value.items():
            if name.startswith("x-") and what in EXTENSIBLE:
                continue
            found, there = self.followed(one, at / name, f"{what}/{name}")
            if found is not None:
                yield name, found, there

    def parameter(self, value: Json, at: At) -> Json | None:
        """A parameter, or None with a warning where it has no name or place."""
        name, place = value.get("name"), value.get("in")
        if not isinstance(name, str) or not name or place not in PLACES:
            self._notes.add(at, "invalid_parameter", f"A parameter has a name, and is in one of {', '.join(PLACES)}.")
            return None
        made = {"name": name, "in": place, "required": False, **self._value(value, at)}
        if place == "path" and not made["required"]:
            self._notes.add(at, "optional_path_parameter", "A parameter in the path is always required.")
            made["required"] = True
        return made

    def _value(self, value: Json, at: At) -> Json:
        """What parameters and headers have in common."""
        made = said(value, _SAID, _FLAGS)
        if "schema" in value:
            made["schema"] = self._schemas.checked(value["schema"], at / "schema")
        if isinstance(value.get("content"), dict):
            made["content"] = self.content(value["content"], at / "content")
            if len(made["content"]) != 1:
                self._notes.add(at / "content", "several_contents", "Exactly one media type is expected here.")
        return {**made, **self._shown(value, at)}

    def body(self, value: Any, at: At) -> Json | None:
        """A request body; None if there is none."""
        if value is None:
            return None
        found, there = self.followed(value, at, "A request body")
        if found is None:
            return None
        made = {"required": False, **said(found, ("description",), ("required",))}
        return {**made, "content": self.content(found.get("content"), there / "content")}

    def response(self, value: Json, at: At) -> Json:
        """A response."""
        made = said(value, ("description", "summary"), ())
        headers = {
            name: self._value(one, there)
            for name, one, there in self.each(value.get("headers"), at / "headers", "headers")
        }
        if headers:
            made["headers"] = headers
        if value.get("content") is not None:
            made["content"] = self.content(value["content"], at / "content")
        links = dict(self._links(value.get("links"), at / "links"))
        return {**made, "links": links} if links else made

    def _links(self, value: Any, at: At) -> Iterator[tuple[str, Json]]:
        for name, one, there in self.each(value, at, "links"):
            if isinstance(one.get("operationId"), str):
                self._seen.link(one["operationId"], there / "operationId")
            yield name, {key: one[key] for key in _LINK if key in one and length_of(one[key]) <= LONGEST_EXAMPLE}

    def content(self, value: Any, at: At) -> Json:
        """Media types, each with its schema, examples and encoding."""
        return {name: self._media(one, there) for name, one, there in self.each(value, at, "content")}

    def _media(self, value: Json, at: At) -> Json:
        made: Json = {}
        for name in ("schema", "itemSchema"):
            if name in value:
                made[name] = self._schemas.checked(value[name], at / name)
        encoding = {
            name: self._encoding(one, there)
            for name, one, there in self.each(value.get("encoding"), at / "encoding", "encoding")
        }
        if encoding:
            made["encoding"] = encoding
        return {**made, **self._shown(value, at)}

    def _encoding(self, value: Json, at: At) -> Json:
        made = said(value, ("contentType", "style"), ("explode", "allowReserved"))
        headers = self.each(value.get("headers"), at / "headers", "headers")
        found = {name: self._value(one, there) for name, one, there in headers}
        return {**made, "headers": found} if found else made

    def _shown(self, value: Json, at: At) -> Json:
        """Its examples, as far as they are not too long."""
        made: Json = {}
        if "example" in value and self._fits(value["example"], at / "example"):
            made["example"] = value["example"]
        examples = {}
        for name, one, there in self.each(value.get("examples"), at / "examples", "examples"):
            if self._fits(one, there):
                examples[name] = {key: inner for key, inner in one.items() if not key.startswith("x-")}
        return {**made, "examples": examples} if examples else made

    def _fits(self, example: Any, at: At) -> bool:
        length = length_of(example)
        if length > LONGEST_EXAMPLE or self._examples + length > MOST_OF_EXAMPLES:
            self._notes.add(at, "example_too_long", "The examples are too long; this one is left out.")
            return False
        self._examples += length
        return True

    def security_scheme(self, value: Json, scopes: set[str]) -> Json:
        """A security scheme, with the scopes that are asked for."""
        made = {key: value[key] for key in _SCHEME if key in value}
        flows = value.get("flows")
        if isinstance(flows, dict):
            made["flows"] = {name: self._flow(one, scopes) for name, one in flows.items() if isinstance(one, dict)}
        return made

    def _flow(self, value: Json, scopes: set[str]) -> Json:
        made = {key: value[key] for key in _FLOW if key in value}
        known = value.get("scopes")
        found = known.items() if isinstance(known, dict) else ()
        return {**made, "scopes": {name: one for name, one in found if name in scopes}}


def said(value: Json, texts: tuple[str, ...], flags: tuple[str, ...]) -> Json:
    """Those texts and flags that are there, and the extensions that are kept."""
    made: Json = {name: value[name] for name in texts if isinstance(value.get(name), str)}
    made |= {name: value[name] for name in flags if isinstance(value.get(name), bool)}
    return made | {name: value[name] for name in KEPT_EXTENSIONS & value.keys()}
