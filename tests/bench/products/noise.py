"""What is no feature: probes, static files, crawlers' 404s, and questions that nobody foresaw."""

from random import Random
from typing import Any

from tests.bench.products.declared import Feature
from tests.bench.products.labels import Labelled
from tests.bench.products.scene import World
from tests.bench.products.slots import Slots, lists
from tests.bench.products.timeline import Planned
from tests.bench.products.tracer import MILLISECOND, Tracer
from workers.traces.base import SERVER

Json = dict[str, Any]
ODD, PROBE = 0.25, 0.7


def noise_of(
    world: World, planned: Planned, resources: dict[tuple[str, str], Json], release: str, rng: Random
) -> Labelled | tuple[Feature, str]:
    """A trace without a feature, or the entrance and the words of an odd question."""
    turn, slots = rng.random(), Slots(rng)
    if turn < ODD:
        feature = world.product.features[rng.choice(world.product.odd_features)]
        return feature, slots.fill(rng.choice(world.product.odd))
    probe = turn < PROBE
    path = slots.fill(rng.choice(world.product.probes if probe else lists()["crawled"]))
    method, status = ("GET", 200) if probe else (rng.choice(("GET", "GET", "POST")), 404)
    said: Json = {
        "http.request.method": method,
        "url.path": path,
        "url.scheme": "https",
        "user_agent.original": rng.choice(("kube-probe/1.31", "curl/8.5", "Mozilla/5.0", "Go-http-client/1.1")),
        "http.response.status_code": status,
    }
    service = next(iter(resources))[0]
    trace = Tracer(rng, int(planned.at.timestamp() * 1000) * MILLISECOND, resources[service, release])
    trace.leaf(method, SERVER, rng.uniform(0.3, 6), said)
    return Labelled(trace.spans, None, planned.at)
