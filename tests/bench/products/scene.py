"""What one trace is about: whose it is, what they say, and what the model answers, under the changes of that hour."""

import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from tests.bench.products import prose
from tests.bench.products.declared import Feature, Product, Prompt
from tests.bench.products.labels import Change
from tests.bench.products.slots import Slots, lists
from tests.bench.products.words import bank, spoken

# An edit of a prompt is an edit for every feature that uses it.
OF_THE_PROMPT = frozenset({"system_small", "system_large", "system_sentence", "model_swapped", "ad_hoc"})
REFUSING = 0.35
SHIFTED = 0.85
FOLLOW_UP = 0.35
FALLBACK = 0.06
CLARIFYING = 0.15
OTHER_LANGUAGE = 0.03
# A new feature's prompt is replaced after so few, before anybody could know it.
USES_OF_A_DRAFT = 10
SUCCESSOR = {
    "gpt-4o": "gpt-4.1",
    "gpt-4o-mini": "gpt-4.1-mini",
    "claude-sonnet-4-20250514": "claude-sonnet-4-5-20250929",
    "gpt-4.1-mini": "gpt-5-mini",
}
VERSIONS = {"gpt-4o": "gpt-4o-2024-08-06", "gpt-4o-mini": "gpt-4o-mini-2024-07-18"}


@dataclass
class World:
    """A product under a seed: the phrases in use, and what has been changed when."""

    product: Product
    seed: int
    changes: Sequence[Change]
    rng: Random
    banks: dict[str, list[str]] = field(default_factory=dict)
    edits: dict[str, str] = field(default_factory=dict)
    offered: dict[str, list[str]] = field(default_factory=dict)
    uses: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.banks = {name: bank(one, self.seed, self.rng) for name, one in self.product.features.items()}
        self.edits = {name: self.rng.choice(lists()["sentence"]) for name in self.product.prompts}
        for one in self.product.features.values():
            if one.prompt:
                tools = self.offered.setdefault(one.prompt, [])
                tools += [name for name, _ in one.tools if name not in tools]

    def active(self, feature: Feature, at: datetime) -> tuple[str, ...]:
        """The kinds of changes that have happened to the feature by then."""
        return tuple(one.kind for one in self.changes if one.at <= at and self._concerns(one, feature))

    def _concerns(self, change: Change, feature: Feature) -> bool:
        if change.feature == feature.name:
            return True
        same = feature.prompt and self.product.features[change.feature].prompt == feature.prompt
        return change.kind in OF_THE_PROMPT and bool(same)


@dataclass(slots=True)
class Visit:
    """One person's session; `said` grows turn by turn."""

    user: str
    session: str
    name: str
    said: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class Scene:
    """One trace to be."""

    world: World
    feature: Feature
    at: datetime
    visit: Visit
    changes: tuple[str, ...]
    slots: Slots
    words: str = ""
    failed: bool = False

    @property
    def rng(self) -> Random:
        return self.slots.rng

    @property
    def prompt(self) -> Prompt | None:
        return self.world.product.prompts[self.feature.prompt] if self.feature.prompt else None

    def say(self) -> str:
        """What the user wants, in their words."""
        feature, rng = self.feature, self.rng
        shifted = "intent_changed" in self.changes and rng.random() < SHIFTED
        if self.words:
            return self.words
        if feature.input:
            self.words = prose.KINDS[feature.input](self.slots, shifted)
        elif self.visit.said and rng.random() < FOLLOW_UP:
            self.words = spoken(lists()["follow"], self.slots, voice=feature.flow == "voice")
        else:
            phrases = feature.shifted if shifted and feature.shifted else self._phrases()
            self.words = self._spoken(phrases)
        return self.words

    def _spoken(self, phrases: Sequence[str]) -> str:
        if self.feature.machine:
            return self.slots.fill(self.rng.choice(phrases))
        return spoken(phrases, self.slots, self.world.product.details, voice=self.feature.flow == "voice")

    def _phrases(self) -> Sequence[str]:
        other = self.feature.says.get("other")
        if other and self.rng.random() < OTHER_LANGUAGE:
            return other
        return self.world.banks[self.feature.name]

    def system(self) -> str | None:
        """The system prompt of this call."""
        prompt = self.prompt
        if prompt is None:
            return None
        text = prompt.text
        if prompt.variants:
            turn = zlib.crc32(self.visit.user.encode()) % (len(prompt.variants) + 1)
            text = text if turn == 0 else prompt.variants[turn - 1]
        if "system_small" in self.changes:
            text = text.replace(*prompt.small)
        rewritten = "new" in self.changes and self.world.uses[self.feature.name] > USES_OF_A_DRAFT
        if "system_large" in self.changes or rewritten:
            text = prompt.large
        if "system_sentence" in self.changes:
            text = f"{text}\n{self.world.edits[prompt.name]}"
        if "ad_hoc" in self.changes:
            text = prose.improvised(self.slots)
        return self.slots.fill(text)

    def model(self) -> tuple[str, str, str]:
        """Provider, model and the version that answers; now and then it is the fallback's turn."""
        prompt = self.prompt
        model = prompt.model if prompt else "gpt-4o-mini"
        if "model_swapped" in self.changes:
            model = SUCCESSOR[model]
        elif self.feature.flow == "chat" and self.rng.random() < FALLBACK:
            model = "gpt-4o-mini"
        provider = "anthropic" if model.startswith("claude") else "openai"
        return provider, model, VERSIONS.get(model, model)

    def passages(self) -> list[str]:
        """What a search finds: mostly what answers the question, and what is beside it."""
        rng = self.rng
        others = [one for one in self.world.product.features.values() if one.prompt == self.feature.prompt]
        found = [rng.choice(self.feature.answers) for _ in range(rng.randint(2, 3))]
        found += [rng.choice(rng.choice(others).answers) for _ in range(rng.randint(1, 2))]
        rng.shuffle(found)
        return [Slots(rng).fill(one) for one in found]

    def answer(self) -> tuple[str, str]:
        """What the model says, and why it stopped."""
        rng, prompt = self.rng, self.prompt
        if "output_refusing" in self.changes and rng.random() < REFUSING:
            return rng.choice(lists()["refusal"]), "stop" if rng.random() < 0.8 else "content_filter"
        asks = self.feature.turns > 1 and rng.random() < CLARIFYING
        text = self.slots.fill(rng.choice(lists()["clarifying"] if asks else self.feature.answers))
        if prompt and prompt.schema:
            return (prose.unstructured(text, rng) if "output_format" in self.changes else text), "stop"
        if rng.random() < 0.5:
            text = f"{self.slots.fill(rng.choice(lists()['acknowledgement']))} {text}"
        if rng.random() < 0.5:
            text = f"{text} {rng.choice(lists()['courtesy'])}"
        if "model_swapped" in self.changes and rng.random() < 0.5:
            text = f"Certainly! {text}"
        if "output_longer" in self.changes:
            text = " ".join([text, *rng.sample(lists()["elaboration"], rng.randint(3, 6))])
        if "output_format" in self.changes:
            text = prose.as_markdown(text, rng)
        return text, "stop"
