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
# How often something is repeated in a template that may be repeated more often, and the fewest random characters.
USUAL, FEWEST = 10, 4
_ALPHABETS = {"letters": string.ascii_lowercase, "capitals": string.ascii_uppercase, "digits": string.digits}
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


def template(pattern: str, random: Random, name: str = "") -> tuple[str, str] | None:
    """A template whose texts the pattern matches, other ones in each execution, and one of them; with a name the same
    one wherever the execution has it. None where that is not certain, or there are too few."""
    try:
        parts = _drawn(parser.parse(pattern), random)
    except (re.error, RecursionError, OverflowError, TooHard):
        return None
    if sum(count for _, count in parts if count) < FEWEST:
        return None
    written, sample, index = "", "", 0
    for what, count in parts:
        index += 1 if count else 0
        written += f"{{{{${what}_{count}{f':{name}_{index}' if name else ''}}}}}" if count else what
        sample += "".join(random.choices(_ALPHABETS[what], k=count)) if count else what
    return (written, sample) if re.search(pattern, sample) else None


def _drawn(parsed: Any, random: Random) -> list[tuple[str, int]]:
    """Texts (with 0), and names of alphabets with how many characters of them."""
    made: list[tuple[str, int]] = []
    for code, argument in parsed:
        if code is codes.LITERAL and chr(argument) not in "{}\\":
            made.append((chr(argument), 0))
        elif code is codes.IN:
            made.append((_alphabet(argument), 1))
        elif code is codes.SUBPATTERN:
            made += _drawn(argument[-1], random)
        elif code is codes.BRANCH:
            made += _drawn(random.choice(argument[1]), random)
        elif code in (codes.MAX_REPEAT, codes.MIN_REPEAT):
            made += _drawn_often(argument, random)
        elif code is not codes.AT:
            raise TooHard
    return made


def _drawn_often(argument: Any, random: Random) -> list[tuple[str, int]]:
    least, most, inner = argument
    often = min(most, max(least, USUAL)) if most is not codes.MAXREPEAT else max(least, USUAL)
    if len(inner) == 1 and inner[0][0] is codes.IN and 1 <= often < 100:
        return [(_alphabet(inner[0][1]), int(often))]
    return [one for _ in range(int(least)) for one in _drawn(inner, random)]


def _alphabet(argument: Any) -> str:
    """The largest alphabet that a class has all of."""
    known = set(_class(argument))
    for name, characters in _ALPHABETS.items():
        if known >= set(characters):
            return name
    raise TooHard
