"""The one error tree: what can go wrong, said once for HTTP, jobs and logs.

    SwitchyardError            code                    status  retryable
    ├── BadInput               invalid_input           422     no
    │   ├── MalformedJson      malformed_json          400     no
    │   ├── UnknownField       unknown_field           422     no
    │   ├── InvalidParameter   invalid_parameter       422     no
    │   ├── NulCharacter       nul_character           422     no
    │   ├── UnknownKind        unknown_kind            422     no
    │   ├── TooManyLines       too_many_lines          422     no
    │   ├── TargetRefused      target_refused          422     no
    │   ├── ReplayTooLarge     replay_too_large        422     no
    │   ├── ExportUnreadable   export_unreadable       422     no
    │   ├── ParsingTimeout     parsing_timeout         422     no
    │   ├── ParsingTooLarge    parsing_too_large       422     no
    │   ├── ParserCrashed      parser_crashed          422     no
    │   ├── DocumentUnreadable document_unreadable     422     no
    │   │   ├── DocumentEncrypted document_encrypted   422     no
    │   │   ├── DocumentHasNoText document_has_no_text 422     no
    │   │   └── DocumentUnsupported document_unsupported 422   no
    │   ├── QueryRefused       query_refused         422     no
    │   ├── QueryFailed        query_failed          422     no
    │   └── IdempotencyKeyReused idempotency_key_reused 422    no
    ├── Unauthenticated        unauthenticated         401     no
    ├── InvalidSignature       invalid_signature       401     no
    │   └── SignatureExpired   signature_expired       401     no
    ├── Forbidden              forbidden               403     no
    │   ├── LinkInvalid        link_invalid            403     no
    │   └── LinkExpired        link_expired            403     no
    ├── NotFound               not_found               404     no
    │   └── MalformedId        malformed_id            404     no
    ├── Conflict               conflict                409     no
    │   ├── JobFinal           job_final               409     no
    │   ├── JobNotFinal        job_not_final           409     no
    │   ├── BatchFinal         batch_final             409     no
    │   ├── NotStored          not_stored              409     no
    │   ├── DraftEmpty             draft_empty             409     no
    │   ├── BuildRunning           build_running           409     yes
    │   ├── KnowledgeBaseNotBuilt  kb_not_built            409     no
    │   ├── VersionNotReady        version_not_ready       409     no
    │   ├── ReviewRequired         review_required         409     no
    │   ├── GateRefused            gate_refused            409     no
    │   └── IdempotencyKeyInUse idempotency_key_in_use 409     no
    ├── BodyTooLarge           body_too_large          413     no
    ├── UnsupportedMediaType   unsupported_media_type  415     no
    ├── RangeNotSatisfiable    range_not_satisfiable   416     no
    ├── RateLimited            rate_limited            429     yes
    │   └── QueueFull          queue_full              429     yes
    ├── Unavailable            unavailable             503     yes
    ├── WorkerLost             worker_lost             500     yes
    ├── TimedOut               timed_out               504     yes
    ├── BuildFailed            build_failed            422     no
    ├── CostLimitExceeded      cost_limit_exceeded     422     no
    ├── EncryptionNotConfigured encryption_not_configured 503     no
    ├── SecretUnreadable       secret_unreadable       500     no
    ├── TargetError            target_error            502     no
    │   ├── TargetUnreachable      target_unreachable      502     yes
    │   ├── TargetTimeout          target_timeout          504     yes
    │   ├── AnswerTooLarge         answer_too_large        502     no
    │   └── AnswerInvalid          answer_invalid          502     no
    └── ProviderError          provider_error          502     no
        ├── ProviderRateLimited  provider_rate_limited   429   yes
        │   └── ProviderBusy     provider_rate_limited   429   yes
        ├── ProviderUnavailable  provider_unavailable    503   yes
        ├── ProviderTimeout      provider_timeout        504   yes
        ├── ProviderAuth         provider_auth           502   no
        ├── ProviderNotConfigured provider_not_configured 422  no
        ├── ProviderBadRequest   provider_bad_request    422   no
        ├── ModelNotFound        model_not_found         422   no
        ├── ContextLengthExceeded context_length_exceeded 422  no
        ├── ContentFiltered      content_filtered        422   no
        └── InvalidModelOutput   invalid_model_output    502   no

The docstring of a class is its default message. One handler turns them into problem+json (api/errors.py),
one into a job's end or retry (workers/jobs/run.py).
"""

from typing import Any, ClassVar


