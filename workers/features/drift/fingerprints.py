"""What a call of a model was made with, and its fingerprint.

The fingerprint is SHA-256 in hex over canonical JSON (UTF-8, sorted names at every depth, no spaces, as RFC 8785 has
it) of `{"system", "model", "parameters", "tools"}`: the template of the system prompt (normalising.py, templates.py),
the model's name, the parameters that shape an answer, the tools with their names, descriptions and schemas in the order
of their names. A seed, a stream flag or an id of a former response shape nothing. Numbers are rounded to six digits,
and 1.0 is 1. The JSON schema that an answer has to follow is one of the parameters.

It is of one feature and one call site. A template that is found to have another gap has another fingerprint, and stays
the prompt that it was (its id).
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from infra import json
from models import ObservationStatus
from workers.features.base import Call
from workers.features.drift.normalising import normalise

Json = dict[str, Any]

IGNORED = frozenset({
    "model", "seed", "stream", "stream_options", "user", "previous_response.id", "previous_response_id", "metadata",
    "store", "encoding_formats", "n_predict", "request_id", "timeout", "max_retries",
})  # fmt: skip
SCHEMA = "response_schema"
LONGEST_SITE = 300


@dataclass(frozen=True, slots=True)
class Made:
    """What one call was made with; `prompt` is normalised, None where the trace does not say it."""

    prompt: str | None
    provider: str | None
    model: str | None
    parameters: Json
    tools: list[Any]
    # By what the parameters and the tools are told apart.
    keys: tuple[str, str]
    failed: bool


def made_with(call: Call) -> Made:
    """What the call was made with."""
    texts = call.texts
    parameters = {name: value for name, value in texts.parameters.items() if name.lower() not in IGNORED}
    if texts.schema:
        parameters[SCHEMA] = texts.schema
    shaped, first = _parameters(json.dump_bytes(parameters))
    tools, second = _tools(json.dump_bytes(texts.tools))
    return Made(
        prompt=normalise(texts.system) if texts.system else None,
        provider=call.observation.provider,
        model=call.observation.model,
        parameters=shaped,
        tools=tools,
        keys=(first, second),
        failed=call.observation.status == ObservationStatus.ERROR,
    )


@lru_cache(500)
def _parameters(said: bytes) -> tuple[Json, str]:
    found: Json = plain(json.loads(said))
    return found, digest(found)


@lru_cache(500)
def _tools(said: bytes) -> tuple[list[Any], str]:
    """Tools as they are compared, in the order of their names."""
    tools = [
        {
            "name": str(one.get("name") or ""),
            "description": " ".join(str(one.get("description") or "").split()),
            "parameters": one.get("parameters") or {},
        }
        for one in plain(json.loads(said))
        if isinstance(one, dict)
    ]
    tools.sort(key=json.dump_canonical)
    return tools, digest(tools)


def fingerprint(system: str | None, model: str | None, parameters: Json, tools: list[Any]) -> str:
    """SHA-256 in hex."""
    whole = {"system": system, "model": model, "parameters": plain(parameters), "tools": plain(tools)}
    return hashlib.sha256(json.dump_canonical(whole)).hexdigest()


def digest(value: Any) -> str:
    """A short name of a value, the same for the same value."""
    return hashlib.sha256(json.dump_canonical(value)).hexdigest()[:16]


def plain(value: Any) -> Any:
    """The value with numbers as they are compared, and nothing that JSON does not have."""
    if isinstance(value, dict):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float):
        rounded = float(f"{value:.6g}")
        return int(rounded) if rounded.is_integer() and abs(rounded) < 2**53 else rounded
    if isinstance(value, str | int | bool) or value is None:
        return value
    return str(value)


def site_of(call: Call) -> str:
    """The call site as it is kept: a long one by its beginning and a hash."""
    site = call.site.replace("\x00", "")
    if len(site) <= LONGEST_SITE:
        return site
    return f"{site[: LONGEST_SITE - 20]}… {hashlib.sha256(site.encode()).hexdigest()[:16]}"
