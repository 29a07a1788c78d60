"""From a model name to a provider, with fallbacks and the circuit breaker around the call."""

from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from infra.errors import ContentFiltered, ContextLengthExceeded, ProviderBusy, ProviderError
from infra.settings import ProviderSettings, settings
from workers.providers import breaker, names
from workers.providers.base import Provider
from workers.providers.names import SANDBOX, Target
from workers.providers.sandbox import SandboxProvider

Json = dict[str, Any]
T = TypeVar("T")

# Provider → its own address, used unless <PROVIDER>_BASE_URL is set.
ADDRESSES = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com",
    "openrouter": "https://openrouter.ai/api/v1",
    "xai": "https://api.x.ai/v1",
    "gemini": "https://generativelanguage.googleapis.com/v1beta/openai/",
    "local": "http://127.0.0.1:11434/v1",
}

ON: dict[str, type[ProviderError]] = {
    "any": ProviderError,
    "context_window": ContextLengthExceeded,
    "content_filter": ContentFiltered,
}


@dataclass(frozen=True, slots=True)
class Step:
    """One link of a fallback chain: a model, and the class of errors after which it is tried."""

    target: Target
    after: type[ProviderError] = ProviderError


_sandbox = SandboxProvider()
# Each holds an SDK's client and its connections, and every key of a customer's own makes another one.
MOST_MADE = 64
_made: OrderedDict[tuple[str, ProviderSettings, float], Provider] = OrderedDict()
_in_use: Counter[Provider] = Counter()


def provider(name: str) -> Provider:
    """The provider of this name, set up; ProviderNotConfigured without a key, before anything reaches the network."""
    if name == SANDBOX:
        return _sandbox
    names.require_configured(name)
    key = (name, names.provider_settings(name), settings().provider_timeout_seconds)
    found = _made.get(key)
    if found is None:
        found = _made[key] = _make(*key)
    _made.move_to_end(key)
    return found


async def _close_idle() -> None:
    """Closes the providers used longest ago that nobody is calling, until there are few enough."""
    idle = [key for key, made in _made.items() if not _in_use[made]]
    for key in idle[: max(0, len(_made) - MOST_MADE)]:
        await _made.pop(key).close()


def _make(name: str, own: ProviderSettings, timeout_seconds: float) -> Provider:
    # Imported where first needed: the SDKs cost 1 s and 23 MB (openai), 2 s and 37 MB (anthropic) a process.
    if name == "anthropic":
        from workers.providers.anthropic import AnthropicProvider

        return AnthropicProvider(name, own, base_url=ADDRESSES[name], timeout_seconds=timeout_seconds)
    from workers.providers.openai import OpenAIProvider

    return OpenAIProvider(name, own, base_url=ADDRESSES[name], timeout_seconds=timeout_seconds)


def preload() -> None:
    """Imports the SDKs of the vendors that are set up."""
    for name, own in settings().providers.items():
        if own.api_key is not None and name in ADDRESSES:
            provider(name)


async def close() -> None:
    """Closes this event loop's connections to every provider; for the end of a worker or a test."""
    for made in list(_made.values()):
        await made.close()


def chain(model: str | None, fallback_models: list[str | Json] | None = None) -> list[Step]:
    """The models to try, in order; ModelNotFound with a pointer for a name that means nothing."""
    steps = [Step(names.target(model))]
    for index, fallback in enumerate(fallback_models or ()):
        pointer = f"/input/fallback_models/{index}"
        if isinstance(fallback, str):
            steps.append(Step(names.target(fallback, pointer=pointer)))
        else:
            found = names.target(fallback["model"], pointer=f"{pointer}/model")
            steps.append(Step(found, ON[fallback.get("on", "any")]))
    return steps


async def first_answer(
    steps: list[Step], call: Callable[[Provider, Target], Awaitable[T]]
) -> tuple[T, Target, list[Json]]:
    """The answer of the first model that gives one, which that was, and the failures before it.

    If none answers, the error is the first that a retry may mend, else the last, with the failures in its context. That
    a model was busy counts only where no other error may pass: a call that was sent is an attempt.
    """
    failures: list[tuple[Target, ProviderError]] = []
    for step in steps:
        if failures and not isinstance(failures[-1][1], step.after):
            continue
        try:
            answer = await _guarded(step.target, call)
        except ProviderError as error:
            failures.append((step.target, error))
        else:
            return answer, step.target, _told(failures)
    passing = [failure for _, failure in failures if failure.retryable] or [failures[-1][1]]
    sent = [failure for failure in passing if not isinstance(failure, ProviderBusy)]
    worst = sent[0] if sent else min(passing, key=lambda busy: busy.retry_after or 0.0)
    if len(failures) > 1:
        worst.context["attempts"] = _told(failures)
    raise worst


async def _guarded(target: Target, call: Callable[[Provider, Target], Awaitable[T]]) -> T:
    """One call under its circuit breaker; the sandbox needs none."""
    chosen = provider(target.provider)
    if target.provider == SANDBOX:
        return await call(chosen, target)
    _in_use[chosen] += 1
    try:
        await breaker.require_closed(target.provider, target.model)
        answer = await call(chosen, target)
    except ProviderError as error:
        await breaker.failed(target.provider, target.model, error)
        raise
    finally:
        _in_use[chosen] -= 1
        if not _in_use[chosen]:
            del _in_use[chosen]
        if len(_made) > MOST_MADE:
            await _close_idle()
    await breaker.succeeded(target.provider, target.model)
    return answer


def _told(failures: list[tuple[Target, ProviderError]]) -> list[Json]:
    return [
        {"provider": target.provider, "model": target.model, "error": {"code": error.code, "message": error.detail}}
        for target, error in failures
    ]
