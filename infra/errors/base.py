"""What every error of the tree has."""

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
