"""The shapes of traces: what happens between a request and its answer."""

from collections.abc import Callable

from tests.bench.products import calls
from tests.bench.products.calls import Stage
from tests.bench.products.families.said import Embedded, Found
from workers.traces.base import CLIENT, CONSUMER, INTERNAL, PRODUCER

RERANKED = 0.8


def rest(stage: Stage) -> None:
    """A route without a model."""
    with calls.entrance(stage):
        calls.steps(stage, stage.feature.steps)


def chat(stage: Stage) -> None:
    """A turn of a conversation: what is remembered, perhaps a guardrail, the model and its tools, what is kept."""
    with calls.entrance(stage):
        calls.steps(stage, ("db SELECT conversations", "db SELECT customers?", "cache GET"))
        if stage.rng.random() < 0.3:
            stage.trace.leaf("guardrail.check_input", INTERNAL, stage.rng.uniform(3, 30), {"guardrail.passed": True})
        if stage.feature.retrieval and stage.rng.random() < 0.8:
            _search(stage)
        with calls.around(stage):
            calls.loop(stage)
        calls.steps(stage, ("db INSERT messages", "queue conversation.updated?"))


def rag(stage: Stage) -> None:
    """A question answered from documents."""
    with calls.entrance(stage), calls.around(stage):
        calls.steps(stage, stage.feature.steps)
        _search(stage)
        calls.loop(stage)


def _search(stage: Stage) -> None:
    """Embedding, search and perhaps a reranking; the passages are part of what the model is told."""
    rng, trace, family = stage.rng, stage.trace, stage.family
    words = stage.scene.say()
    if stage.feature.flow != "chat" or rng.random() < 0.5:
        name, kind, said = family.embedding(Embedded("openai", "text-embedding-3-small", words, len(words) // 4 + 1))
        trace.leaf(name, kind, rng.uniform(20, 90), said)
    passages = stage.scene.passages()
    name, kind, said = family.retrieval(Found(stage.source, words, passages))
    trace.leaf(name, kind, rng.uniform(8, 60), said)
    if stage.feature.flow == "rag" and rng.random() < RERANKED:
        said = {"openinference.span.kind": "RERANKER", "reranker.model_name": "rerank-v3.5", "reranker.query": words}
        trace.leaf("rerank", CLIENT, rng.uniform(60, 180), said)
    stage.passages = passages
    stage.scene.slots.known["context"] = "\n".join(passages)


def single(stage: Stage) -> None:
    """One call of a model with steps around it."""
    with calls.entrance(stage):
        calls.steps(stage, stage.feature.steps[:2])
        with calls.around(stage):
            calls.loop(stage)
        calls.steps(stage, stage.feature.steps[2:])


def agent(stage: Stage) -> None:
    """An agent that works with its tools until it is done."""
    with calls.entrance(stage):
        calls.steps(stage, stage.feature.steps[:1])
        with calls.around(stage):
            calls.loop(stage, rounds=stage.rng.choice((1, 2, 2, 3, 3, 4, 6)))
        calls.steps(stage, stage.feature.steps[1:])


def batch(stage: Stage) -> None:
    """A nightly job: the same steps many times, now and then a question for a model."""
    rng = stage.rng
    with calls.entrance(stage):
        for _ in range(rng.randint(2, 9)):
            calls.steps(stage, stage.feature.steps)
        if stage.feature.prompt and rng.random() < 0.4:
            calls.loop(stage)
        stage.trace.leaf("reports publish", PRODUCER, rng.uniform(1, 5), {"messaging.system": "rabbitmq"})


def voice(stage: Stage) -> None:
    """A turn of a telephone call: heard, understood, spoken."""
    rng, trace = stage.rng, stage.trace
    said = {"messaging.system": "kafka", "call.id": stage.scene.visit.session, "telephony.provider": "twilio"}
    root = trace.begin("voice.turn", CONSUMER, said)
    text = stage.scene.say()
    trace.leaf("stt.transcribe", CLIENT, rng.uniform(80, 400), {"stt.model": "nova-3", "stt.characters": len(text)})
    with calls.around(stage):
        calls.loop(stage)
    trace.leaf("tts.synthesize", CLIENT, rng.uniform(90, 500), {"tts.voice": "alloy"})
    trace.end(root, "InternalError: the turn failed" if stage.scene.failed else None)


FLOWS: dict[str, Callable[[Stage], None]] = {
    "rest": rest,
    "chat": chat,
    "rag": rag,
    "single": single,
    "agent": agent,
    "batch": batch,
    "voice": voice,
}
