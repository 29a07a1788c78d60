"""When what happens: visits of people over days and hours, jobs in the night, and what is no feature."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

import numpy as np
import numpy.typing as npt

from tests.bench.products.declared import Feature, Product
from tests.bench.products.scene import Visit
from tests.bench.products.slots import lists

WEEKEND = 0.45
SWITCHING = 0.06
# Of each hour of the day, how busy people are.
HOURS = np.array([2, 1, 1, 1, 1, 2, 4, 8, 14, 18, 20, 19, 16, 18, 20, 19, 17, 15, 13, 12, 10, 8, 5, 3], float)
NIGHT = np.array([0, 0, 20, 6, 1] + [0] * 19, float)


@dataclass(slots=True)
class Planned:
    """A trace to be: of a feature, or of nothing (None)."""

    at: datetime
    feature: Feature | None
    visit: Visit


def plan(
    product: Product,
    names: Sequence[str],
    rng: Random,
    *,
    count: int,
    start: datetime,
    days: float,
    noise: float,
    skew: float,
) -> list[Planned]:
    """About so many traces in the order of their times; features by Zipf's law, in this seed's order."""
    ranked = [product.features[name] for name in names]
    rng.shuffle(ranked)
    weights = np.array([1 / (rank + 1) ** skew for rank in range(len(ranked))])
    weights = weights / np.array([max(1.0, one.turns) for one in ranked])
    chance = np.random.default_rng(rng.getrandbits(64))
    wanted = round(count * (1 - noise))
    turns = float(np.average([one.turns for one in ranked], weights=weights))
    chosen = chance.choice(len(ranked), size=round(wanted / turns) + 1, p=weights / weights.sum())
    usual, night = (_times(len(chosen), hours, start, days, chance) for hours in (HOURS, NIGHT))
    planned: list[Planned] = []
    for at, index in enumerate(chosen):
        feature = ranked[index]
        times = night if feature.flow == "batch" else usual
        planned += _visited(product, feature, start + timedelta(seconds=float(times[at])), rng)
    odd = _times(count - wanted, HOURS, start, days, chance)
    planned += [Planned(start + timedelta(seconds=float(at)), None, visitor(rng)) for at in odd]
    planned.sort(key=lambda one: one.at)
    return planned[:count]


def _times(
    count: int, hours: npt.NDArray[np.float64], start: datetime, days: float, chance: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Seconds after the start, by the rhythm of days and weeks."""
    slots = np.arange(int(days * 24))
    first = start.hour
    busy = hours[(slots + first) % 24]
    if hours is not NIGHT:
        weekday = np.array([(start + timedelta(hours=int(slot))).weekday() for slot in slots])
        busy = busy * np.where(weekday >= 5, WEEKEND, 1.0)
    chosen = chance.choice(len(slots), size=count, p=busy / busy.sum())
    return chosen * 3600.0 + chance.uniform(0, 3600, size=count)


def _visited(product: Product, feature: Feature, at: datetime, rng: Random) -> list[Planned]:
    """The turns of one visit; some people come to speak of something else."""
    visit, turns = visitor(rng), [Planned(at, feature, Visit("", "", ""))]
    while feature.turns > 1 and rng.random() < 1 - 1 / feature.turns:
        at += timedelta(seconds=rng.uniform(15, 150))
        if rng.random() < SWITCHING and (same := beside(product, feature)):
            feature, visit = rng.choice(same), Visit(visit.user, visit.session, visit.name)
        turns.append(Planned(at, feature, visit))
    for one in turns:
        one.visit = visit if one.visit.user == "" else one.visit
    return turns


def beside(product: Product, feature: Feature) -> list[Feature]:
    """Other features behind the same door and prompt."""
    others = product.features.values()
    return [one for one in others if one.root == feature.root and one is not feature and one.prompt == feature.prompt]


def visitor(rng: Random) -> Visit:
    """Somebody."""
    return Visit(f"user-{rng.randint(1, 900)}", f"sess-{rng.getrandbits(60):015x}", rng.choice(lists()["name"]))
