"""The result of a step without secrets. What is looked through is what people and other systems said; the frame around
it is ours and stays as it is, whatever a secret may be: one that reads `failed` or `status` changes no verdict."""

from typing import Any

from workers.suites.base import Redaction

Json = dict[str, Any]

# Of a request and its answer, and of an assertion: what only we write, or what the case says in so many words.
_OF_MESSAGES = frozenset(
    ("method", "status", "encoding", "bytes", "cut", "file_id", "milliseconds", "first_byte_milliseconds",
     "finish_reason", "provider", "usage", "cached")
)  # fmt: skip
_OF_ASSERTIONS = frozenset(("type", "op", "severity", "by", "verdict"))
# Any JSON of theirs: names of members and numbers may be secret, too.
_THEIRS = frozenset(("expected", "actual"))


def without_secrets(made: Json, redaction: Redaction) -> Json:
    """The result; itself where there is no secret in it."""
    has_none = redaction.json(made) is made
    if has_none:
        return made
    return {
        **made,
        "name": _texts(made["name"], redaction),
        "reason": _texts(made["reason"], redaction),
        "error": _error(made["error"], redaction),
        "request": _message(made["request"], redaction),
        "response": _message(made["response"], redaction),
        "assertions": [_assertion(one, redaction) for one in made["assertions"]],
        "extracted": {name: redaction.json(value) for name, value in made["extracted"].items()},
    }


def _error(error: Json | None, redaction: Redaction) -> Json | None:
    return {**error, "message": _texts(error["message"], redaction)} if error else None


def _message(message: Json | None, redaction: Redaction) -> Json | None:
    if message is None:
        return None
    return {name: one if name in _OF_MESSAGES else _texts(one, redaction) for name, one in message.items()}


def _assertion(assertion: Json, redaction: Redaction) -> Json:
    clean: Json = {}
    for name, one in assertion.items():
        if name in _THEIRS:
            clean[name] = redaction.json(one)
        else:
            clean[name] = one if name in _OF_ASSERTIONS else _texts(one, redaction)
    return clean


def _texts(value: Any, redaction: Redaction) -> Any:
    """The value with all its texts looked through, and nothing else."""
    if isinstance(value, str):
        return redaction.text(value)
    if isinstance(value, dict):
        return {name: _texts(one, redaction) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_texts(one, redaction) for one in value]
    return value
