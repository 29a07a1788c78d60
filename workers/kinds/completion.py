"""The completion kind: a chat answer of one model, or of the first of several that gives one."""

from contextlib import aclosing
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from infra.errors import ContentFiltered, InvalidModelOutput, ProviderUnavailable
from models import Store
from schemas.completion import CompletionIn, CompletionOut
from workers.kinds import costs
from workers.kinds.base import Context, Estimate, Kind
from workers.knowledge import answering
from workers.providers import cache, names, pace, routing, structured
from workers.providers.base import Completion, CompletionRequest, Delta, Provider, ProviderUsage
from workers.providers.deltas import Deltas
from workers.providers.meter import Meter, input_tokens, tokens
from workers.providers.names import SANDBOX, Target

Json = dict[str, Any]

_OPTIONS = (
    "temperature",
    "top_p",
    "max_tokens",
    "stop",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "parallel_tool_calls",
    "reasoning_effort",
    "user",
)


def check(payload: Json) -> None:
    """Refuses what cannot work: models of nobody, a provider without a key, a JSON schema that is none."""
    for step in routing.chain(payload.get("model"), payload.get("fallback_models")):
        names.require_configured(step.target.provider)
    structured.validator(payload.get("response_format"))


def lane(payload: Json) -> str | None:
    """The one model that will be called; None where it is the sandbox, or one of several."""
    if payload.get("fallback_models"):
        return None
    target = names.target(payload.get("model"))
    return None if target.provider == SANDBOX else str(target)


def _targets(payload: Json) -> list[Target]:
    return [step.target for step in routing.chain(payload.get("model"), payload.get("fallback_models"))]


def priced(payload: Json) -> bool:
    """Whether every model that may be called has a list price."""
    return costs.priced(_targets(payload))


def estimate(payload: Json) -> Estimate:
    """What an answer would take."""
    return costs.estimate(
        _targets(payload),
        input_tokens(payload["messages"], payload.get("tools")) + answering.most_tokens(payload),
        payload.get("max_tokens"),
        free=bool(cache.ttl(payload.get("cache"))),
        repaired=_format(payload.get("response_format")) is not None,
    )


async def run(ctx: Context, payload: Json) -> Json:
    """Looks up what the answer is to rest on, if asked to; then answers from the response cache if asked to and there,
    else from the first model that answers."""
    found = await answering.sources(ctx.project_id, payload)
    if found is None:
        return await _answered(ctx, payload)
    result = await _answered(ctx, {**payload, "messages": found.told(payload["messages"])})
    return {**result, "citations": found.citations(result["message"])}


async def _answered(ctx: Context, payload: Json) -> Json:
    steps = routing.chain(payload.get("model"), payload.get("fallback_models"))
    seconds = cache.ttl(payload.get("cache")) if ctx.store == Store.FULL else 0
    where = ""
    if seconds:
        models = [str(step.target) for step in steps]
        where = cache.key(ctx.project_id, models, payload)
        kept = await cache.get(where)
        if kept is not None:
            return _again(ctx, payload, kept)
    call = _Call(ctx, payload, costs.Budget(ctx))
    answer, target, attempts = await routing.first_answer(steps, call.answer)
    result = _result(answer.message, answer.finish_reason, target, call.usages)
    if attempts:
        result["attempts"] = attempts
    if seconds and answer.finish_reason in ("stop", "tool_calls"):
        await cache.put(where, result, seconds)
    return result


