"""A badge says how the last run ended, in a word and a colour."""

import pytest
from lxml import etree

from models import Run
from workers.suites.reports.badge import badge


@pytest.mark.parametrize(
    ("run", "word", "colour"),
    [
        (None, "no runs", "#6b7280"),
        (Run(verdict="passed", counts={"passed": 3}), "passing", "#1a7f4b"),
        (Run(verdict="failed", counts={"failed": 2, "errored": 1}), "3 failing", "#c0392b"),
        (Run(verdict="errored", counts={}), "failing", "#c0392b"),
        (Run(verdict="flaky", counts={"flaky": 1}), "1 flaky", "#9a6b00"),
    ],
)
def test_a_badge_is_a_small_picture(run: Run | None, word: str, colour: str) -> None:
    picture = etree.fromstring(badge(run))
    texts = [one.text for one in picture.iter("{*}text")]
    assert texts == ["tests", word] and picture.get("aria-label") == f"tests: {word}"
    assert [one.get("fill") for one in picture.iter("{*}rect")][-1] == colour
    assert int(picture.get("width")) < 140
