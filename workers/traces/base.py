"""A span as it was received, and what is made of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from sqlalchemy.orm import Session

Json = dict[str, Any]

UNSPECIFIED, INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = range(6)


@dataclass(slots=True)
class Span:
    """One span of OTLP, decoded. `trace_id` is its 16 bytes, `span_id` and `parent_id` 8 bytes (None: a root); times in
    nanoseconds since 1970; `status` 0 unset, 1 ok, 2 error. Attributes are plain values by their dotted names, lists
    and objects as such, bytes in base64. `events` are `{"name", "time", "attributes"}` (nanoseconds), `links`
    `{"trace_id", "span_id", "attributes"}` in hex. `resource` is shared by the spans that came with it: the resource's
    attributes, and `otel.scope.name` and `otel.scope.version`."""

    trace_id: bytes
    span_id: bytes
    parent_id: bytes | None
    name: str
    kind: int
    start: int
    end: int
    status: int
    status_message: str | None
    attributes: Json
    events: list[Json]
    links: list[Json]
    resource: Json
    # Worked out once, by workers/traces/saying.py.
    said: "Said | None" = None


@dataclass(slots=True)
class Said:
    """A span as stores keep it: texts of canonical JSON (None: there are no events, or links), and the digest of
    everything that it says, its resource included. The resource's own digest tells whether it is known already."""

    attributes: str
    events: str | None
    links: str | None
    resource: int
    digest: int


@dataclass(slots=True)
class Derived:
    """What the columns of an observation say, as far as a span's attributes tell; `cost` in US dollars, None where the
    model's price is not known."""

    kind: str
    operation: str | None = None
    provider: str | None = None
    model: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    release: str | None = None
    environment: str | None = None
    service: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost: Decimal | None = None


@dataclass(slots=True)
class Message:
    """One message of a conversation: role (system, user, assistant, tool), its text, and the tools that it calls
    (`{"name", "arguments", "id"}`); other parts (images, files) are named in the text."""

    role: str
    text: str
    tool_calls: list[Json] = field(default_factory=list)


@dataclass(slots=True)
class Texts:
    """What was said, as far as the attributes and events of an observation tell.

    `input` and `output` are what to show (plain values); of a call of a model `system` is its instructions, `messages`
    the conversation without them, `answer` what it said, `refused` whether it is said to have declined or been
    filtered, `parameters` temperature and the like by their names in gen_ai.request.*, `tools` as `{"name",
    "description", "parameters"}`, `schema` the JSON schema it had to answer by. Of a tool: `tool` its name.
    """

    input: Any = None
    output: Any = None
    system: str | None = None
    messages: list[Message] = field(default_factory=list)
    answer: Message | None = None
    finish_reason: str | None = None
    refused: bool = False
    parameters: Json = field(default_factory=dict)
    tools: list[Json] = field(default_factory=list)
    schema: Json | None = None
    tool: str | None = None


@dataclass(slots=True)
class Stored:
    """An observation as a store gives it back: the columns of models/trace.py's Observation. `attributes` (with those
    of its resource below `resource`), `events` and `links` are empty where bodies were not asked for."""

    trace_id: UUID
    span_id: int
    digest: int
    parent_id: int | None
    started_at: datetime
    duration_us: int
    received_at: datetime
    kind: str
    span_kind: int
    status: str
    name: str
    status_message: str | None
    service: str | None
    operation: str | None
    provider: str | None
    model: str | None
    session_id: str | None
    user_id: str | None
    release: str | None
    environment: str | None
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    cost: Decimal | None
    mapping_version: int
    attributes: Json = field(default_factory=dict)
    events: list[Json] = field(default_factory=list)
    links: list[Json] = field(default_factory=list)
    resource: Json = field(default_factory=dict)


class Outline(NamedTuple):
    """What a trace is added up from: of each of its observations the columns that matter for it. Those from `name` on
    are what it is counted apart by; `trace` is the trace's id as text."""

    started_at: datetime
    span_id: int
    digest: int
    parent_id: int | None
    duration_us: int
    span_kind: int
    session_id: str | None
    user_id: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost: Decimal | None
    name: str
    status: str
    service: str | None
    release: str | None
    environment: str | None
    model: str | None
    kind: str
    operation: str | None
    provider: str | None
    trace: str


@dataclass(frozen=True, slots=True)
class Outlines:
    """Whole traces by their ids as text, each one's observations in any order. If not `complete`, some of those that
    were asked for may have been left out."""

    traces: Mapping[str, Sequence[Outline]]
    complete: bool


@dataclass(slots=True)
class Body:
    """What texts are read from (mapping/reading.py)."""

    kind: str
    name: str
    mapping_version: int
    attributes: Json
    events: list[Json]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an observation is among those of its project, in the order of time."""

    started_at: datetime
    trace_id: UUID
    span_id: int
    digest: int


@dataclass(frozen=True, slots=True)
class Sought:
    """Which observations are looked for. `started_after` and `started_before` are included and excluded; `columns` are
    columns of texts and the value that they must have; durations in microseconds, both included."""

    trace_ids: Sequence[UUID] = ()
    started_after: datetime | None = None
    started_before: datetime | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    shortest: int | None = None
    longest: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A page of observations. It may be short, or empty, with more behind it: then a search goes on at `next`."""

    rows: list[Stored]
    next: Place | None


class TraceStore(Protocol):
    """Where observations are kept. All in short calls; a store that is away raises an error that `db.is_passing` or
    Unavailable says will pass."""

    def write(self, session: Session, project_id: UUID, spans: Sequence[tuple[Span, Derived]]) -> int:
        """Adds what is not there yet, and returns how many rows that was. The session commits afterwards; what a store
        outside PostgreSQL then has and PostgreSQL has not, is sent again and adds nothing."""

    def of_traces(self, session: Session, project_id: UUID, trace_ids: Sequence[UUID]) -> Mapping[UUID, list[Stored]]:
        """The observations of these traces with their bodies, each trace's in the order of their beginning."""

    def outlines_of(self, session: Session, project_id: UUID, trace_ids: Sequence[str], *, at_most: int) -> Outlines:
        """What these traces (ids as text) are added up from: those of them that fit into so many observations."""

    def bodies_of(self, session: Session, project_id: UUID, places: Sequence[Place]) -> Sequence[Body | None]:
        """Of each of these observations what it says, None where there is none."""

    def find(
        self,
        session: Session,
        project_id: UUID,
        sought: Sought,
        *,
        limit: int,
        after: Place | None = None,
        newest_first: bool = True,
        bodies: bool = False,
    ) -> Found:
        """A page of what is sought, by time, behind `after`. Takes a bounded time, and with `bodies` a bounded amount
        of memory, so it may end early."""

    def delete(self, session: Session, project_id: UUID, trace_ids: Sequence[UUID]) -> int:
        """Removes these traces' observations; returns how many there were."""

    def make_days(self, session: Session, days: int, today: datetime) -> None:
        """Makes room for the days to come, and for those that are kept (0: for ever)."""

    def drop_days(self, session: Session, days: int, today: datetime) -> bool:
        """Drops what is older than that many days; whether there is more of it, for another transaction."""
