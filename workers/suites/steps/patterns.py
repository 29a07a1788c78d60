"""Regular expressions that users write, with a limit of time: one that explodes is an error, and holds nobody up.

The engine is `regex`: it knows what `re` does and more, looks at the clock while it searches, and leaves the other
threads alone meanwhile. Where it does not look, while it reads a pattern, the pattern's size is limited instead.
"""

import asyncio
import re
from functools import lru_cache
from typing import Any

import regex

from infra.errors import BadInput, PatternTooSlow

LONGEST = 2000
# Nested counts are written out: ((a{50}){50}){50} has 125,000 parts. Tables for a plain text grow with its cube.
MOST_PARTS = 50_000
LONGEST_PLAIN = 400
SECONDS = 1.0
# What may be searched on the event loop, and for how long, before a thread takes it over.
SHORT = 16 * 1024
AT_ONCE_SECONDS = 0.005

# As `re.Match`; the library has no types.
Match = Any

_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{([0-9]+)(?:,[0-9]*)?\}|.", re.DOTALL)
_RECURSION = re.compile(r"\(\?(?:R|[+-]?[0-9]+|&\w+|P>\w+)\)")
_PLAIN = re.compile(rf"[^\\\[\](){{}}.*+?|^$]{{{LONGEST_PLAIN + 1}}}")


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Any:
    """The expression, ready to search; raises BadInput with a sentence."""
    if len(pattern) > LONGEST:
        raise BadInput(f"A regular expression has at most {LONGEST} characters.")
    if _PLAIN.search(pattern):
        raise BadInput(f"A regular expression has at most {LONGEST_PLAIN} plain characters in a row; use `contains`.")
    if _parts(pattern) > MOST_PARTS:
        raise BadInput(f"The regular expression {_shown(pattern)} repeats too much; write smaller counts.")
    if _recurs(pattern):
        raise BadInput(f"The regular expression {_shown(pattern)} refers to itself, which is not supported.")
    try:
        return regex.compile(pattern)
    except (regex.error, RecursionError, OverflowError, ValueError) as error:
        raise BadInput(f"The regular expression {_shown(pattern)} is not valid: {error}.") from None


def search(pattern: str, text: str, seconds: float = SECONDS) -> Match:
    """The first place in the text that matches, or None. Raises BadInput, or PatternTooSlow after `seconds`; keep it
    away from an event loop, which `search_in_time` is for."""
    try:
        return compiled(pattern).search(text, timeout=seconds, concurrent=True)
    except (TimeoutError, MemoryError):  # of what it may go back to it keeps no more than it may
        raise PatternTooSlow(
            f"The regular expression {_shown(pattern)} did not come to an end within {seconds:g} s on a text of "
            f"{len(text)} characters; write it without nested repetitions such as (a+)+."
        ) from None


async def search_in_time(pattern: str, text: str, seconds: float = SECONDS) -> Match:
    """The same, for an event loop: what takes longer than a moment is done by a thread."""
    if len(text) <= SHORT:
        try:
            return compiled(pattern).search(text, timeout=AT_ONCE_SECONDS)
        except (TimeoutError, MemoryError):
            pass
    return await asyncio.to_thread(search, pattern, text, seconds)


def _recurs(pattern: str) -> bool:
    """Whether it has a reference to a part of itself, which takes memory without end."""
    return any(
        token[0] == "(" and _RECURSION.match(pattern, token.start()) is not None for token in _TOKEN.finditer(pattern)
    )


def _parts(pattern: str) -> int:
    """How many parts it has once counts are written out, about."""
    sizes, last = [0], 0
    for token in _TOKEN.finditer(pattern):
        if token[0] == "(":
            sizes.append(0)
        elif token[0] == ")" and len(sizes) > 1:
            last = sizes.pop() + 1
            sizes[-1] += last
        elif token[1]:
            grown = last * max(1, int(token[1][:9]))
            sizes[-1] += grown - last
            last = grown
        else:
            last = 1
            sizes[-1] += 1
    return max(sizes)


def _shown(pattern: str) -> str:
    return repr(pattern if len(pattern) <= 100 else f"{pattern[:100]}…")
