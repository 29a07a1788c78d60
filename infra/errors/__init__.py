"""The one error tree: what can go wrong, said once for HTTP, jobs and logs.

    SwitchyardError            code                    status  retryable
    ├── BadInput               invalid_input           422     no
    │   ├── MalformedJson      malformed_json          400     no
    │   ├── MalformedOtlp      malformed_otlp          400     no
    │   ├── UnknownField       unknown_field           422     no
    │   ├── InvalidParameter   invalid_parameter       422     no
    │   ├── NulCharacter       nul_character           422     no
    │   ├── UnknownKind        unknown_kind            422     no
    │   ├── TooManyLines       too_many_lines          422     no
    │   ├── TooManyRows        too_many_rows           422     no
    │   ├── TargetRefused      target_refused          422     no
    │   ├── ReplayTooLarge     replay_too_large        422     no
    │   ├── TimeTooLong        time_too_long           422     no
    │   ├── UnsetVariable      unset_variable          422     no
    │   ├── PatternTooSlow     pattern_too_slow        422     no
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
    │   ├── RunNotFinal            run_not_final           409     no
    │   ├── NothingToAccept        nothing_to_accept       409     no
    │   ├── FeatureMerged          feature_merged          409     no
    │   ├── FeatureDismissed       feature_dismissed       409     no
    │   ├── FeatureKeyTaken        feature_key_taken       409     no
    │   ├── FeatureHasNoTests      feature_has_no_tests    409     no
    │   ├── DriftResolved          drift_resolved          409     no
    │   ├── MergeRefused           merge_refused           409     no
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

from infra.errors.base import (
    SwitchyardError,
)
from infra.errors.failures import (
    AnswerInvalid,
    AnswerTooLarge,
    BuildFailed,
    ContentFiltered,
    ContextLengthExceeded,
    CostLimitExceeded,
    EncryptionNotConfigured,
    InvalidModelOutput,
    ModelNotFound,
    ProviderAuth,
    ProviderBadRequest,
    ProviderBusy,
    ProviderError,
    ProviderNotConfigured,
    ProviderRateLimited,
    ProviderTimeout,
    ProviderUnavailable,
    SecretUnreadable,
    TargetError,
    TargetTimeout,
    TargetUnreachable,
    TimedOut,
    Unavailable,
    WorkerLost,
)
from infra.errors.refusals import (
    BadInput,
    BatchFinal,
    BodyTooLarge,
    BuildRunning,
    Conflict,
    DocumentEncrypted,
    DocumentHasNoText,
    DocumentUnreadable,
    DocumentUnsupported,
    DraftEmpty,
    DriftResolved,
    ExportUnreadable,
    FeatureDismissed,
    FeatureHasNoTests,
    FeatureKeyTaken,
    FeatureMerged,
    Forbidden,
    GateRefused,
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    InvalidParameter,
    InvalidSignature,
    JobFinal,
    JobNotFinal,
    KnowledgeBaseNotBuilt,
    LinkExpired,
    LinkInvalid,
    MalformedId,
    MalformedJson,
    MalformedOtlp,
    MergeRefused,
    NotFound,
    NothingToAccept,
    NotStored,
    NulCharacter,
    ParserCrashed,
    ParsingTimeout,
    ParsingTooLarge,
    PatternTooSlow,
    QueryFailed,
    QueryRefused,
    QueueFull,
    RangeNotSatisfiable,
    RateLimited,
    ReplayTooLarge,
    ReviewRequired,
    RunNotFinal,
    SignatureExpired,
    TargetRefused,
    TimeTooLong,
    TooManyLines,
    TooManyRows,
    Unauthenticated,
    UnknownField,
    UnknownKind,
    UnsetVariable,
    UnsupportedMediaType,
    VersionNotReady,
)

__all__ = [
    "AnswerInvalid",
    "AnswerTooLarge",
    "BadInput",
    "BatchFinal",
    "BodyTooLarge",
    "BuildFailed",
    "BuildRunning",
    "Conflict",
    "ContentFiltered",
    "ContextLengthExceeded",
    "CostLimitExceeded",
    "DocumentEncrypted",
    "DocumentHasNoText",
    "DocumentUnreadable",
    "DocumentUnsupported",
    "DraftEmpty",
    "DriftResolved",
    "EncryptionNotConfigured",
    "ExportUnreadable",
    "FeatureDismissed",
    "FeatureHasNoTests",
    "FeatureKeyTaken",
    "FeatureMerged",
    "Forbidden",
    "GateRefused",
    "IdempotencyKeyInUse",
    "IdempotencyKeyReused",
    "InvalidModelOutput",
    "InvalidParameter",
    "InvalidSignature",
    "JobFinal",
    "JobNotFinal",
    "KnowledgeBaseNotBuilt",
    "LinkExpired",
    "LinkInvalid",
    "MalformedId",
    "MalformedJson",
    "MalformedOtlp",
    "MergeRefused",
    "ModelNotFound",
    "NotFound",
    "NotStored",
    "NothingToAccept",
    "NulCharacter",
    "ParserCrashed",
    "ParsingTimeout",
    "ParsingTooLarge",
    "PatternTooSlow",
    "ProviderAuth",
    "ProviderBadRequest",
    "ProviderBusy",
    "ProviderError",
    "ProviderNotConfigured",
    "ProviderRateLimited",
    "ProviderTimeout",
    "ProviderUnavailable",
    "QueryFailed",
    "QueryRefused",
    "QueueFull",
    "RangeNotSatisfiable",
    "RateLimited",
    "ReplayTooLarge",
    "ReviewRequired",
    "RunNotFinal",
    "SecretUnreadable",
    "SignatureExpired",
    "SwitchyardError",
    "TargetError",
    "TargetRefused",
    "TargetTimeout",
    "TargetUnreachable",
    "TimeTooLong",
    "TimedOut",
    "TooManyLines",
    "TooManyRows",
    "Unauthenticated",
    "Unavailable",
    "UnknownField",
    "UnknownKind",
    "UnsetVariable",
    "UnsupportedMediaType",
    "VersionNotReady",
    "WorkerLost",
]
