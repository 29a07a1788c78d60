"""Names of new features without a model: 2 to 5 words from what was done and what users said.

A tool that only this feature uses names it best, then a route of its own, then the words that its users say and those
of other features do not (c-TF-IDF). Of users' words only such count that several of them said, in small letters, so
that nobody's name or address becomes a feature's.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from workers.features.assigning import Assigner
from workers.features.base import Summary
from workers.features.discovering import Candidate
from workers.features.structure.templates import PLACE
from workers.features.structure.words import FILLERS

Json = dict[str, Any]
Words = Counter[str]

MOST_WORDS, FEWEST_WORDS = 5, 2
LONGEST_NAME = 60
TYPICAL = 5
LONGEST_INPUT = 200
# A word that names must have been said in so many traces, and in this share of them.
SAID_IN, SHARE = 3, 0.12
SPECIFIC = 0.6
VERBS = {"GET": "view", "POST": "create", "PUT": "update", "PATCH": "update", "DELETE": "delete"}
# What is part of many routes and says nothing.
PLAIN = re.compile(
    r"api|rest|v\d+\w*|public|internal|rpc|graphql|https?|workflow|process|handler|service", re.IGNORECASE
)
_ENTRY = re.compile(r"(?:.* )?(GET|POST|PUT|PATCH|DELETE) (/\S*)$")
_WORD = re.compile(r"[^\W\d_]{3,}")


@dataclass(slots=True)
class Named:
    """A feature's name, description, who named it (rule or model), and evidence: trace ids and typical inputs."""

    name: str
    description: str
    named_by: str
    evidence: Json


def named(found: Sequence[Candidate], assigner: Assigner) -> list[Named]:
    """Names for these candidates, apart from each other and from the features that are known."""
    known = assigner.examples()
    made = []
    for at, one in enumerate(found):
        others = [other.members for other in [*found[:at], *found[at + 1 :]]] + known
        made.append(Named(name(one.members, others), describe(one.members), "rule", evidence(one.members)))
    return made


def words_of(summaries: Sequence[Summary]) -> Words:
    """In how many of the traces each word (and pair of neighbours) was said by the user."""
    counted: Words = Counter()
    proper: Words = Counter()
    for one in summaries:
        said = _WORD.findall(one.goal)
        proper.update({word.lower() for word in said[1:] if word[0].isupper()})
        plain = [word.lower() for word in said]
        counted.update({word for word in plain if word not in FILLERS})
        counted.update({f"{a} {b}" for a, b in pairwise(plain) if a not in FILLERS and b not in FILLERS})
    # What is mostly written with a capital inside a sentence is a name.
    return Counter({w: n for w, n in counted.items() if all(proper[part] * 2 < n for part in w.split())})


def name(members: Sequence[Summary], others: Sequence[Sequence[Summary]]) -> str:
    """A name for the feature of these traces, apart from the others that are known."""
    return _capital(_of_tools(members, others) or _of_route(members, others) or _of_words(members, others))


def describe(members: Sequence[Summary]) -> str:
    """What the traces have in common, in one or two sentences without any user's words."""
    entry = Counter(one.details["entry"] for one in members).most_common(1)[0][0]
    tools = Counter(tool for one in members for tool in one.details["tools"])
    usual = [tool.partition(" ")[2] for tool, n in tools.most_common(5) if n * 2 >= len(members)]
    used = f" It usually uses {', '.join(usual)}." if usual else ""
    return f"Traces that begin with {entry}.{used}"


def evidence(members: Sequence[Summary]) -> Json:
    """Some of its traces and typical inputs: those nearest to the middle of them all, each said differently."""
    ranked = sorted(members, key=lambda one: -_typical(one, members))
    inputs = [*dict.fromkeys(one.goal[:LONGEST_INPUT] for one in ranked if one.goal)][:TYPICAL]
    return {"trace_ids": [f"trace_{one.trace_id.hex}" for one in ranked[:TYPICAL]], "inputs": inputs}


