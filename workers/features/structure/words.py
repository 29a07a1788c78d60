"""What a user wanted and was told, in plain words: without code, ids, numbers and addresses."""

import re
from functools import lru_cache

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from workers.features.structure import templates

LONGEST, LONGEST_READ = 400, 4_000
FEWEST_WORDS = 2
LONGEST_REPLY = 120
# What is said with so few words of its own follows on what was said before.
FOLLOWS = 2
# How lines of common languages begin; one sign of theirs in so many letters is code, too.
CODE_SIGNS = 14
_STATEMENT = re.compile(
    r"(?:import|from|def|class|func|function|fn|const|let|var|return|raise|throw|try|catch|except|public|private|package"
    r"|#include|using|elif|else|end|@\w)\b(?:.*[=(){}:;]|\s\S+$|\W*$)|(?:if|for|while|switch)\b.*[:{(]|\w+\.\w+\s*[=(]"
    r"|[-+@]{1,3}\s"
)
_FENCED = re.compile(r"```.*?(?:```|$)|<code>.*?</code>", re.DOTALL)
_PLACES = re.compile(r"[#(]?<(?:url|email|id|date|quoted|variable|number)>[,.?!:;)]*")
_WORD = re.compile(r"[^\W_]+")
# Words of requests that say nothing of what is wanted.
_FILLERS = (
    "want need like would could please hello thanks thank just tell help let got does did don doesn didn isn wont dont "
    "know make use using used given following yes okay cant"
)
FILLERS = ENGLISH_STOP_WORDS | frozenset(_FILLERS.split())


def plain(text: str) -> str:
    """A user's words: what they want stays, who they are goes; 400 characters at most."""
    masked = templates.mask(_spoken(text[:LONGEST_READ]))
    without = " ".join(_PLACES.sub(" ", masked).split())
    return (without if len(without.split()) >= FEWEST_WORDS else masked)[:LONGEST]


def goal(said: str, before: str) -> str:
    """What the user said last; where that only follows on what they said before, both."""
    last = plain(said)
    return f"{last}. {plain(before)}"[:LONGEST] if before and len(content(last)) <= FOLLOWS else last


def reply(told: str, goal: str) -> str:
    """What the user was told in the end, as far as it adds to what they said: its beginning without their own words,
    which are what it is about, and not what became of it."""
    own = content(goal)
    text = plain(told[: 4 * LONGEST_REPLY])
    return _WORD.sub(lambda word: "it" if _stem(word[0]) in own else word[0], text)[:LONGEST_REPLY]


@lru_cache(5_000)
def content(text: str) -> frozenset[str]:
    """The words that carry what is said."""
    return frozenset(_stem(one) for one in _WORD.findall(text) if len(one) > 2 and one.lower() not in FILLERS)


def _stem(word: str) -> str:
    plain = word.lower()
    return plain[:-1] if len(plain) > 3 and plain.endswith("s") else plain


def _spoken(text: str) -> str:
    """The lines that are language, unless none is."""
    lines = _FENCED.sub("\n", text).split("\n")
    kept = [one for one in lines if len(lines) == 1 or not _is_code(one)]
    return "\n".join(kept) if any(len(one.split()) > 1 for one in kept) else text


def _is_code(line: str) -> bool:
    bare = line.strip()
    if not bare or _STATEMENT.match(bare):
        return True
    return sum(bare.count(sign) for sign in "{}()[]=<>;|\\_$&*+") * CODE_SIGNS >= len(bare)
