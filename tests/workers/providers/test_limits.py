"""Rate-limit headers as vendors write them."""

from datetime import timedelta

import pytest

from infra.clock import now, rfc3339
from workers.providers import limits
from workers.providers.limits import Limit


@pytest.mark.parametrize(
    ("headers", "requests", "tokens"),
    [
        (
            {
                "x-ratelimit-limit-requests": "60",
                "x-ratelimit-remaining-requests": "59",
                "x-ratelimit-reset-requests": "1s",
                "x-ratelimit-limit-tokens": "150000",
                "x-ratelimit-remaining-tokens": "149984",
                "x-ratelimit-reset-tokens": "6m0s",
            },
            Limit(60, 59, 1),
            Limit(150000, 149984, 360),
        ),
        (
            {
                "x-ratelimit-limit-requests": "500",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "20ms",
            },
            Limit(500, 0, 0.02),
            None,
        ),
        ({"x-ratelimit-limit": "20", "x-ratelimit-remaining": "5"}, Limit(20, 5, None), None),
        (
            {"ratelimit-policy": '"default";q=100;w=60', "ratelimit": '"default";r=50;t=30'},
            Limit(100, 50, 30),
            None,
        ),
        ({"x-ratelimit-limit-requests": "many", "x-ratelimit-remaining-requests": "1"}, None, None),
        ({"x-ratelimit-limit-requests": "60"}, None, None),
        ({"x-ratelimit-limit-requests": "0", "x-ratelimit-remaining-requests": "0"}, None, None),
        ({"anthropic-ratelimit-requests-limit": "5", "anthropic-ratelimit-requests-remaining": "nan"}, None, None),
        ({"content-type": "application/json"}, None, None),
    ],
)
def test_each_vendors_headers_are_read_and_nonsense_is_nothing(headers, requests, tokens):
    assert limits.read(headers) == (requests, tokens)


def test_anthropics_nearest_limit_on_tokens_counts():
    headers, soon = {}, rfc3339(now() + timedelta(seconds=30))
    for name, limit, remaining in (("input-tokens", 1000, 900), ("output-tokens", 1000, 100), ("requests", 50, 49)):
        headers[f"anthropic-ratelimit-{name}-limit"] = str(limit)
        headers[f"anthropic-ratelimit-{name}-remaining"] = str(remaining)
        headers[f"anthropic-ratelimit-{name}-reset"] = soon
    requests, tokens = limits.read(headers)
    assert requests and tokens and tokens.reset
    assert (requests.limit, requests.remaining) == (50, 49)
    assert (tokens.limit, tokens.remaining) == (1000, 100)
    assert 20 < tokens.reset <= 30


@pytest.mark.parametrize(
    ("limit", "rate"),
    [(Limit(60, 30, 30), 1.0), (Limit(60, 60, 0), 1.0), (Limit(60, 0, None), 1.0), (Limit(200, 199, 432), 1 / 432)],
)
def test_how_fast_a_limit_comes_back(limit, rate):
    assert limit.per_second == pytest.approx(rate)
