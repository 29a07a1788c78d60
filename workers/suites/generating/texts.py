"""Texts that match a pattern, drawn from a seeded generator: the usual patterns, without look-around.

The same generator and pattern always make the same text. What is too hard is for Hypothesis (values.py).
"""

import re
import string
import warnings
from random import Random
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    # The parser of `re`: there is no public one, and every maintained version of Python has it here.
    from re import _constants as codes
    from re import _parser as parser

LONGEST = 2000
# An unlimited repetition is repeated so many times more than it must be.
MORE = 6
_PRINTABLE = [chr(one) for one in range(32, 127) if chr(one) not in "{}\\"]
_CATEGORIES = {
    codes.CATEGORY_DIGIT: list(string.digits),
    codes.CATEGORY_WORD: list(string.ascii_letters + string.digits + "_"),
    codes.CATEGORY_SPACE: [" "],
    codes.CATEGORY_NOT_DIGIT: list(string.ascii_letters),
    codes.CATEGORY_NOT_WORD: list("-.,"),
    codes.CATEGORY_NOT_SPACE: list(string.ascii_letters + string.digits),
}


class TooHard(Exception):
    """The pattern has something that is not made here."""


def matching(
    pattern: str, random: Random, least: int = 0, most: int | None = None, *, prefer_long: bool = False
) -> str | None:
    """A text that the pattern matches, of at least and at most so many characters; None where none was found. A long
    one is more likely to be new."""
    try:
        parsed = parser.parse(pattern)
        against = re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return None
    if prefer_long and (most is None or most >= 8):
        longer = next(filter(None, (matching(pattern, random, max(least, 8), most) for _ in range(4))), None)
        if longer is not None:
            return longer
    for more in (MORE, 2 * MORE, 3 * MORE, 1, 0, max(0, least), max(0, least // 2)):
        try:
            text = "".join(_made(parsed, random, more))
        except (TooHard, RecursionError):
            return None
        if least <= len(text) <= (LONGEST if most is None else most) and against.search(text):
            return text
    return None


def _made(parsed: Any, random: Random, more: int) -> list[str]:
    made: list[str] = []
    for code, argument in parsed:
        made += _one(code, argument, random, more)
        if len(made) > LONGEST:
            raise TooHard
    return made


def _one(code: Any, argument: Any, random: Random, more: int) -> list[str]:
    if code is codes.LITERAL:
        return [chr(argument)]
    if code is codes.NOT_LITERAL:
        return [random.choice([one for one in _PRINTABLE if one != chr(argument)])]
    if code is codes.ANY:
        return [random.choice(string.ascii_lowercase)]
    if code is codes.IN:
        return [random.choice(_class(argument))]
    if code is codes.AT:
        return []
    if code is codes.SUBPATTERN:
        return _made(argument[-1], random, more)
    if code is codes.BRANCH:
        return _made(random.choice(argument[1]), random, more)
    if code in (codes.MAX_REPEAT, codes.MIN_REPEAT):
        return _repeated(argument, random, more)
    raise TooHard


def _repeated(argument: Any, random: Random, more: int) -> list[str]:
    least, most, inner = argument
    most = min(most, least + more) if most is codes.MAXREPEAT or most > least + more else most
    made: list[str] = []
    for _ in range(random.randint(least, max(least, int(most)))):
        made += _made(inner, random, more)
        if len(made) > LONGEST:
            raise TooHard
    return made


def _class(argument: Any) -> list[str]:
    """The characters of a class; of a negated one those that can be printed."""
    negated = bool(argument) and argument[0][0] is codes.NEGATE
    found: list[str] = []
    for code, one in argument[1:] if negated else argument:
        if code is codes.LITERAL:
            found.append(chr(one))
        elif code is codes.RANGE:
            found += [chr(each) for each in range(one[0], min(one[1], one[0] + 500) + 1)]
        elif code is codes.CATEGORY and one in _CATEGORIES:
            found += _CATEGORIES[one]
        else:
            raise TooHard
    found = [one for one in _PRINTABLE if one not in found] if negated else found
    if not found:
        raise TooHard
    return found