class SwitchyardError(Exception):
    """Something went wrong inside Switchyard."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        detail: str | None = None,
        *,
        retry_after: float | None = None,
        errors: list[dict[str, str]] | None = None,
        **context: Any,
    ) -> None:
        self.detail = detail or (type(self).__doc__ or "").strip()
        self.retry_after = retry_after
        # Which values are wrong: [{"pointer": "/input/model", "detail": "…"}].
        self.errors = errors or []
        self.context = context
        super().__init__(self.detail)

    def as_json(self) -> dict[str, Any]:
        """What a job stores and shows of its failure."""
        return {"code": self.code, "message": self.detail, "retryable": self.retryable, **self.context}


class BadInput(SwitchyardError):
    """The request is understood, but a value in it cannot be used."""

    code, status = "invalid_input", 422


class MalformedJson(BadInput):
    """The request body is not valid JSON."""

    code, status = "malformed_json", 400


class UnknownField(BadInput):
    """The request has a field that does not exist here; `errors` names it."""

    code = "unknown_field"


class InvalidParameter(BadInput):
    """A query parameter has a value that cannot be used; `errors` names it."""

    code = "invalid_parameter"


class NulCharacter(BadInput):
    """Text may not contain the NUL character (U+0000)."""

    code = "nul_character"


class UnknownKind(BadInput):
    """There is no such kind of job."""

    code = "unknown_kind"


class TooManyLines(BadInput):
    """The batch has more lines than a batch may have; send the rest as another one."""

    code = "too_many_lines"


class TargetRefused(BadInput):
    """Switchyard may not call this URL: its scheme, host, address or port is not allowed."""

    code = "target_refused"


class ReplayTooLarge(BadInput):
    """The time has more events than are sent again at once; ask for a part of it."""

    code = "replay_too_large"


class ExportUnreadable(BadInput):
    """The file is no export of a knowledge base, or is damaged."""

    code = "export_unreadable"


class ParsingTimeout(BadInput):
    """Reading the input took too long, so it was stopped."""

    code = "parsing_timeout"


class ParsingTooLarge(BadInput):
    """Reading the input needs more memory than is allowed; split it into smaller parts."""

    code = "parsing_too_large"


class ParserCrashed(BadInput):
    """The parser failed on this input; it may be damaged."""

    code = "parser_crashed"


class DocumentUnreadable(BadInput):
    """The document is damaged or is not what its name says."""

    code = "document_unreadable"


class DocumentEncrypted(DocumentUnreadable):
    """The document is encrypted; upload it without its password protection."""

    code = "document_encrypted"


class DocumentHasNoText(DocumentUnreadable):
    """The document has no text; if it is a scan, upload it after text recognition."""

    code = "document_has_no_text"


class DocumentUnsupported(DocumentUnreadable):
    """A document of this type cannot be read."""

    code = "document_unsupported"


class QueryRefused(BadInput):
    """Only a single query that reads may be put to a database; `errors` names what is not allowed."""

    code = "query_refused"


class QueryFailed(BadInput):
    """The database says that the query cannot be run."""

    code = "query_failed"


class IdempotencyKeyReused(BadInput):
    """This Idempotency-Key was used before with another request; use a new key for a new request."""

    code = "idempotency_key_reused"


class Unauthenticated(SwitchyardError):
    """Send an API key or access token: `Authorization: Bearer sy_live_…`."""

    code, status = "unauthenticated", 401


class InvalidSignature(SwitchyardError):
    """The event is not signed with the hook's secret, or not as its scheme signs."""

    code, status = "invalid_signature", 401


class SignatureExpired(InvalidSignature):
    """The signature's timestamp is more than five minutes off; send the event again, signed anew."""

    code = "signature_expired"


class Forbidden(SwitchyardError):
    """This key may not do that; it lacks the scope."""

    code, status = "forbidden", 403


class LinkInvalid(Forbidden):
    """The link was not signed here, or was changed; ask for a new one."""

    code = "link_invalid"


class LinkExpired(Forbidden):
    """The link has expired; ask for a new one."""

    code = "link_expired"


class NotFound(SwitchyardError):
    """There is no such object."""

    code, status = "not_found", 404


class MalformedId(NotFound):
    """That is not an id of such an object."""

    code = "malformed_id"


class Conflict(SwitchyardError):
    """The object is not in a state that allows this."""

    code, status = "conflict", 409


class JobFinal(Conflict):
    """The job has ended and cannot change any more."""

    code = "job_final"


class JobNotFinal(Conflict):
    """The job has not failed, been cancelled or expired, so there is nothing to retry."""

    code = "job_not_final"


class NotStored(Conflict):
    """The job's input was not kept after its end, so it cannot run again; submit it anew."""

    code = "not_stored"


class BatchFinal(Conflict):
    """The batch has ended and cannot change any more."""

    code = "batch_final"


class DraftEmpty(Conflict):
    """The draft has no entry, so there is nothing to build; add one, or upload a document, an API or a schema."""

    code = "draft_empty"


class BuildRunning(Conflict):
    """Another build of this knowledge base is under way; it is tried again when that has ended."""

    code, retryable = "build_running", True


class KnowledgeBaseNotBuilt(Conflict):
    """The knowledge base has no active version; build its draft and activate that."""

    code = "kb_not_built"


class VersionNotReady(Conflict):
    """The version is being built, has failed, or is not kept any more."""

    code = "version_not_ready"


class ReviewRequired(Conflict):
    """This knowledge base wants its draft to be approved first: submit it, and have another member review it."""

    code = "review_required"


class GateRefused(Conflict):
    """The version is worse than the active one; `errors` has the figures. Activate it with `force` if it must be."""

    code = "gate_refused"


class IdempotencyKeyInUse(Conflict):
    """A request with this Idempotency-Key is still in progress; try again in a moment."""

    code = "idempotency_key_in_use"


class BodyTooLarge(SwitchyardError):
    """The request body is too large."""

    code, status = "body_too_large", 413


class UnsupportedMediaType(SwitchyardError):
    """Send JSON, with the header `Content-Type: application/json`."""

    code, status = "unsupported_media_type", 415


class RangeNotSatisfiable(SwitchyardError):
    """The file has no such bytes; Content-Range says how many it has."""

    code, status = "range_not_satisfiable", 416


class RateLimited(SwitchyardError):
    """Too many requests; wait for the time in Retry-After."""

    code, status, retryable = "rate_limited", 429, True


class QueueFull(RateLimited):
    """Too many jobs wait already; submit again when some have run."""

    code = "queue_full"


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
