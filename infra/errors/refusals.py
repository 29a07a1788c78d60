"""What a request may be refused with."""

from infra.errors.base import SwitchyardError


class BadInput(SwitchyardError):
    """The request is understood, but a value in it cannot be used."""

    code, status = "invalid_input", 422


class MalformedJson(BadInput):
    """The request body is not valid JSON."""

    code, status = "malformed_json", 400


class MalformedOtlp(BadInput):
    """The request body is not an ExportTraceServiceRequest of OTLP."""

    code, status = "malformed_otlp", 400


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


class TooManyRows(BadInput):
    """A test case has more data rows than it may have; upload them as a file and name it in `data_file_id`."""

    code = "too_many_rows"


class TargetRefused(BadInput):
    """Switchyard may not call this URL: its scheme, host, address or port is not allowed."""

    code = "target_refused"


class ReplayTooLarge(BadInput):
    """The time has more events than are sent again at once; ask for a part of it."""

    code = "replay_too_large"


class TimeTooLong(BadInput):
    """The time has more traces than can be counted at once; ask for a part of it."""

    code = "time_too_long"


class ExportUnreadable(BadInput):
    """The file is no export of a knowledge base, or is damaged."""

    code = "export_unreadable"


class UnsetVariable(BadInput):
    """A template asks for a variable that nobody set."""

    code = "unset_variable"


class PatternTooSlow(BadInput):
    """A regular expression, or a path, did not come to an end in time."""

    code = "pattern_too_slow"


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


class RunNotFinal(Conflict):
    """The test run has not ended yet; wait for it, or cancel it."""

    code = "run_not_final"


class NothingToAccept(Conflict):
    """What came back cannot become the expectation of the test case; `errors` says why, one by one."""

    code = "nothing_to_accept"


class FeatureMerged(Conflict):
    """The feature was merged into another one, which is the one to change."""

    code = "feature_merged"


class FeatureDismissed(Conflict):
    """The feature was dismissed; confirm it first."""

    code = "feature_dismissed"


class FeatureKeyTaken(Conflict):
    """Another feature has this key; keys never change, so choose another one."""

    code = "feature_key_taken"


class FeatureHasNoTests(Conflict):
    """The feature has no approved test case; have some suggested from its traces, approve them, and run again."""

    code = "feature_has_no_tests"


class DriftResolved(Conflict):
    """The drift is resolved already."""

    code = "drift_resolved"


class MergeRefused(Conflict):
    """A feature cannot be merged into itself, nor into one that leads to it."""

    code = "merge_refused"


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
