"""How steady a prompt is."""

from typing import Any

import pytest

from models import PromptClass
from workers.features.drift.classes import DAY, classify

NOW = 20_000 * DAY


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({"seen": 1}, PromptClass.PENDING),
        ({"seen": 19}, PromptClass.PENDING),
        ({"seen": 20}, PromptClass.STABLE_TEMPLATE),
        ({"seen": 5, "days": 6}, PromptClass.PENDING),
        ({"seen": 5, "days": 7}, PromptClass.STABLE_TEMPLATE),
        ({"seen": 1, "after": 20}, PromptClass.AD_HOC),
        ({"seen": 2, "loose": True}, PromptClass.AD_HOC),
        ({"seen": 30, "loose": True}, PromptClass.STABLE_TEMPLATE),
        ({"seen": 30, "switches": [NOW - 20 * DAY, NOW - 9 * DAY, NOW - DAY]}, PromptClass.UNSTABLE),
        ({"seen": 30, "switches": [NOW - 29 * DAY, NOW - 20 * DAY, NOW - 8 * DAY]}, PromptClass.STABLE_TEMPLATE),
        ({"seen": 30, "switches": [NOW - 31 * DAY, NOW - 9 * DAY, NOW - DAY]}, PromptClass.STABLE_TEMPLATE),
    ],
)
def test_the_thresholds(known: dict[str, Any], expected: PromptClass) -> None:
    usual = {"seen": 1, "days": 1, "last": NOW, "after": 0, "loose": False, "switches": []}
    assert classify(**{**usual, **known}) == expected
