"""Traces of a simulated product, in the order of their times."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any

from tests.bench.products.calls import Stage, fails
from tests.bench.products.declared import Feature, product
from tests.bench.products.families import FAMILIES
from tests.bench.products.flows import FLOWS
from tests.bench.products.labels import Change, Labelled
from tests.bench.products.noise import noise_of
from tests.bench.products.scene import Scene, Visit, World
from tests.bench.products.slots import Slots
from tests.bench.products.timeline import Planned, plan
from tests.bench.products.tracer import MILLISECOND, Tracer

PRODUCTS = ("shop", "devtools", "office", "travel")
START = datetime(2026, 9, 7, tzinfo=UTC)
SLOWER = 1.5
RELEASES = ("2.14.0", "2.14.1", "2.15.0")

Json = dict[str, Any]

# No tool fits what nobody foresaw, and the answer says little.
ODD_ANSWERS = (
    "I am not sure that I am the right one to ask, but here is what I know about <topic>.",
    "That is outside of what I can help with. Is there anything else?",
    "Good question! In short: it depends on <topic>.",
    "I would rather stay with what I know, sorry.",
)


def traces(
    name: str,
    seed: int,
    count: int,
    *,
    start: datetime = START,
    days: float = 7.0,
    changes: Sequence[Change] = (),
    noise: float = 0.1,
    skew: float = 0.9,
    only: Collection[str] = (),
) -> Iterator[Labelled]:
    """About `count` traces (never more; fewer where a `new` feature was still to come) of the product, over so many
    days from `start`; of the features in `only`, or of all. The same arguments give the same traces. Seeds from 100 on
    speak mostly in words that smaller seeds never use. `skew` is the exponent of Zipf's law of popularity."""
    rng = Random(f"{name} {seed}")
    whole = product(name)
    names = [one for one in whole.features if not only or one in only]
    world = World(whole, seed, changes, rng)
    resources = _resources(whole.features.values())
    days_and_releases = (start.timestamp(), days * 86_400 / len(RELEASES))
    for one in plan(whole, names, rng, count=count, start=start, days=days, noise=noise, skew=skew):
        release = RELEASES[
            min(len(RELEASES) - 1, int((one.at.timestamp() - days_and_releases[0]) / days_and_releases[1]))
        ]
        made = _told(world, one, resources, release, rng)
        if made is not None:
            yield made


def _resources(features: Collection[Feature]) -> dict[tuple[str, str], Json]:
    """One for each service and release, shared by its spans."""
    return {
        (service, release): {
            "service.name": service,
            "service.version": release,
            "deployment.environment.name": "production",
            "telemetry.sdk.language": "python",
            "otel.scope.name": "opentelemetry",
            "otel.scope.version": "1.40.0",
        }
        for service in {one.service for one in features}
        for release in RELEASES
    }


def _told(
    world: World, planned: Planned, resources: dict[tuple[str, str], Json], release: str, rng: Random
) -> Labelled | None:
    """One trace; None of a feature that does not exist yet."""
    feature, asked = planned.feature, ""
    if feature is None:
        found = noise_of(world, planned, resources, release, rng)
        if isinstance(found, Labelled):
            return found
        feature, asked = found
    changes = world.active(feature, planned.at) if planned.feature else ()
    if "new" not in changes and any(one.kind == "new" and one.feature == feature.name for one in world.changes):
        return None
    world.uses[feature.name] += 1
    scene = scene_of(world, feature, planned.at, planned.visit, changes, rng)
    scene.words, scene.failed = asked, fails(scene)
    if asked:
        scene.feature = replace(feature, tools=(), answers=ODD_ANSWERS)
    pace = SLOWER if "slower" in changes else 1.0
    start = int(planned.at.timestamp() * 1000) * MILLISECOND + rng.randrange(MILLISECOND)
    trace = Tracer(rng, start, resources[feature.service, release], pace)
    FLOWS[feature.flow](Stage(scene, trace, FAMILIES[feature.family]))
    return Labelled(trace.spans, None if asked else feature.name, planned.at, changes)


def scene_of(
    world: World, feature: Feature, at: datetime, visit: Visit, changes: tuple[str, ...], rng: Random
) -> Scene:
    """The scene, where the date and the person's name are known."""
    slots = Slots(rng, today=at.strftime("%A, %d %B %Y"), user=visit.name, context="")
    return Scene(world, feature, at, visit, changes, slots)