def _typical(one: Summary, members: Sequence[Summary]) -> float:
    if one.vector is None:
        return 0.0
    near = [other.vector for other in members[:100] if other.vector is not None]
    return float(sum(one.vector @ other for other in near)) / max(1, len(near))


def _of_tools(members: Sequence[Summary], others: Sequence[Sequence[Summary]]) -> str | None:
    """The tool that most of these traces use and hardly another feature's."""
    own, theirs = _share_of_tools(members), [_share_of_tools(other) for other in others if other]
    apart = {tool: share - max((one.get(tool, 0.0) for one in theirs), default=0.0) for tool, share in own.items()}
    best = max(apart, key=lambda tool: (apart[tool], tool), default="")
    if not best.startswith("tool ") or apart[best] < SPECIFIC:
        return None
    said = _split(best.removeprefix("tool "))[:MOST_WORDS]
    return " ".join(said) if len(said) >= FEWEST_WORDS else None


def _share_of_tools(members: Sequence[Summary]) -> dict[str, float]:
    counted = Counter(tool for one in members for tool in one.details["tools"])
    return {tool: n / len(members) for tool, n in counted.items()}


def _of_route(members: Sequence[Summary], others: Sequence[Sequence[Summary]]) -> str | None:
    """What its root operation says, if that is its own."""
    entry, count = Counter(one.details["entry"] for one in members).most_common(1)[0]
    taken = sum(1 for other in others if any(one.details["entry"] == entry for one in other[:50]))
    if count < SPECIFIC * len(members) or taken:
        return None
    said = _ENTRY.match(entry)
    if said is None:
        words = _split(entry)[-MOST_WORDS:]
        return " ".join(words) if len(words) >= FEWEST_WORDS else None
    method, rest = said[1], said[2]
    parts = [" ".join(_split(one)) for one in rest.split("/") if one != PLACE]
    parts = [one for one in parts if one]
    if not parts:
        return None
    if method == "POST" and len(parts) == 1:
        return " ".join([*parts[0].split()[: MOST_WORDS - 1], "requests"])
    if method == "POST" and not rest.rstrip("/").endswith(PLACE):
        # POST /orders/{}/cancel: what is done stands last.
        return " ".join(f"{parts[-1]} {parts[-2]}".split()[:MOST_WORDS])
    return " ".join([VERBS[method], *" ".join(parts[-2:]).split()][:MOST_WORDS])


def _of_words(members: Sequence[Summary], others: Sequence[Sequence[Summary]]) -> str:
    own = words_of(members)
    theirs: Words = Counter()
    for other in others:
        theirs.update(words_of(other[:200]))
    total = 1 + sum(len(other[:200]) for other in others)
    least = max(SAID_IN, SHARE * len(members))
    scores = {
        word: n / len(members) * math.log(1 + total / (1 + theirs[word])) * (1.3 if " " in word else 1.0)
        for word, n in own.items()
        if n >= least
    }
    said: list[str] = []
    for word in sorted(scores, key=lambda one: (-scores[one], one)):
        fresh = [part for part in word.split() if part not in said]
        if len(said) + len(fresh) <= 3:
            said += fresh
    if len(said) >= FEWEST_WORDS:
        return " ".join(said)
    root = _split(members[0].details["entry"])[-2:]
    return " ".join([*root, *said][:MOST_WORDS]) if root or said else "unnamed feature"


def _split(text: str) -> list[str]:
    """The words in a name as programs write them: track_order, trackOrder, track-order."""
    parts = [
        one for one in re.split(r"[\s/_.:-]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", text)) if not PLAIN.fullmatch(one)
    ]
    return [one.lower() for part in parts for one in re.findall(r"[a-zA-Z]{2,}", part)]


def _capital(said: str) -> str:
    return said[:1].upper() + said[1:LONGEST_NAME]
