"""Which provider a model name means, and whether that provider is set up. Cheap, and imports no vendor's SDK."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from infra.errors import BadInput, ModelNotFound, ProviderNotConfigured
from infra.settings import PROVIDERS, ProviderSettings, settings

SANDBOX = "sandbox"
# Their own model names contain slashes, so a bare `vendor/model` is one of theirs where they are AI_PROVIDER.
_SLASHED = ("openrouter", "local")
_NOT_FOR_TEXT = ("replicate",)
_WITHOUT_EMBEDDINGS = ("anthropic",)
_NOTHING = ProviderSettings(None, None)

_credentials: ContextVar[Mapping[str, ProviderSettings] | None] = ContextVar("provider_credentials", default=None)


@dataclass(frozen=True, slots=True)
class Target:
    """A model of a provider, by the provider's own name for it."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"


@contextmanager
def credentials(own: Mapping[str, ProviderSettings]) -> Iterator[None]:
    """Calls inside use these keys and addresses in place of the process's: a project's own keys, or a test's server."""
    token = _credentials.set({**(_credentials.get() or {}), **own})
    try:
        yield
    finally:
        _credentials.reset(token)


def provider_settings(provider: str) -> ProviderSettings:
    """Key and address of a provider, here and now."""
    own = _credentials.get()
    if own is not None and provider in own:
        return own[provider]
    return settings().providers.get(provider, _NOTHING)


def target(name: str | None, *, pointer: str = "/input/model") -> Target:
    """What a model name means; ModelNotFound at `pointer` if it means nothing."""
    name = name or settings().ai_model
    name = settings().model_aliases.get(name, name)
    provider, slash, model = name.partition("/")
    if provider == SANDBOX:
        return Target(SANDBOX, name)
    if slash and provider in PROVIDERS:
        if not model:
            raise _bad(pointer, f'"{name}" names a provider but no model')
        if provider in _NOT_FOR_TEXT:
            raise _bad(pointer, f"{provider} makes images only; use the image kind")
        return Target(provider, model)
    default = settings().ai_provider
    if slash and default not in _SLASHED:
        known = ", ".join((*PROVIDERS, SANDBOX))
        raise _bad(pointer, f'there is no provider "{provider}"; the providers are {known}')
    return Target(default, f"{SANDBOX}/{name}" if default == SANDBOX else name)


def require_configured(provider: str) -> None:
    """Raises ProviderNotConfigured if a call to this provider could not even be tried."""
    if provider in (SANDBOX, "local"):  # a local server may want a key, but most do not
        return
    if provider_settings(provider).api_key is None:
        raise ProviderNotConfigured(
            f"No API key is set for {provider}; set {provider.upper()}_API_KEY.",
            errors=[{"pointer": "/input/model", "detail": f"{provider} has no API key."}],
            provider=provider,
        )


def require_embeddings(provider: str) -> None:
    """Raises BadInput for a provider that offers no embeddings, ProviderNotConfigured for one without a key."""
    if provider in _WITHOUT_EMBEDDINGS:
        detail = f"{provider} offers no embeddings"
        raise BadInput(f"{detail.capitalize()}.", errors=[{"pointer": "/input/model", "detail": detail}])
    require_configured(provider)


def _bad(pointer: str, detail: str) -> ModelNotFound:
    return ModelNotFound(detail[0].upper() + detail[1:] + ".", errors=[{"pointer": pointer, "detail": detail}])
