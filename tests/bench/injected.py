"""Changes to put into a simulated product, and whether the product noticed them and knew why."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from tests.bench.agreement import majority
from tests.bench.lab import Drift, Lab, Seen
from tests.bench.products import CAUSES, Change, product
from tests.bench.products.declared import Feature, Product
from tests.bench.products.prose import KINDS

# Texts that have no other vein.
NO_SHIFT = {"packages", "commits", "call", "needle"}
WITHOUT_MODEL = {"slower", "failing"}
NOBODY = "none"


def suits(kind: str, feature: Feature, whole: Product) -> bool:
    """Whether that can happen to it: JSON by a schema has a length of its own."""
    if feature.flow == "batch":
        return False
    if kind == "output_longer" and feature.prompt and whole.prompts[feature.prompt].schema:
        return False
    if kind == "intent_changed":
        return bool(feature.shifted) or (feature.input in KINDS and feature.input not in NO_SHIFT)
    return feature.prompt is not None or kind in WITHOUT_MODEL


def choose(name: str, rng: Random, first: datetime, days: float, used: Counter[str]) -> list[Change]:
    """Changes for a run: at most one for each prompt and each route, the kinds that were used least first, at noon of a
    day between `first` and `days` later."""
    whole = product(name)
    features = list(whole.features.values())
    sharing = Counter(one.prompt for one in features)
    rng.shuffle(features)
    chosen: list[Change] = []
    taken: set[str] = set()
    for kind in sorted(CAUSES, key=lambda one: (used[one], one != "intent_changed", rng.random())):
        for feature in features:
            place = feature.prompt or feature.name
            if place in taken or not suits(kind, feature, whole) or (kind == "new" and sharing[feature.prompt] > 1):
                continue
            taken.add(place)
            at = first + timedelta(days=rng.randrange(max(1, int(days))), hours=12)
            chosen.append(Change(kind, feature.name, at))
            used[kind] += 1
            break
    return chosen


@dataclass(frozen=True)
class Verdict:
    """What the product said of a change: the surest of the drifts that it found first, how many days later, and how
    many traces of the feature had come by then."""

    change: Change
    drift: Drift | None
    others: tuple[Drift, ...]
    days: float
    traces: int

    @property
    def cause(self) -> str:
        return self.drift.cause if self.drift else NOBODY


def verdicts(lab: Lab, seen: list[Seen], changes: Iterable[Change]) -> list[Verdict]:
    """One of each change."""
    theirs = majority(lab.labels, seen[-1].features)
    return [
        _verdict(lab, seen, one, {feature for feature, label in theirs.items() if label == one.feature})
        for one in changes
    ]


def _verdict(lab: Lab, seen: list[Seen], change: Change, features: set[UUID]) -> Verdict:
    after = [one for one in seen if one.day.date() >= change.at.date()]
    for day in after:
        drifts = sorted((one for one in day.drifts if one.feature_id in features), key=lambda one: -one.confidence)
        if drifts:
            until = day.day.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
            came = sum(one.feature == change.feature and change.at <= one.at < until for one in lab.labels.values())
            return Verdict(change, drifts[0], tuple(drifts[1:]), (until - change.at) / timedelta(days=1), came)
    return Verdict(change, None, (), float("nan"), 0)


@dataclass
class Alarms:
    """Windows of one feature and one day without any change, and those in which the product raised an alarm."""

    windows: int = 0
    alarmed: int = 0
    examples: tuple[str, ...] = ()

    def __iadd__(self, other: "Alarms") -> "Alarms":
        self.windows += other.windows
        self.alarmed += other.alarmed
        self.examples += other.examples
        return self


def alarms(lab: Lab, seen: list[Seen], changes: Iterable[Change] = ()) -> Alarms:
    """Of features with traces that day. With changes: only features that none of them concerns, and not what noise made
    up, which comes through the same doors."""
    theirs = majority(lab.labels, seen[-1].features)
    concerned = {one.feature for one in changes} | {one.feature for one in lab.labels.values() if one.changed}
    busy = {(one.feature, one.at.date()) for one in lab.labels.values() if one.feature}
    windows = {(label, day) for label, day in busy if label not in concerned}
    fired: dict[tuple[str | None, object], str] = {}
    for day in seen:
        for drift in day.drifts:
            label = theirs.get(drift.feature_id)
            if label not in concerned and (label or not concerned):
                fired[label, day.day.date()] = f"{label} {day.day:%a %d}: {drift.signal} {drift.cause} {drift.summary}"
    return Alarms(len(windows), len(fired), tuple(fired.values()))
