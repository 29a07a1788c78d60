"""A vendor's refusal as one of our errors: the same words for the same trouble, whoever said it."""

import re
from collections.abc import Mapping
from typing import Any

from infra.errors import (
    ContentFiltered,
    ContextLengthExceeded,
    ModelNotFound,
    ProviderAuth,
    ProviderBadRequest,
    ProviderError,
    ProviderRateLimited,
    ProviderTimeout,
    ProviderUnavailable,
)
from workers.providers import limits

LONGEST_DETAIL = 2000

# Vendors say these in words as often as in codes; each pattern was seen in a vendor's documentation or server.
_TOO_LONG = re.compile(
    r"context.?(length|window|size)|maximum context|prompt is too long|too many (input )?tokens"
    r"|token count.{0,40}exceed|exceeds? the (maximum|max|limit).{0,40}token|input (is )?too long|reduce the length",
    re.IGNORECASE,
)
_FILTERED = re.compile(
    r"content.?(filter|policy|management)|safety (system|settings)|moderation|flagged|responsible ?ai", re.IGNORECASE
)
_NO_MODEL = re.compile(
    r"model.?not.?found|model.{0,120}(not found|does not exist|not supported|not a valid)|not a valid model"
    r"|unknown model|invalid model|^model: ",
    re.IGNORECASE,
)
_NO_MONEY = re.compile(r"insufficient_quota|billing|credit balance|insufficient credits", re.IGNORECASE)


def refused(
    *, provider: str, model: str, status: int | None, headers: Mapping[str, str], body: Any, secret: str | None = None
) -> ProviderError:
    """The error for a vendor's answer with a 4xx or 5xx, or for an error inside a stream (`status` may be None)."""
    message, codes = _words(body)
    kind = _kind(status, message, codes)
    detail = _scrubbed(message, secret) or f"{provider} answered with status {status}"
    context: dict[str, Any] = {"provider": provider, "model": model, "provider_status": status}
    request_id = headers.get("x-request-id") or headers.get("request-id")
    if request_id:
        context["provider_request_id"] = request_id
    return kind(detail, retry_after=limits.retry_after(headers) if kind.retryable else None, **context)


def unreachable(*, provider: str, model: str, reason: str, secret: str | None = None) -> ProviderUnavailable:
    """The error for a connection that failed or broke; `reason` is the network's own message."""
    return ProviderUnavailable(
        f"{provider} cannot be reached or broke off: {_scrubbed(reason, secret) or 'connection error'}",
        provider=provider,
        model=model,
        provider_status=None,
    )


def too_slow(*, provider: str, model: str, seconds: float) -> ProviderTimeout:
    """The error for a vendor that kept silent for longer than PROVIDER_TIMEOUT_SECONDS."""
    return ProviderTimeout(
        f"{provider} did not answer within {seconds:g} s", provider=provider, model=model, provider_status=None
    )


def _words(body: Any) -> tuple[str, str]:
    """The vendor's message and its codes, from `{"error": {...}}`, `[{"error": …}]`, `{"error": "…"}` or plain text."""
    if isinstance(body, list) and body:
        body = body[0]
    error = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(error, dict):
        return ("" if error is None else str(error)[: 2 * LONGEST_DETAIL]), ""
    codes = " ".join(str(error[name]) for name in ("code", "type", "status") if error.get(name))
    message = error.get("message") or error.get("detail") or ""
    raw = error.get("metadata")
    if isinstance(raw, dict) and raw.get("raw"):
        message = f"{message}: {raw['raw']}"
    return str(message)[: 2 * LONGEST_DETAIL], codes


def _kind(status: int | None, message: str, codes: str) -> type[ProviderError]:
    if status is None:
        status = _status_of(codes)
    if status in (400, 403, 404, 413, 422):
        return _request_kind(status, message, codes)
    if status == 429:
        return ProviderAuth if _NO_MONEY.search(codes) else ProviderRateLimited
    if status in (401, 402, 407):
        return ProviderAuth
    if status in (408, 504):
        return ProviderTimeout
    if status in (409, 425) or status >= 500:
        return ProviderUnavailable
    return ProviderBadRequest if 400 <= status < 500 else ProviderError


def _request_kind(status: int, message: str, codes: str) -> type[ProviderError]:
    """What a vendor has against the request itself; codes are asked before words."""
    for words in (codes, message):
        if _TOO_LONG.search(words):
            return ContextLengthExceeded
        if _FILTERED.search(words):
            return ContentFiltered
        if _NO_MODEL.search(words):
            return ModelNotFound
    if status == 403 or re.search(r"api.?key|billing_error|authentication", f"{codes} {message}", re.IGNORECASE):
        return ProviderAuth
    return ContextLengthExceeded if status == 413 else ProviderBadRequest


def _status_of(codes: str) -> int:
    """The HTTP status that an error inside a stream stands for."""
    number = re.search(r"\b[45]\d\d\b", codes)
    if number:
        return int(number[0])
    for word, status in (("rate_limit", 429), ("invalid_request", 400), ("authentication", 401), ("not_found", 404)):
        if word in codes:
            return status
    return 400 if _TOO_LONG.search(codes) or _FILTERED.search(codes) else 503


def _scrubbed(text: str, secret: str | None) -> str:
    """The text without our key in it, and not longer than somebody reads."""
    if secret:
        text = text.replace(secret, "***")
    return text.strip()[:LONGEST_DETAIL]
