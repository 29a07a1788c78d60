"""What the parts of a test run hand to each other: the surroundings of a run, what came back, and how it was judged."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from infra import json
from infra.http import GuardedClient
from models import Verdict

if TYPE_CHECKING:  # the kinds import this
    from workers.kinds.base import Context

Json = dict[str, Any]

BODY_SHOWN = 64 * 1024
BODY_READ = 10 * 1024 * 1024


class Redaction(Protocol):
    """Takes secrets out of everything that is kept, in each of the forms in which they may appear."""

    def learn(self, secret: str, *, passing: bool = False) -> None:
        """From here on this is a secret, too; `passing`: until many more of its kind have come."""

    def text(self, value: str) -> str:
        """The text without secrets."""

    def bytes(self, value: bytes) -> bytes:
        """The bytes without secrets."""

    def json(self, value: Any) -> Any:
        """The same for all texts, and names, of a value."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The environment that a run happens in, read once: its secrets are open here and nowhere else."""

    environment_id: UUID | None = None
    name: str | None = None
    base_url: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    auth: Mapping[str, Json] = field(default_factory=dict)
    default_auth: str | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)
    knowledge_base_id: UUID | None = None


@dataclass(slots=True)
class World:
    """All that the steps of one run share. `complete(payload)` is the kind `completion` with such an input, as part of
    this job; `cache` is for what parts find out once (tokens of OAuth2, compiled schemas, operations)."""

    ctx: "Context"
    project_id: UUID
    run_id: UUID
    surroundings: Surroundings
    client: GuardedClient
    redaction: Redaction
    complete: Callable[[Json], Awaitable[Json]]
    seed: int = 0
    cache: dict[Any, Any] = field(default_factory=dict)


@dataclass
class Answered:
    """What came back for a step. `method`, `url` and `operation` are of http steps; `body` is what a model said, as
    UTF-8, for completion steps, whose whole result is `result`. `headers` keep their order and repeat. `hidden`: it has
    more secrets in it than can be taken out, so nothing of it may be kept."""

    kind: str
    body: bytes
    milliseconds: float
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    cut: bool = False
    method: str = ""
    url: str = ""
    operation: str | None = None
    knowledge_base_id: UUID | None = None
    result: Json | None = None
    hidden: bool = False

    def header(self, name: str) -> str | None:
        """The first header of that name, in whatever case."""
        wanted = name.lower()
        return next((value for name, value in self.headers if name.lower() == wanted), None)

    @cached_property
    def text(self) -> str:
        """The body as text; what is no UTF-8 is replaced."""
        return self.body.decode("utf-8", "replace")

    @cached_property
    def json(self) -> Any:
        """The body as JSON; raises ValueError."""
        return json.read(self.body)


@dataclass(frozen=True, slots=True)
class Judged:
    """How an assertion came out; `verdict` is passed, failed or errored. A failed one of severity `warn` fails no step.
    `message` says in a sentence what was expected and what came; `details` has problems one by one, or a judge's votes.
    """

    assertion: Json
    verdict: Verdict
    message: str
    expected: Any = None
    actual: Any = None
    details: list[Json] | None = None
