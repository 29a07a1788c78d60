"""The sandbox as a judge of texts: not by what they mean, but by their words, so that tests run offline and say the
same each time. It says so in every reason.

It reads what workers/suites/assertions/judging.py asks: texts between tags that end in a hash.
"""

import re
from typing import Any

Json = dict[str, Any]

NOTE = "[sandbox] No AI judged this: words were compared."
_OPEN = re.compile(r"<(rubric|expected|actual|criteria)-([0-9a-f]{16})>\n")
_WORD = re.compile(r"\w+(?:['’]\w+)?")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_QUOTED = re.compile(r"\"([^\"\n]{1,200})\"|“([^”\n]{1,200})”|`([^`\n]{1,200})`")
_NOT = frozenset(
    ("no", "not", "never", "none", "nothing", "nobody", "neither", "nor", "cannot", "without", "don't", "doesn't",
     "didn't", "isn't", "aren't", "wasn't", "weren't", "can't", "won't", "couldn't", "wouldn't", "shouldn't", "hasn't",
     "haven't", "hadn't", "mustn't")
)  # fmt: skip
_COMMON = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be been by can could did do does for from had has have he her his i if in is it its me my "
        "of on or our she should so such than that the their them then there these they this those to was we were "
        "which who will with would you your",
    )
)


def verdict(messages: list[Json]) -> Json | None:
    """`{reason, score, verdict}` for what a judge is asked; None where nobody asks one."""
    content = messages[-1].get("content")
    texts = _texts(content) if isinstance(content, str) else {}
    if "actual" not in texts or not {"expected", "criteria"} & texts.keys():
        return None
    if "expected" in texts:
        score, why = _alike(texts["expected"], texts["actual"])
    else:
        score, why = _meets(texts["criteria"], texts["actual"])
    return {"reason": f"{NOTE} {why}", "score": score, "verdict": "pass" if score >= _threshold(messages) else "fail"}


def _threshold(messages: list[Json]) -> float:
    """The score that is asked for, from the judge's instructions."""
    found = re.search(r"score is at least (\d+(?:\.\d+)?(?:e-?\d+)?)", str(messages[0].get("content")))
    return float(found[1]) if found else 0.7


def _texts(said: str) -> dict[str, str]:
    """What stands between tags, by the tag's name; all have the hash of the first."""
    found: dict[str, str] = {}
    first = _OPEN.match(said)
    opened = first
    while first and opened and opened[2] == first[2]:
        end = said.find(f"\n</{opened[1]}-{first[2]}>", opened.end() - 1)
        if end < 0:
            return {}
        found[opened[1]] = said[opened.end() : end]
        opened = _OPEN.search(said, end)
    return found


def _alike(expected: str, actual: str) -> tuple[float, str]:
    """How many of the words of both they have in common, unless a number or a `not` is in one alone."""
    one, other = _content(expected), _content(actual)
    if not one or not other:
        same = expected.strip().casefold() == actual.strip().casefold()
        return (1.0, "They are the same.") if same else (0.0, "There is nothing to compare.")
    shared = one & other
    score = round(2 * len(shared) / (len(one) + len(other)), 2)
    if len(shared) == len(one):
        score = max(score, 0.8)
    why = f"They share {len(shared)} of {len(one | other)} words."
    if set(_NUMBER.findall(expected)) - set(_NUMBER.findall(actual)):
        return min(score, 0.2), f"{why} A number is missing."
    if _denials(expected) != _denials(actual):
        return min(score, 0.2), f"{why} One of them denies something."
    return score, why


def _meets(criteria: str, actual: str) -> tuple[float, str]:
    """Whether all that the criteria quote is there; where they quote nothing, whether the text speaks of the same."""
    quoted = [next(filter(None, one)) for one in _QUOTED.findall(criteria)]
    if quoted:
        missing = [one for one in quoted if one.casefold() not in actual.casefold()]
        score = round(1 - len(missing) / len(quoted), 2)
        return score, f"It lacks {missing[0]!r}." if missing else "It has all that the criteria quote."
    shared = _content(criteria) & _content(actual)
    if shared:
        return 0.8, f"It shares {len(shared)} words with the criteria, such as {min(shared)!r}."
    return 0.0, "It shares no word with the criteria."


def _content(text: str) -> set[str]:
    words = {word.lower().replace("’", "'") for word in _WORD.findall(text)}
    return {_stem(word) for word in words - _COMMON - _NOT}


def _stem(word: str) -> str:
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word.removesuffix(ending)
    return word


def _denials(text: str) -> int:
    """Whether something is denied: two denials are none."""
    return sum(word.lower().replace("’", "'") in _NOT for word in _WORD.findall(text)) % 2
