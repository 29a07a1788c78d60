"""Templates of prompts: the instructions to a model with what varies masked, and families of those that differ only in
places.

A prompt's own template is told by form alone (templates.py), so it is the same for ever. Values without a form of
their own (names, products, passages that were looked up) leave templates that differ in places: those are one family,
told by the share of words that they have in common. A family is known by its first template's hash.
"""

import hashlib
from collections import Counter
from functools import lru_cache
from typing import Any

from workers.features.structure import templates

Json = dict[str, Any]

LONGEST = 6_000
ALIKE = 0.72
MOST_FAMILIES = 400
WORDS_KEPT = 300


@lru_cache(5_000)
def template(text: str) -> str:
    """The prompt with what varies masked; its first 6,000 characters."""
    return templates.mask(text[:LONGEST])


@lru_cache(5_000)
def key(text: str) -> str:
    """The hash of the prompt's template."""
    return hashlib.sha256(template(text).lower().encode()).hexdigest()[:32]


class Families:
    """Prompts by family. `state` is JSON to keep: `{family: [words of its template]}`."""

    def __init__(self, state: Json | None = None) -> None:
        self.state: Json = state or {}
        self._known: dict[str, str] = {one: one for one in self.state}
        self._words: dict[str, Counter[str]] = {one: Counter(words) for one, words in self.state.items()}

    def of(self, key: str, template: str) -> str:
        """The family of a prompt by its key and template, which begins one if it resembles none."""
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._nearest(key, template)
        return found

    def likeness(self, one: str, other: str) -> float:
        """How alike two families' prompts are, 0–1; 0 where one is not known."""
        if one == other:
            return 1.0
        return _alike(self._words.get(one, Counter()), self._words.get(other, Counter()))

    def _nearest(self, key: str, template: str) -> str:
        words = template.lower().split()[:WORDS_KEPT]
        counted = Counter(words)
        best, found = ALIKE, None
        for family, theirs in self._words.items():
            alike = _alike(counted, theirs)
            if alike >= best:
                best, found = alike, family
        if found is not None:
            return found
        if len(self.state) < MOST_FAMILIES:
            self.state[key] = words
            self._words[key] = counted
        return key


def _alike(one: Counter[str], other: Counter[str]) -> float:
    """The share of words in common, of the longer one's."""
    sizes = one.total(), other.total()
    if not min(sizes) or min(sizes) / max(sizes) < ALIKE * 0.8:
        return 0.0
    return (one & other).total() / max(sizes)
