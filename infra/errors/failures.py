"""What may fail on the way, here or elsewhere."""

from infra.errors.base import SwitchyardError


class Unavailable(SwitchyardError):
    """A part that Switchyard needs does not answer; try again in a moment."""

    code, status, retryable = "unavailable", 503, True


class WorkerLost(SwitchyardError):
    """The worker that ran this job died or lost its connection before it finished."""

    code, retryable = "worker_lost", True


class TimedOut(SwitchyardError):
    """The job ran longer than its time limit."""

    code, status, retryable = "timed_out", 504, True


class BuildFailed(SwitchyardError):
    """The knowledge base could not be built; the version's entries say why."""

    code, status = "build_failed", 422


class CostLimitExceeded(SwitchyardError):
    """The job would cost more than its max_cost."""

    code, status = "cost_limit_exceeded", 422


class EncryptionNotConfigured(SwitchyardError):
    """Secrets cannot be stored: ENCRYPTION_KEYS is not set."""

    code, status = "encryption_not_configured", 503


class SecretUnreadable(SwitchyardError):
    """A stored secret cannot be decrypted."""

    code = "secret_unreadable"


class TargetError(SwitchyardError):
    """A URL that was called for a user gave no usable answer."""

    code, status = "target_error", 502


class TargetUnreachable(TargetError):
    """The called host cannot be reached."""

    code, retryable = "target_unreachable", True


class TargetTimeout(TargetError):
    """The called host did not answer in time."""

    code, status, retryable = "target_timeout", 504, True


class AnswerTooLarge(TargetError):
    """The called host's answer is larger than is read."""

    code = "answer_too_large"


class AnswerInvalid(TargetError):
    """The called host's answer is not valid HTTP, or redirects too often."""

    code = "answer_invalid"


class ProviderError(SwitchyardError):
    """The AI provider answered with an error."""

    code, status = "provider_error", 502


class ProviderRateLimited(ProviderError):
    """The AI provider's rate limit is reached."""

    code, status, retryable = "provider_rate_limited", 429, True


class ProviderBusy(ProviderRateLimited):
    """The AI provider's rate limit leaves no room now, so nothing was sent to it."""


class ProviderUnavailable(ProviderError):
    """The AI provider cannot be reached or is failing."""

    code, status, retryable = "provider_unavailable", 503, True


class ProviderTimeout(ProviderError):
    """The AI provider did not answer in time."""

    code, status, retryable = "provider_timeout", 504, True


class ProviderAuth(ProviderError):
    """The AI provider refused our API key."""

    code = "provider_auth"


class ProviderNotConfigured(ProviderError):
    """No API key is set for this AI provider."""

    code, status = "provider_not_configured", 422


class ProviderBadRequest(ProviderError):
    """The AI provider refused the request as invalid."""

    code, status = "provider_bad_request", 422


class ModelNotFound(ProviderError):
    """The AI provider has no such model."""

    code, status = "model_not_found", 422


class ContextLengthExceeded(ProviderError):
    """The input is longer than the model's context window."""

    code, status = "context_length_exceeded", 422


class ContentFiltered(ProviderError):
    """The AI provider's content filter refused the input or the answer."""

    code, status = "content_filtered", 422


class InvalidModelOutput(ProviderError):
    """The model's answer does not match the requested JSON schema, also after one repair."""

    code = "invalid_model_output"
