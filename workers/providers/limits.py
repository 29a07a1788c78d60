"""What a vendor's answer says about its rate limits, whichever of the customary headers it uses."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from infra.clock import now

LONGEST_WAIT_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Limit:
    """`remaining` of `limit` are left; all of it is there again in `reset` seconds (None: not said)."""

    limit: float
    remaining: float
    reset: float | None

    @property
    def per_second(self) -> float:
        """How fast it comes back; a minute for all of it where nothing was said.

        Vendors round both figures. While little is used that can make a rate many times too high.
        """
        a_minute = self.limit / 60
        if self.reset is None or self.reset <= 0 or not self.used:
            return a_minute
        measured = self.used / max(self.reset, 0.001)
        return measured if self.used * 2 >= self.limit else min(measured, a_minute)

    @property
    def used(self) -> float:
        """What is not left."""
        return self.limit - self.remaining


# Limit, remaining and reset: OpenAI and those who follow it, Anthropic, gateways, and the older IETF drafts.
_REQUESTS = (
    ("x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    (
        "anthropic-ratelimit-requests-limit",
        "anthropic-ratelimit-requests-remaining",
        "anthropic-ratelimit-requests-reset",
    ),
    ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"),
    ("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"),
)
_TOKENS = (
    ("x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    *(
        (
            f"anthropic-ratelimit-{tokens}-limit",
            f"anthropic-ratelimit-{tokens}-remaining",
            f"anthropic-ratelimit-{tokens}-reset",
        )
        for tokens in ("tokens", "input-tokens", "output-tokens")
    ),
)


def read(headers: Mapping[str, str]) -> tuple[Limit | None, Limit | None]:
    """The limits on requests and on tokens, None where nothing is said; of several the one that is nearest."""
    found = {name: value for name, value in headers.items() if "ratelimit" in name}
    if not found:
        return None, None
    return _nearest(found, _REQUESTS) or _ietf(found), _nearest(found, _TOKENS)


def _nearest(headers: Mapping[str, str], names: tuple[tuple[str, str, str], ...]) -> Limit | None:
    found: Limit | None = None
    for limit, remaining, reset in names:
        given = headers.get(limit)
        if given is None:
            continue
        made = _limit(given, headers.get(remaining), headers.get(reset))
        if made and (found is None or made.remaining / made.limit < found.remaining / found.limit):
            found = made
    return found


def _ietf(headers: Mapping[str, str]) -> Limit | None:
    """`RateLimit-Policy: "default";q=100;w=60` with `RateLimit: "default";r=50;t=30`; the first policy alone."""
    state = headers.get("ratelimit")
    quota = re.search(r"\bq=(\d+)", headers.get("ratelimit-policy", "")) if state else None
    left = re.search(r"\br=(\d+)", state or "")
    if quota is None or left is None:
        return None
    reset = re.search(r"\bt=(\d+)", state or "")
    return _limit(quota[1], left[1], reset[1] if reset else None)


def _limit(limit: str, remaining: str | None, reset: str | None) -> Limit | None:
    try:
        most, left = float(limit), float(remaining or "")
        again = seconds(reset) if reset else None
    except (ValueError, OverflowError, OSError, TypeError):
        return None
    return Limit(most, min(left, most), again) if 0 < most < float("inf") and left >= 0 else None


def seconds(value: str) -> float:
    """`1m30.5s`, `20ms`, seconds, an epoch in seconds or milliseconds, or a time: how long it is until then."""
    if "T" in value:
        return (datetime.fromisoformat(value) - now()).total_seconds()
    parts = re.findall(r"([\d.]+)(ms|s|m|h)", value)
    if parts:
        return sum(float(number) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[unit] for number, unit in parts)
    number = float(value)
    if number < 1e9:
        return number
    return (datetime.fromtimestamp(number / 1000 if number > 1e11 else number, UTC) - now()).total_seconds()


def _seconds_or_date(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return (parsedate_to_datetime(value) - now()).total_seconds()


# When to come back, in so many words; and when the limits are as good as new, which is a guess at it.
_ASKED = (("retry-after-ms", lambda value: float(value) / 1000), ("retry-after", _seconds_or_date))
_WAITS = (
    *_ASKED,
    ("x-ratelimit-reset", seconds),
    ("x-ratelimit-reset-requests", seconds),
    ("x-ratelimit-reset-tokens", seconds),
    ("anthropic-ratelimit-requests-reset", seconds),
)


def retry_after(headers: Mapping[str, str], *, in_words: bool = False) -> float | None:
    """Seconds until the vendor wants to hear from us again; `in_words` only if it used a header made for that."""
    for name, read_value in _ASKED if in_words else _WAITS:
        value = headers.get(name)
        if not value:
            continue
        try:
            wait = read_value(value)
        except (ValueError, OverflowError, OSError, TypeError):
            continue
        return min(max(wait, 0.0), LONGEST_WAIT_SECONDS)
    return None
