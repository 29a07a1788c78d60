"""Regular expressions of users: they match, are refused with a sentence, or are stopped in time."""

import asyncio
from time import perf_counter, thread_time

import pytest

from infra.errors import BadInput, PatternTooSlow
from workers.suites.steps import patterns

EXPLODES = "(x+x+)+y"


def test_a_pattern_finds_its_groups() -> None:
    found = patterns.search(r"id=(\d+)", "a id=42 b")
    assert (found[0], found[1]) == ("id=42", "42")
    assert patterns.search("(?i)ABC", "xabcx") and patterns.search("z", "abc") is None
    assert asyncio.run(patterns.search_in_time(r"\p{Lu}+", "abCDe"))[0] == "CD"


@pytest.mark.parametrize("text", ["x" * 3000, "x" * 100_000])
def test_a_pattern_that_explodes_is_stopped_and_the_loop_goes_on(text: str) -> None:
    async def run() -> int:
        ticks = 0
        task = asyncio.create_task(patterns.search_in_time(EXPLODES, text, 0.3))
        while not task.done():
            await asyncio.sleep(0.01)
            ticks += 1
        with pytest.raises(PatternTooSlow, match=r"did not come to an end within 0.3 s on a text of \d+ characters"):
            await task
        return ticks

    begun = thread_time()
    assert asyncio.run(run()) >= 5
    assert thread_time() - begun < 0.15


@pytest.mark.parametrize(
    ("pattern", "part"),
    [
        ("(", "is not valid: missing \\)"), ("[a", "is not valid"), ("*", "is not valid"), ("(?P<1>a)", "is not valid"),
        ("a" * 2001, "at most 2000 characters"), ("a" * 500, "use `contains`"), ("(" * 1000, "is not valid"),
        ("(?R)?", "refers to itself"), ("(a(?1)?b)", "refers to itself"), ("(?P<n>a)(?&n)*", "refers to itself"),
        ("(((a{50}){50}){50}){50}", "repeats too much"), ("(a{1000}){1000}", "repeats too much"),
    ],
)  # fmt: skip
def test_what_is_no_pattern_is_refused_at_once(pattern: str, part: str) -> None:
    begun = perf_counter()
    with pytest.raises(BadInput, match=part):
        patterns.compiled(pattern)
    assert perf_counter() - begun < 0.5


def test_counts_that_people_write_are_fine() -> None:
    uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    for pattern in (
        uuid,
        r"^(?:\d{1,3}\.){3}\d{1,3}$",
        r"\w{1,255}@\w{1,255}",
        r"(?:[a-z]{2,20} ){100}",
        r"[({]\){2}",
        r"\(?1\)[(?R)]",
    ):
        patterns.compiled(pattern)
