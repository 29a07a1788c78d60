"""When another value than before is a change, and when it is only one of several.

A call site uses a template, a model, parameters and tools; each is looked at by itself, in the order of the calls'
times. A value that came up counts as a switch when half of the calls since, at least 5 of the last 60, have it (or a
third and 8, or a fifth and 12: a fallback now and then is none), and the one before was steady (seen 20 times, or 5
times on 7 days). So a roll-out is one switch, soon after it began, and both values may alternate for as long as it
takes; so may two that were there before either was steady (an A/B test). Where the one before was not steady, and the
new one has replaced it (10 calls in a row), there is too little to compare with. The one before is that of which there
is the least since, so of four tenants' prompts the one that was edited.

The old value is back when the new one has been missing for as many calls as chance hardly explains (a thousandth). The
new one is a change again if it comes back, until it has come and gone three times.
"""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

RECENT = 60
# How many calls, and which share of those since it came up.
NEEDED = ((5, 1 / 2), (8, 1 / 3), (12, 1 / 5))
SHARE = 1 / 5
STEADY, STEADY_OVER_DAYS, DAYS = 20, 5, 7
REPLACED, REPLACED_NEEDED = 0.8, 8
YOUNG_NEEDED = 10
LAST = 10
UNLIKELY = 1e-3
LOOSE_AMONG, LOOSE, GONE = 20, 15, 15


@dataclass(frozen=True, slots=True)
class Value:
    """What is known of one: how often and on how many days it was seen, and how many calls there were before it."""

    seen: int
    days: int
    born: int

    @property
    def steady(self) -> bool:
        """Whether enough was seen of it to compare with."""
        return self.seen >= STEADY or (self.seen >= STEADY_OVER_DAYS and self.days >= DAYS)


@dataclass(frozen=True, slots=True)
class Switch:
    """From one value to another; `share` of the calls since have it, and `at` is where among the recent ones it began.
    `known` is whether the old one was steady."""

    old: str
    new: str
    at: int
    share: float
    known: bool


def switched(
    recent: Sequence[str], values: Mapping[str, Value], accepted: Collection[str], *, since: int, wholly: bool
) -> Switch | None:
    """Whether the last call's value, which came up among the last `since` calls, is a switch; `wholly`: only if it has
    replaced the old one."""
    new = recent[-1]
    at = recent.index(new, max(0, len(recent) - since))
    count = recent[at:].count(new)
    share = count / (len(recent) - at)
    if not any(count >= least and share >= part for least, part in NEEDED):
        return None
    old = _before(recent, at, values, accepted)
    if old is None or values[new].born < STEADY or not values[old].steady:
        return _young(recent, old, new, at)
    if wholly and (count < REPLACED_NEEDED or recent[-LAST:].count(new) < REPLACED * LAST):
        return None
    return Switch(old, new, at, share, known=True)


def _before(recent: Sequence[str], at: int, values: Mapping[str, Value], accepted: Collection[str]) -> str | None:
    """What was in use: of the accepted ones that whose share has fallen the most since, or the most frequent of all
    times."""
    new = recent[-1]
    before, since = Counter(recent[:at]), Counter(recent[at:])
    used = [one for one in before if one in accepted and one != new]
    if used:
        return max(used, key=lambda one: before[one] / at - since[one] / (len(recent) - at))
    others = [one for one in accepted if one in values and one != new]
    return max(others, key=lambda one: values[one].seen, default=None)


def _young(recent: Sequence[str], old: str | None, new: str, at: int) -> Switch | None:
    tail = recent[-YOUNG_NEEDED:]
    if old is None or len(tail) < YOUNG_NEEDED or tail.count(new) < YOUNG_NEEDED:
        return None
    return Switch(old, new, at, 1.0, known=False)


def settled(recent: Sequence[str], values: Mapping[str, Value]) -> bool:
    """Whether the last call's value, which came up before anything was steady, is one of several by now."""
    new = recent[-1]
    return values[new].born < STEADY and values[new].seen >= STEADY


def recovered(recent: Sequence[str], old: str, new: str, share: float) -> bool:
    """Whether the old value is in use again and the new one is not, after it had that share."""
    missing = math.ceil(math.log(UNLIKELY) / math.log(1 - min(max(share, SHARE), 0.99)))
    tail = recent[-max(LAST, min(missing, RECENT - LAST)) :]
    return len(tail) >= LAST and new not in tail and tail.count(old) >= REPLACED * len(tail)


def came_loose(recent: Sequence[str], rare: Collection[str], accepted: Collection[str]) -> bool:
    """Whether nearly each of the last calls has a prompt of its own, and what was in use is used no more."""
    tail = recent[-LOOSE_AMONG:]
    loose = sum(one in rare for one in tail)
    return len(tail) == LOOSE_AMONG and loose >= LOOSE and not set(tail[-GONE:]) & (set(accepted) - set(rare))
