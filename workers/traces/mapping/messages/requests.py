"""What a model was asked with beside the conversation: parameters, tools, the schema of its answer."""

from collections.abc import Iterable, Mapping
from typing import Any

from workers.traces.mapping import aliases
from workers.traces.mapping.messages.plain import Json, get, unpacked

_MOST_TOOLS = 512

_PARAMETERS = {given: name for name, spellings in aliases.PARAMETERS.items() for given in spellings}
_ATTRIBUTES = {
    prefix + given: name for prefix in reversed(aliases.PARAMETER_PREFIXES) for given, name in _PARAMETERS.items()
}
# Where requests and settings have their tools, parameters and schema, from without to within.
_CONFIGS = ("config", "generation_config", "generationConfig", "generate_config", "text", "inferenceConfig", "options")
_FORMATS = ("response_format", "responseFormat", "format", "output_config", "json_schema", "output_format",
            "output_object", "output")  # fmt: skip
_SCHEMAS = ("response_schema", "responseSchema", "response_json_schema", "responseJsonSchema", "schema", "json_schema")


def parameters(attributes: Json, objects: Iterable[Any]) -> Json:
    """Temperature and the like by their names in gen_ai.request.*: from attributes, then from settings objects."""
    found: Json = {}
    for name in _ATTRIBUTES.keys() & attributes.keys():
        _keep(found, _ATTRIBUTES[name], attributes[name])
    for value in objects:
        for config in (value, *(get(value, name) for name in _CONFIGS)):
            if isinstance(config, Mapping):
                for name in _PARAMETERS.keys() & config.keys():
                    _keep(found, _PARAMETERS[name], config[name])
    return dict(sorted(found.items()))


def _keep(found: Json, name: str, value: Any) -> None:
    value = unpacked(value)
    if value is not None and value != "" and value != [] and name not in found:
        found[name] = _number(value)


def _number(value: Any) -> Any:
    """Numbers alike, however they were written: 1.0 and "1" are 1."""
    if isinstance(value, bool) or not isinstance(value, (str, float)):
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def tools(definitions: Iterable[Any], requests: Iterable[Any]) -> list[Json]:
    """Tools as `{"name", "description", "parameters"}` from the first value that has some: definitions in any vendor's
    form, or a request that has them."""
    for value in definitions:
        found = _tools(unpacked(value), 0)
        if found:
            return found[:_MOST_TOOLS]
    for value in requests:
        found = _requested(value)
        if found:
            return found[:_MOST_TOOLS]
    return []


def _requested(value: Any) -> list[Json]:
    if isinstance(value, list):
        # LangGraph has them as messages: `{"role": "tool", "content": {"type": "function", "function": {…}}}`.
        told = [get(one, "content") for one in value[:_MOST_TOOLS] if get(one, "role") == "tool"]
        return _tools([one for one in told if get(one, "type") == "function"], 0)
    for config in (value, *(get(value, name) for name in _CONFIGS)):
        given = unpacked(get(config, "tools", "function_tools", "functions"))
        if isinstance(given, list):
            return _tools([one for one in given if not isinstance(one, str)], 0)
    return []


def _tools(value: Any, depth: int) -> list[Json]:
    if depth > 4 or value is None:
        return []
    if isinstance(value, list):
        return [one for given in value[:_MOST_TOOLS] for one in _tools(unpacked(given), depth + 1)]
    if isinstance(value, str):
        return [{"name": value, "description": None, "parameters": None}] if depth > 0 and len(value) < 200 else []
    if not isinstance(value, dict):
        return []
    for name in ("tools", "function_declarations", "functionDeclarations", "tool"):
        inner = unpacked(value.get(name))
        if inner and isinstance(inner, (list, dict)):
            return _tools(inner, depth + 1)
    one = _tool(value)
    return [] if one is None else [one]


def _tool(value: Json) -> Json | None:
    given = get(value, "json_schema", "tool.json_schema", "function", "toolSpec")
    said = unpacked(given) if isinstance(given, (dict, str)) else value
    said = get(said, "function") or said
    name = get(said, "name", "tool.name", "toolName") or get(value, "name", "tool.name")
    if not isinstance(name, str):
        return None
    schema = unpacked(get(said, "parameters", "inputSchema", "input_schema", "parameters_json_schema",
                          "parametersJsonSchema", "tool.parameters"))  # fmt: skip
    schema = get(schema, "jsonSchema", "json") or schema
    words = get(said, "description", "tool.description") or get(value, "description", "tool.description")
    return {
        "name": name,
        "description": words if isinstance(words, str) else None,
        "parameters": schema if isinstance(schema, dict) else None,
    }


def schema(outright: Any, objects: Iterable[Any]) -> Json | None:
    """The JSON schema that the model had to answer by: said outright, or in a request."""
    given = unpacked(outright)
    if isinstance(given, dict):
        return _within(given) or given
    for value in objects:
        for config in (value, *(get(value, name) for name in _CONFIGS)):
            found = _in_request(config)
            if found is not None:
                return found
    return None


def _in_request(config: Any) -> Json | None:
    for name in _SCHEMAS[:4]:
        found = unpacked(get(config, name))
        if isinstance(found, dict):
            return found
    for name in _FORMATS:
        found = unpacked(get(config, name))
        if isinstance(found, dict):
            inner = _within(found)
            if inner is not None:
                return inner
    return None


def _within(value: Json) -> Json | None:
    """`{"json_schema": {"name", "schema": {…}}}`, `{"schema": {…}}`, `{"format": {"schema": {…}}}`."""
    for name in (*_SCHEMAS, "format"):
        inner = unpacked(value.get(name))
        if isinstance(inner, dict):
            return _within(inner) or (inner if name != "format" else None)
    return None
