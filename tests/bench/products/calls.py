"""What happens inside a trace: entrances, databases, models and tools, with their durations, retries and failures."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from types import ModuleType
from typing import Any

from tests.bench.products.declared import Feature, Product
from tests.bench.products.families.said import Asked, Ran, Used
from tests.bench.products.scene import Scene
from tests.bench.products.tracer import Tracer
from workers.traces.base import CLIENT, CONSUMER, INTERNAL, PRODUCER, SERVER

Json = dict[str, Any]

RETRIED, FAILING, FAILING_MORE = 0.015, 0.01, 0.06
DEARER = 1.3
OVERLOADED = "RateLimitError: 429 Too many requests"
BROKEN = "APIError: 500 The server had an error"


@dataclass(slots=True)
class Stage:
    """A trace while it is told."""

    scene: Scene
    trace: Tracer
    family: ModuleType
    tokens: list[int] = field(default_factory=lambda: [0, 0])
    answered: str = ""
    passages: list[str] = field(default_factory=list)
    source: str = "docs"

    @property
    def rng(self) -> Random:
        return self.trace.rng

    @property
    def feature(self) -> Feature:
        return self.scene.feature

    @property
    def product(self) -> Product:
        return self.scene.world.product

    def milliseconds(self, middle: float) -> float:
        """Log-normal, and now and then far off."""
        tail = 4.0 if self.rng.random() < 0.02 else 1.0
        return middle * tail * self.rng.lognormvariate(0.0, 0.35)


@contextmanager
def entrance(stage: Stage) -> Iterator[None]:
    """The root: an HTTP request, a job, a message; a CLI's trace has none."""
    kind, _, rest = stage.feature.root.partition(" ")
    if kind == "none":
        yield
        return
    failed = stage.scene.failed
    if kind == "job":
        root = stage.trace.begin(rest, INTERNAL, {"code.function.name": rest})
    elif kind == "queue":
        said = {
            "messaging.system": "rabbitmq",
            "messaging.destination.name": rest,
            "messaging.operation.name": "process",
        }
        root = stage.trace.begin(f"process {rest}", CONSUMER, said)
    else:
        root = stage.trace.begin(*_request(stage, kind, rest))
        stage.trace.wait(stage.rng.uniform(0.2, 3))
    yield
    stage.trace.wait(stage.rng.uniform(0.2, 4))
    if kind not in ("job", "queue"):
        root.attributes[_status(stage.feature)] = 500 if failed else 200
    stage.trace.end(root, "InternalServerError: the request failed" if failed else None)


def _status(feature: Feature) -> str:
    return "http.response.status_code" if feature.routed else "http.status_code"


def _request(stage: Stage, method: str, route: str) -> tuple[str, int, Json]:
    """A server's span: with its route by today's conventions, or as older ones without it."""
    path = stage.scene.slots.fill(route)
    template = route.replace("<", "{").replace(">", "}")
    if not stage.feature.routed:
        said: Json = {"http.method": method, "http.target": path, "http.scheme": "http", "http.host": "office.internal"}
        return method, SERVER, said
    said = {
        "http.request.method": method,
        "http.route": template.partition("?")[0],
        "url.path": path.partition("?")[0],
        "url.scheme": "https",
        "user_agent.original": "Mozilla/5.0",
        "client.address": f"10.{stage.rng.randint(0, 255)}.{stage.rng.randint(0, 255)}.7",
    }
    if "?" in path:
        said["url.query"] = path.partition("?")[2]
    return f"{method} {template.partition('?')[0]}", SERVER, said


@contextmanager
def around(stage: Stage) -> Iterator[None]:
    """The workflow or agent that a framework puts around; it repeats the usage of what is below."""
    feature, scene = stage.feature, stage.scene
    if not feature.wraps:
        yield
        return
    name, _, kind = feature.wraps.partition(" ")
    span = stage.trace.begin(name)
    yield
    given, taken = stage.tokens
    words, visit = scene.say(), scene.visit
    ran = Ran(name, kind or "agent", words, stage.answered, given, taken, visit.session, visit.user)
    span.name, span.kind, span.attributes = stage.family.agent(ran)
    stage.trace.end(span, BROKEN if scene.failed else None)


def steps(stage: Stage, declared: Sequence[str]) -> None:
    """Queries, caches, other services, messages; `?` behind one says that it is not always done."""
    rng = stage.rng
    todo = [one for one in declared if not one.endswith("?") or rng.random() < 0.6]
    if len(todo) > 1 and rng.random() < 0.15:
        rng.shuffle(todo)
    for one in todo:
        kind, name, *rest = one.rstrip("?").split(" ")
        STEPS[kind](stage, name, " ".join(rest))


def _db(stage: Stage, verb: str, table: str) -> None:
    said = {"db.system.name": "postgresql", "db.operation.name": verb, "db.collection.name": table}
    said["db.query.text"] = f"{verb} {table} WHERE id = $1"
    stage.trace.leaf(f"{verb} {table}", CLIENT, stage.milliseconds(3), said)


def _cache(stage: Stage, verb: str, _: str) -> None:
    stage.trace.leaf(verb, CLIENT, stage.rng.uniform(0.2, 1.5), {"db.system.name": "redis", "db.operation.name": verb})


