"""Regular expressions that users write, with a limit of time: one that explodes is an error, and holds nobody up.

The engine is `regex`, which knows what `re` does and more; it looks at the clock while it searches and leaves the other
threads alone meanwhile.
"""

import asyncio
from functools import lru_cache

import regex

from infra.errors import BadInput, PatternTooSlow

LONGEST = 2000
SECONDS = 1.0
# What may be searched on the event loop, and for how long, before a thread takes it over.
SHORT = 16 * 1024
AT_ONCE_SECONDS = 0.005

Match = regex.Match[str]


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> regex.Pattern[str]:
    """The expression, ready to search; raises BadInput with a sentence."""
    if len(pattern) > LONGEST:
        raise BadInput(f"A regular expression has at most {LONGEST} characters.")
    try:
        return regex.compile(pattern)
    except (regex.error, RecursionError, OverflowError, ValueError) as error:
        raise BadInput(f"The regular expression {pattern[:100]!r} is not valid: {error}.") from None


def search(pattern: str, text: str, seconds: float = SECONDS) -> Match | None:
    """The first place in the text that matches. Raises BadInput, or PatternTooSlow after `seconds`; keep it away from
    an event loop, which `search_in_time` is for."""
    found = _search(pattern, text, seconds)
    if isinstance(found, TimeoutError):
        raise PatternTooSlow(
            f"The regular expression {pattern[:100]!r} did not come to an end within {seconds:g} s on a text of "
            f"{len(text)} characters; write it without nested repetitions such as (a+)+."
        )
    return found


async def search_in_time(pattern: str, text: str, seconds: float = SECONDS) -> Match | None:
    """The same, for an event loop: what takes longer than a moment is done by a thread."""
    if len(text) <= SHORT:
        found = _search(pattern, text, AT_ONCE_SECONDS)
        if not isinstance(found, TimeoutError):
            return found
    return await asyncio.to_thread(search, pattern, text, seconds)


def _search(pattern: str, text: str, seconds: float) -> Match | None | TimeoutError:
    try:
        # On a loop the lock is not let go for what ends in microseconds.
        return compiled(pattern).search(text, timeout=seconds, concurrent=len(text) > SHORT or seconds > AT_ONCE_SECONDS)
    except TimeoutError as error:
        return error
