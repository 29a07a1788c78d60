"""Answers that must be JSON: is the schema one, and does the answer match it. No reference ever leaves the schema."""

from typing import Any

import jsonschema_rs
import orjson

from infra.errors import BadInput

Json = dict[str, Any]

MOST_ERRORS = 5
_POINTER = "/input/response_format/json_schema/schema"


def _deny(uri: str) -> Any:
    raise ValueError(f"references to other documents are not allowed: {uri}")


def validator(response_format: Json | None) -> jsonschema_rs.Validator | None:
    """What an answer in this format must satisfy; None for text. BadInput if the schema itself is not one."""
    kind = (response_format or {}).get("type")
    if kind == "json_object":
        return jsonschema_rs.Draft202012Validator({"type": "object"})
    if response_format is None or kind != "json_schema":
        return None
    schema = response_format["json_schema"].get("schema", {})
    try:
        return jsonschema_rs.validator_for(schema, retriever=_deny)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as refusal:
        detail = f"is not a valid JSON schema: {_first_line(refusal)}"
        raise BadInput(f"The JSON schema {detail}.", errors=[{"pointer": _POINTER, "detail": detail}]) from None


def problems(against: jsonschema_rs.Validator, text: str | None) -> list[str]:
    """What is wrong with an answer, in words a model can act on; empty if nothing is."""
    try:
        value = orjson.loads(text or "")
    except orjson.JSONDecodeError as error:
        return [f"it is not JSON: {error}"]
    found: list[str] = []
    for problem in against.iter_errors(value):
        where = "".join(f"/{part}" for part in problem.instance_path)
        found.append(f"at {where or 'the top'}: {problem.message}")
        if len(found) == MOST_ERRORS:
            break
    return found


def repair(messages: list[Json], answer: Json, wrong: list[str]) -> list[Json]:
    """The conversation that asks the model to do better."""
    ask = "Your answer does not match the required JSON schema: " + "; ".join(wrong) + ". Answer again with JSON only."
    said = {"role": "assistant", "content": answer.get("content") or ""}
    if answer.get("thinking_blocks"):
        said["thinking_blocks"] = answer["thinking_blocks"]
    return [*messages, said, {"role": "user", "content": ask}]


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
