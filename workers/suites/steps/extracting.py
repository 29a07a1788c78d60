"""Values that a step takes out of its answer, for later steps."""

from typing import Any

from infra.cookies import Cookies
from infra.errors import BadInput, SwitchyardError
from workers.suites.base import Answered, World
from workers.suites.steps import patterns
from workers.suites.steps.paths import MISSING, read_in_time
from workers.suites.steps.performed import body_of, cookies_of, keep_secret
from workers.suites.steps.redaction import SHOWN
from workers.suites.steps.templates import Scope, as_text

Json = dict[str, Any]

# What a result keeps of one value, as JSON or text, in characters.
KEPT = 8192


async def extract(wanted: list[Json], answered: Answered, scope: Scope, world: World) -> tuple[Json, str | None]:
    """Puts the values into the scope. Returns them as results show them, and a sentence on the first that is not there
    and has no default."""
    shown: Json = {}
    missing = None
    for one in wanted:
        try:
            value = await _value(one, answered, cookies_of(scope))
            if one.get("secret") and value is not MISSING:
                _keep_secret(value, answered, scope, world)
            problem = f"The variable {one['name']} was not found at {_where(one)} in the answer."
        except SwitchyardError as error:
            value, problem = MISSING, f"The variable {one['name']} cannot be extracted: {error.detail}"
        if value is MISSING:
            if "default" not in one:
                missing = missing or problem
                continue
            value = one["default"]
            if one.get("secret"):
                keep_secret(value, scope, world)
        scope.extracted[one["name"]] = value
        shown[one["name"]] = SHOWN if one.get("secret") else _short(value)
    return shown, missing


def _keep_secret(value: Any, answered: Answered, scope: Scope, world: World) -> None:
    try:
        keep_secret(value, scope, world)
    except BadInput:
        answered.hidden = True
        raise


async def _value(one: Json, answered: Answered, cookies: Cookies) -> Any:
    source, expression = one["from"], one.get("expression") or ""
    match source:
        case "status":
            return MISSING if answered.status is None else answered.status
        case "header":
            return _or_missing(answered.header(expression))
        case "cookie":
            return _or_missing(_cookie(answered, expression) or cookies.get(expression))
        case "regex":
            found = await patterns.search_in_time(expression, answered.text)
            return MISSING if found is None else _or_missing(found[1] if found.re.groups else found[0])
        case "body":
            return body_of(answered)
    return await read_in_time(_json(answered), expression, size=len(answered.body))


def _json(answered: Answered) -> Any:
    try:
        return answered.json
    except ValueError:
        cut = ", as only its beginning was read" if answered.cut else ""
        raise BadInput(f"the body is not JSON{cut}.") from None


def _cookie(answered: Answered, name: str) -> str | None:
    """Of the answer itself."""
    for header, value in answered.headers:
        first, _, _ = value.partition(";")
        key, _, content = first.partition("=")
        if header.lower() == "set-cookie" and key.strip() == name:
            return content.strip()
    return None


def _or_missing(value: str | None) -> Any:
    return MISSING if value is None else value


def _where(one: Json) -> str:
    expression = one.get("expression")
    return f"{one['from']} {expression}" if expression else f"the {one['from']}"


def _short(value: Any) -> Any:
    from_text = isinstance(value, str)
    if not from_text and not isinstance(value, dict | list):
        return value
    text = value if from_text else as_text(value)
    return value if len(text) <= KEPT else f"{text[:KEPT]}… ({len(text)} characters)"
