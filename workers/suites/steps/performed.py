"""What the parts of one step hand to each other, and what steps of one execution keep for later ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from multidict import CIMultiDict

from infra.cookies import Cookies
from infra.errors import BadInput, SwitchyardError
from workers.suites.base import Answered, Redaction, World
from workers.suites.steps.redaction import Redactor
from workers.suites.steps.templates import Scope

Json = dict[str, Any]

# What one execution may extract as secret: texts and numbers, and characters in all of one value.
MOST_SECRETS = 200
LARGEST_SECRETS = 32 * 1024
TOO_MANY = (
    f"what is secret in it are more than {MOST_SECRETS} values, or more than {LARGEST_SECRETS // 1024} KiB; take out "
    "only the secret itself."
)


@dataclass(slots=True)
class Performed:
    """One try of a step: what was sent, and either what came back or why nothing did. The bodies are whole here, and
    secrets are still in all of it."""

    request: Json | None = None
    request_body: bytes | None = None
    answered: Answered | None = None
    response: Json | None = None
    error: SwitchyardError | None = None


class Came:
    """What a step got, as templates read it: `{{step.login.body.token}}`."""

    def __init__(self, answered: Answered, verdict: str) -> None:
        self._answered, self._verdict = answered, verdict

    def read(self, name: str) -> Any:
        """One of the fields; raises KeyError."""
        answered = self._answered
        match name:
            case "status" | "milliseconds" | "url" | "text" | "result":
                return getattr(answered, name)
            case "headers":
                return _Headers(answered.headers)
            case "body":
                return body_of(answered)
            case "verdict":
                return self._verdict
        raise KeyError(name)


class _Headers(CIMultiDict[str]):
    """Headers, of which templates take the first of a name."""


def body_of(answered: Answered) -> Any:
    """The body as JSON, or as text where it is none."""
    try:
        return answered.json
    except ValueError:
        return answered.text


def cookies_of(scope: Scope) -> Cookies:
    """The cookies of this execution; no other sees them."""
    found: Cookies | None = scope.kept.get("cookies")
    if found is None:
        found = scope.kept["cookies"] = Cookies()
    return found


def redaction_of(scope: Scope, world: World) -> Redaction:
    """The run's secrets, and those that this execution extracted."""
    found: Redaction = scope.kept.get("redaction", world.redaction)
    return found


def keep_secret(value: Any, scope: Scope, world: World) -> None:
    """What was extracted is a secret from here on in this execution: it, or each text and number in it. Raises BadInput
    for what is too large to be looked for everywhere."""
    found = _plain_values(value)
    if not found:
        return
    if "redaction" not in scope.kept:
        scope.kept["redaction"] = Redactor(also=world.redaction)
    redaction: Redactor = scope.kept["redaction"]
    if redaction.count(found) > MOST_SECRETS:
        raise BadInput(TOO_MANY)
    for one in found:
        redaction.learn(one)


def _plain_values(value: Any) -> set[str]:
    """The texts and numbers in it, as text."""
    found, waiting, size = set[str](), [value], 0
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict | list):
            waiting += one.values() if isinstance(one, dict) else one
        elif one is not None and not isinstance(one, bool):
            text = str(one)
            size += len(text) if text not in found else 0
            found.add(text)
            if len(found) > MOST_SECRETS or size > LARGEST_SECRETS:
                raise BadInput(TOO_MANY)
    return found


def headers_of(pairs: Mapping[str, str]) -> list[list[str]]:
    """Headers as results show them: in order, with repeats; what is no UTF-8 is replaced."""
    return [[name, value if value.isascii() else _readable(value)] for name, value in pairs.items()]


def _readable(value: str) -> str:
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