def _http(stage: Stage, method: str, url: str) -> None:
    said = {"http.request.method": method, "url.full": stage.scene.slots.fill(url), "http.response.status_code": 200}
    stage.trace.leaf(method, CLIENT, stage.milliseconds(80), said)


def _queue(stage: Stage, name: str, _: str) -> None:
    said = {"messaging.system": "rabbitmq", "messaging.destination.name": name}
    stage.trace.leaf(f"{name} publish", PRODUCER, stage.rng.uniform(0.5, 4), said)


def _do(stage: Stage, name: str, _: str) -> None:
    stage.trace.leaf(name, INTERNAL, stage.milliseconds(8))


STEPS = {"db": _db, "cache": _cache, "http": _http, "queue": _queue, "do": _do}


def loop(stage: Stage, rounds: int = 1) -> None:
    """The model calls tools until it answers: those that this feature is declared with, in some order."""
    rng, scene = stage.rng, stage.scene
    messages = [*scene.visit.said, ("user", _told(stage))]
    wanted = [name for name, often in stage.feature.tools if rng.random() < often]
    for turn in range(rounds):
        if turn and wanted:
            rng.shuffle(wanted)
            wanted = wanted[: rng.randint(1, len(wanted))]
        for name in wanted:
            call_id = f"call_{rng.getrandbits(48):012x}"
            arguments = {"query": scene.say()[:40], "reference": scene.slots["order"]}
            if not _generation(stage, messages, "", [(call_id, name, arguments)]):
                return
            result = _tool(stage, name, call_id, arguments)
            messages = [*messages, ("tool", result)]
    text, finish = scene.answer()
    if _generation(stage, messages, text, [], finish):
        stage.answered = text
        scene.visit.said += [("user", scene.say()), ("assistant", text)]


def _told(stage: Stage) -> str:
    """What the user says, with the passages that were found."""
    words, prompt = stage.scene.say(), stage.scene.prompt
    if not stage.passages or stage.feature.flow == "chat" or (prompt and "<context>" in prompt.text):
        return words
    context = "\n---\n".join(stage.passages)
    return f"Context:\n{context}\n\nQuestion: {words}"


def _tool(stage: Stage, name: str, call_id: str, arguments: Json) -> str:
    """A tool that runs, with what it needs below it."""
    result = {"ok": True, "data": stage.scene.slots.fill("<status> since <date>")}
    described = stage.product.described.get(name, "")
    span = stage.trace.begin(*stage.family.tool(Used(name, call_id, arguments, result, described)))
    if stage.rng.random() < 0.6:
        _db(stage, "SELECT", name.partition("_")[2] or name)
    stage.trace.wait(stage.milliseconds(25))
    stage.trace.end(span)
    return str(result["data"])


def _generation(
    stage: Stage, messages: list[tuple[str, str]], answer: str, tool_calls: list[Any], finish: str = "stop"
) -> bool:
    """A call of the model, tried again when it is overloaded; whether it succeeded in the end."""
    scene, rng, feature = stage.scene, stage.rng, stage.feature
    provider, model, version = scene.model()
    system, prompt = scene.system(), scene.prompt
    offered = [_function(stage.product, name) for name in _offered(stage)]
    asked = Asked(
        provider, model, version, system, messages, answer, tool_calls, offered,
        schema=prompt.schema if prompt else None, parameters=prompt.parameters if prompt else {},
        finish="tool_calls" if tool_calls else finish, place=feature.prompt or feature.name,
        session=scene.visit.session, user=scene.visit.user,
    )  # fmt: skip
    dearer = DEARER if "dearer" in scene.changes else 1.0
    asked.input_tokens = round(dearer * (len(system or "") + sum(len(text) + 8 for _, text in messages)) / 4) + 1
    asked.output_tokens = round(dearer * (len(answer) + 60 * len(tool_calls)) / 4) + 1
    name, kind, said = stage.family.generation(asked)
    if rng.random() < RETRIED:
        stage.trace.leaf(name, kind, rng.uniform(30, 200), _unanswered(said), OVERLOADED)
        stage.trace.wait(rng.uniform(200, 900))
    if scene.failed and not tool_calls:
        stage.trace.leaf(name, kind, rng.uniform(100, 900), _unanswered(said), BROKEN)
        return False
    stage.trace.leaf(name, kind, stage.milliseconds(feature.milliseconds) * (0.5 if tool_calls else 1.0), said)
    stage.tokens[0] += asked.input_tokens
    stage.tokens[1] += asked.output_tokens
    return True


ANSWERED = ("usage", "output", "completion", "response", "token_count")


def _unanswered(said: Json) -> Json:
    """The same without what only an answer brings."""
    return {name: value for name, value in said.items() if not any(word in name for word in ANSWERED)}


def _offered(stage: Stage) -> list[str]:
    """The tools that all features of this prompt share."""
    world = stage.scene.world
    known = world.offered.get(stage.feature.prompt or "")
    return known if known is not None else []


def _function(product: Product, name: str) -> Json:
    properties = {"query": {"type": "string"}, "reference": {"type": "string"}}
    described = product.described[name]
    return {"name": name, "description": described, "parameters": {"type": "object", "properties": properties}}


def fails(scene: Scene) -> bool:
    """Whether this one goes wrong in the end."""
    return scene.rng.random() < (FAILING_MORE if "failing" in scene.changes else FAILING)
