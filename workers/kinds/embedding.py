"""The embedding kind: vectors for texts."""

from typing import Any

from schemas.embedding import EmbeddingIn, EmbeddingOut
from workers.kinds import costs
from workers.kinds.base import Context, Estimate, Kind
from workers.kinds.completion import usage_json
from workers.providers import names, pace, routing
from workers.providers.base import Embeddings, Provider
from workers.providers.meter import characters, tokens
from workers.providers.names import SANDBOX, Target

Json = dict[str, Any]

_OPTIONS = ("dimensions", "user")


def check(payload: Json) -> None:
    """Refuses a model of nobody, a provider without embeddings, and one without a key."""
    names.require_embeddings(names.target(payload.get("model")).provider)


def lane(payload: Json) -> str | None:
    """The model that will be called, unless it is the sandbox."""
    target = names.target(payload.get("model"))
    return None if target.provider == SANDBOX else str(target)


def priced(payload: Json) -> bool:
    """Whether the model has a list price."""
    return costs.priced([names.target(payload.get("model"))])


def estimate(payload: Json) -> Estimate:
    """What the vectors would take."""
    return costs.estimate([names.target(payload.get("model"))], tokens(characters(payload["input"])), 0)


async def run(ctx: Context, payload: Json) -> Json:
    """One vector a text, in order."""
    texts = [payload["input"]] if isinstance(payload["input"], str) else payload["input"]
    size, budget = tokens(characters(texts)), costs.Budget(ctx)
    options = {name: payload[name] for name in _OPTIONS if payload.get(name) is not None}

    async def embed(provider: Provider, target: Target) -> Embeddings:
        budget.require_input(target, size)
        if target.provider != SANDBOX:
            await pace.take(target.provider, target.model, size)
        return await provider.embed(target.model, texts, options)

    ctx.checkpoint()
    made, target, _ = await routing.first_answer(routing.chain(payload.get("model")), embed)
    ctx.used(made.usage)
    return {
        "embeddings": made.vectors,
        "model": target.model,
        "provider": target.provider,
        "usage": usage_json([made.usage]),
    }


KIND = Kind(
    name="embedding",
    title="Text embedding",
    queue="completions",
    payload=EmbeddingIn,
    result=EmbeddingOut,
    run=run,
    example={"model": "sandbox", "input": ["A text to find again."]},
    check=check,
    lane=lane,
    priced=priced,
    estimate=estimate,
)