@dataclass(slots=True)
class _Call:
    """One job's way through its models; `usages` are the calls to the one that answered."""

    ctx: Context
    payload: Json
    budget: costs.Budget
    usages: list[ProviderUsage] = field(default_factory=list)
    sent: bool = False

    async def answer(self, provider: Provider, target: Target) -> Completion:
        """One model's answer, repaired once if it must be JSON and is not."""
        self.ctx.checkpoint()
        self.usages = []
        request = self._request(target.model)
        answer = await self._ask(provider, target, request)
        against = structured.validator(request.response_format)
        if against is None or answer.message.get("tool_calls") or answer.message.get("refusal"):
            return answer
        wrong = structured.problems(against, answer.message.get("content"))
        if wrong and answer.finish_reason != "length":  # an answer cut by max_tokens would be cut again
            self.ctx.checkpoint()
            request.messages = structured.repair(request.messages, answer.message, wrong)
            answer = await self._ask(provider, target, request)
            wrong = structured.problems(against, answer.message.get("content"))
        if wrong:
            cut = " It was cut by max_tokens." if answer.finish_reason == "length" else ""
            detail = f"The model's answer does not match the JSON schema: {'; '.join(wrong)}.{cut}"
            raise InvalidModelOutput(detail, provider=target.provider, model=target.model)
        return answer

    def _request(self, model: str) -> CompletionRequest:
        payload = self.payload
        return CompletionRequest(
            model=model,
            messages=payload["messages"],
            tools=payload.get("tools"),
            tool_choice=payload.get("tool_choice"),
            response_format=_format(payload.get("response_format")),
            options={name: payload[name] for name in _OPTIONS if payload.get(name) is not None},
        )

    async def _ask(self, provider: Provider, target: Target, request: CompletionRequest) -> Completion:
        size = input_tokens(request.messages, request.tools)
        affordable = self.budget.output_tokens(target, size)
        bounded = self._bounded(request, target, size, affordable)
        lowered = request.options.get("max_tokens") != self.payload.get("max_tokens")
        if target.provider != SANDBOX:
            await pace.take(target.provider, target.model, size + (request.options.get("max_tokens") or 0))
        shown = bool(self.payload.get("stream"))
        if shown or not bounded:  # only a stream can be stopped
            stop_at = affordable if lowered or not bounded else None
            answer = await self._streamed(provider, request, stop_at, shown=shown)
        else:
            answer = await provider.complete(request)
            self._count(answer.usage)
        if shown and lowered and answer.finish_reason == "length":
            self.ctx.partial(_result(answer.message, "length", target, self.usages))
            raise self.budget.exceeded(target)
        if answer.finish_reason == "content_filter" and not answer.message.get("content"):
            raise ContentFiltered(provider=provider.name, model=request.model)
        return answer

    def _bounded(self, request: CompletionRequest, target: Target, size: int, affordable: int | None) -> bool:
        """Whether the provider itself will stop at an answer that is affordable; `max_tokens` is lowered for it.

        Without a limit of the caller's only a low one is set: a higher one than the model knows would be refused.
        """
        given = self.payload.get("max_tokens")
        if affordable is None or (given or costs.most_output(target, size)[0]) <= affordable:
            return True
        if given is None and affordable > costs.ASSUMED_OUTPUT:
            return False
        request.options = {**request.options, "max_tokens": affordable}
        return True

    async def _streamed(
        self, provider: Provider, request: CompletionRequest, stop_at: int | None, *, shown: bool
    ) -> Completion:
        """The answer, shown as it comes. However it ends, what was consumed is counted and what is there is kept."""
        if self.sent:  # a watcher that shows deltas must forget those of the model or round before
            self.ctx.delta({"reset": True})
        meter, deltas = Meter(provider.name, request.model), Deltas(self.ctx.delta if shown else _unseen)
        try:
            async with aclosing(provider.stream(request)) as stream:
                async for item in stream:
                    if isinstance(item, Delta):
                        meter.token()
                        deltas.add(item)
                        self.ctx.checkpoint()
                        if stop_at is not None and tokens(deltas.length) > stop_at:
                            raise self.budget.exceeded(Target(provider.name, request.model))
                    else:
                        deltas.flush()
                        self._count(item.usage)
                        return item
        except BaseException:
            self._cut(request, meter, deltas)
            raise
        finally:
            self.sent = self.sent or (shown and deltas.sent)
        raise ProviderUnavailable(f"{provider.name} ended its stream without an answer", provider=provider.name)

    def _count(self, usage: ProviderUsage) -> None:
        self.usages.append(usage)
        self.budget.count(usage)
        self.ctx.used(usage)

    def _cut(self, request: CompletionRequest, meter: Meter, deltas: Deltas) -> None:
        """The stream ended before its end: by cancellation, the deadline, or a broken connection."""
        deltas.drop()
        if meter.first is None:
            return
        text, reasoning = "".join(deltas.text), "".join(deltas.reasoning)
        usage = meter.estimate(request, deltas.length)
        self._count(usage)
        message: Json = {"role": "assistant", "content": text or None}
        if reasoning:
            message["reasoning"] = reasoning
        target = Target(meter.provider, meter.model)
        self.ctx.partial(_result(message, "cancelled", target, self.usages))


def _unseen(delta: Json) -> None:
    """Where deltas of an answer go that nobody asked to see."""


def _format(response_format: Json | None) -> Json | None:
    """The answer's format as providers want it: OpenAI insists on a name for a schema."""
    if response_format is None or response_format["type"] == "text":
        return None
    if response_format["type"] == "json_schema":
        return {**response_format, "json_schema": {"name": "answer", **response_format["json_schema"]}}
    return response_format


def _again(ctx: Context, payload: Json, kept: Json) -> Json:
    """A kept answer as this job's: shown in one piece, free of charge."""
    message = kept["message"]
    if payload.get("stream"):
        for name in ("reasoning", "content", "tool_calls"):
            if message.get(name):
                ctx.delta({name: message[name]})
    usage = {**usage_json([]), "cost_usd": "0"}
    return {**{name: value for name, value in kept.items() if name != "attempts"}, "usage": usage, "cached": True}


def _result(message: Json, finish_reason: str, target: Target, usages: list[ProviderUsage]) -> Json:
    return {
        "message": message,
        "finish_reason": finish_reason,
        "model": target.model,
        "provider": target.provider,
        "usage": usage_json(usages),
        "cached": False,
    }


def usage_json(usages: list[ProviderUsage]) -> Json:
    """The sum of some calls as results show it; the cost is null where one of their prices is unknown."""
    costs = [usage.cost_usd for usage in usages]
    first = usages[0].first_token_seconds if usages else None
    return {
        "input_tokens": sum(usage.input_tokens for usage in usages),
        "output_tokens": sum(usage.output_tokens for usage in usages),
        "cached_tokens": sum(usage.cached_tokens for usage in usages),
        "reasoning_tokens": sum(usage.reasoning_tokens for usage in usages),
        "cost_usd": None if None in costs else f"{sum((cost for cost in costs if cost is not None), Decimal(0)):f}",
        "latency_ms": round(sum(usage.latency_seconds for usage in usages) * 1000),
        "first_token_ms": None if first is None else round(first * 1000),
    }


KIND = Kind(
    name="completion",
    title="Chat completion",
    queue="completions",
    payload=CompletionIn,
    result=CompletionOut,
    run=run,
    example={"model": "sandbox", "messages": [{"role": "user", "content": "Say hello."}]},
    check=check,
    admit=answering.admit,
    scope=lambda payload: "kb:read" if payload.get("retrieval") else None,
    lane=lane,
    priced=priced,
    estimate=estimate,
)
