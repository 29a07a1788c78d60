"""What the HTML report shows of a step: what was sent, what came back, how it was judged, and the line for a shell.

Bodies are cut, and once a report has shown so many bytes of them it shows no more: a page must stay readable.
"""

import json as standard
from typing import Any

from infra import json
from workers.suites.reports import failing
from workers.suites.transfer import curl

Json = dict[str, Any]

BODY = 8 * 1024
BODIES_OF_PAGE = 6 * 1024 * 1024
VALUE = 1000
LONGEST_CURL = 4000
MOST_HEADERS = 60
MOST_CHECKS = 100
PAIR = ("expected", "actual")


class Bodies:
    """How much a page may still show of bodies."""

    def __init__(self, left: int = BODIES_OF_PAGE) -> None:
        self.left = left

    def take(self, text: str, at_most: int = BODY) -> tuple[str, str | None]:
        """As much of a text as is shown, and a sentence where that is not all."""
        if self.left <= 0:
            return "", "Not shown: this page is long enough. The JSON report has it."
        shown = text[:at_most]
        self.left -= len(shown)
        if len(shown) == len(text):
            return shown, None
        return shown, f"The first {len(shown)} of {len(text)} characters. The JSON report has more."


def step_view(step: Json, bodies: Bodies) -> Json:
    """A step as the template shows it."""
    request, response = step.get("request") or {}, step.get("response") or {}
    checks = [_check(one) for one in (step.get("assertions") or ())[:MOST_CHECKS]]
    phase = {"setup": "setup: ", "teardown": "teardown: "}.get(str(step.get("phase")), "")
    extracted = step.get("extracted")
    return {
        "verdict": step.get("verdict"),
        "bad": step.get("verdict") in failing.BAD,
        "title": phase + str(step.get("name") or step.get("id") or "step"),
        "asked": failing.asked(step),
        "took": took(step.get("milliseconds")) + _tries(step.get("tries")),
        "reason": step.get("reason"),
        "checks": checks,
        "request": _message(request, bodies),
        "response": _message(response, bodies),
        "extracted": _pretty(extracted)[:BODY] if extracted else None,
        "curl": _curl(step, request, bodies),
    }


def took(milliseconds: Any) -> str:
    """`12 ms`, `3.4 s`."""
    number = float(milliseconds or 0)
    if number >= 60_000:
        return f"{number / 60_000:.1f} min"
    return f"{number / 1000:.1f} s" if number >= 1000 else f"{number:.0f} ms"


def _tries(tries: Any) -> str:
    return f", {tries} tries" if isinstance(tries, int) and tries > 1 else ""


def _check(assertion: Json) -> Json:
    verdict, bad = str(assertion.get("verdict")), assertion.get("verdict") in failing.BAD
    warned = bad and assertion.get("severity") == "warn"
    message = str(assertion.get("message") or assertion.get("type"))
    values = [(name, failing.shortly(assertion[name], VALUE)) for name in PAIR if assertion.get(name) is not None]
    # The sentence has short ones in it.
    pairs = values if bad and not all(value in message for _, value in values) else []
    if bad and assertion.get("details"):
        pairs.append(("details", failing.shortly(assertion["details"], VALUE)))
    return {"shown": "warned" if warned else verdict, "message": message, "pairs": pairs}


def _message(message: Json, bodies: Bodies) -> Json:
    """A request or an answer; of a model's, what was asked and said is the body."""
    headers = [(str(name), failing.shortly(value, VALUE)) for name, value in message.get("headers") or ()]
    encoded = message.get("encoding") == "base64"
    body, note = bodies.take(_body(message))
    if message.get("cut"):
        whole = message.get("file_id")
        note = f"Longer than what is kept here{f'; the whole is in {whole}' if whole else ''}."
    if encoded and body:
        note = " ".join(filter(None, ("Bytes, in base64.", note)))
    size = message.get("bytes")
    return {
        "headers": headers[:MOST_HEADERS],
        "body": body,
        "note": note or (None if message else "There is none."),
        "size": f"{size:,} bytes" if isinstance(size, int) and size else "",
    }


def _body(message: Json) -> str:
    if "url" in message or "status" in message or "body" in message:
        body = message.get("body")
        if body is None:
            return ""
        return _indented(body) if isinstance(body, str) and message.get("encoding") != "base64" else _pretty(body)
    if "messages" in message:
        return "\n\n".join(_said(one) for one in message["messages"] if isinstance(one, dict))
    return _said(message["message"]) if "message" in message else (_pretty(message) if message else "")


def _said(message: Any) -> str:
    if not isinstance(message, dict):
        return _pretty(message)
    content = message.get("content")
    text = content if isinstance(content, str) else _pretty(content)
    calls = f"\n{_pretty(message['tool_calls'])}" if message.get("tool_calls") else ""
    return f"{message['role']}: {text}{calls}" if message.get("role") else text + calls


def _indented(text: str) -> str:
    """JSON with its structure; any other text as it is."""
    if len(text) > 4 * BODY or text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        return _pretty(json.loads(text))
    except ValueError:
        return text


def _pretty(value: Any) -> str:
    return value if isinstance(value, str) else standard.dumps(value, indent=2, ensure_ascii=False, default=str)


def _curl(step: Json, request: Json, bodies: Bodies) -> str | None:
    """The line for a shell, where it can be read at all."""
    if step.get("kind") != "http" or bodies.left <= 0:
        return None
    line = curl.line(request)
    if not line or len(line) > LONGEST_CURL:
        return None
    bodies.left -= len(line)
    return line
