"""marshmallow schemas as JSON schemas: what apispec's plugin cannot know of our fields, and the kinds of jobs."""

from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema, fields

from schemas.base import OneOf, page_of
from schemas.choice import Choice
from schemas.job import DigestOut, JobIn, JobOut
from schemas.step_auth import StepAuth
from schemas.templated import NAME_PATTERN
from workers.kinds import KINDS

Json = dict[str, Any]

METADATA_PARAMETER: Json = {
    "name": "metadata",
    "in": "query",
    "description": "`metadata.<key>=<value>` for any key: a list shows what has these pairs, a batch gets them.",
    "style": "form",
    "explode": True,
    "schema": {
        "type": "object",
        "patternProperties": {"^metadata\\.[A-Za-z0-9_-]{1,64}$": {"type": "string", "maxLength": 512}},
        "additionalProperties": False,
    },
    "example": {"metadata.customer": "acme"},
}


def _exactly(self: Any, field: fields.Field[Any], ret: Json) -> Json:
    """What the plugin gets wrong: constants, the size of objects, null beside `anyOf`."""
    more: Json = {}
    if isinstance(field, fields.Constant):
        ret.pop("default", None)
        more = {"type": "string", "const": field.constant}
    if isinstance(field, fields.Dict):
        for theirs, ours in (("maxLength", "maxProperties"), ("minLength", "minProperties")):
            if theirs in ret:
                more[ours] = ret.pop(theirs)
        if field.key_field is not None and getattr(field.key_field, "validators", None):
            lengths = self.field2length(field.key_field, ret={})
            more["propertyNames"] = {"type": "string", **lengths} if lengths else {"type": "string"}
    if isinstance(field, Choice):
        more["anyOf"] = [self.resolve_nested_schema(shape) for shape in field.shapes.values()]
        if isinstance(field, StepAuth):
            more["anyOf"] += [{"type": "string", "pattern": f"^{NAME_PATTERN}$"}, {"const": False}]
    if field.allow_none and "anyOf" in ret and {"type": "null"} not in ret["anyOf"]:
        more["anyOf"] = [*ret["anyOf"], {"type": "null"}]
    if "example" in ret:
        more["examples"] = [ret.pop("example")]
    return more


class Shapes:
    """The JSON schemas of one document."""

    def __init__(self) -> None:
        self.plugin = MarshmallowPlugin()

    @property
    def _converter(self) -> Any:
        """The plugin's converter (it has no types), there once the APISpec is."""
        return self.plugin.converter

    def be_exact(self) -> None:
        """Corrects what the plugin gets wrong; once the APISpec is there, before its first schema."""
        self._converter.add_attribute_function(_exactly)

    def ref(self, schema: type[Schema], *, page: bool = False) -> Json:
        """A reference to the schema, or to a page of such objects."""
        if schema is JobIn:
            return {"$ref": "#/components/schemas/JobIn"}
        if issubclass(schema, OneOf):
            return {"oneOf": [self.ref(one) for one in schema.one_of.values()]}
        found: Json = self._converter.resolve_nested_schema(page_of(schema) if page else schema)
        return found

    def query(self, schema: type[Schema]) -> list[Json]:
        """The schema's fields as query parameters."""
        found: list[Json] = self._converter.schema2parameters(schema, location="query")
        return [METADATA_PARAMETER if one["name"] == "metadata" else _parameter(one) for one in found]

    def add_jobs(self, spec: APISpec) -> None:
        """JobIn as one shape a kind, told apart by `kind`; JobOut with the inputs and results there are."""
        base = self._converter.schema2jsonschema(JobIn())
        mapping = {}
        for kind in KINDS:
            name = "".join(part.title() for part in kind.name.split(".")) + "JobIn"
            properties = {
                **base["properties"],
                "kind": {"type": "string", "const": kind.name},
                "input": self.ref(kind.payload),
            }
            example = {"kind": kind.name, "input": kind.example}
            shape = {**base, "title": kind.title, "properties": properties, "examples": [example]}
            spec.components.schema(name, shape)
            mapping[kind.name] = f"#/components/schemas/{name}"
        union = {
            "description": "A new job. `kind` says which input it takes.",
            "oneOf": [{"$ref": ref} for ref in mapping.values()],
            "discriminator": {"propertyName": "kind", "mapping": mapping},
        }
        spec.components.schema("JobIn", union)
        self._add_job_out(spec)

    def _add_job_out(self, spec: APISpec) -> None:
        self.ref(JobOut)
        properties = spec.components.schemas["JobOut"]["properties"]
        names = ", ".join(f"`{kind.name}`" for kind in KINDS)
        properties["kind"] |= {"description": f"Today: {names}.", "examples": [KINDS[0].name]}
        properties["input"] = {
            "description": "As it was sent; of a private job its digest, or null.",
            "anyOf": [*(self.ref(kind.payload) for kind in KINDS), self.ref(DigestOut), {"type": "null"}],
        }
        properties["result"] = {
            "description": "Null until there is one. A cancelled job may keep a part, a private one a digest.",
            "anyOf": [*(self.ref(kind.result) for kind in KINDS), self.ref(DigestOut), {"type": "null"}],
        }


def _parameter(found: Json) -> Json:
    """A description belongs to the parameter; required ones we do not have."""
    schema = dict(found["schema"])
    description = found.pop("description", None) or schema.pop("description", None)
    return {**found, **({"description": description} if description else {}), "schema": schema}
