"""Traces: their observations as they came, and what each trace adds up to."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Double, Index, Integer, Numeric, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, InProject


class ObservationKind(StrEnum):
    """What a span was for."""

    SPAN = "span"
    GENERATION = "generation"
    EMBEDDING = "embedding"
    RETRIEVAL = "retrieval"
    RERANKER = "reranker"
    TOOL = "tool"
    AGENT = "agent"
    CHAIN = "chain"
    GUARDRAIL = "guardrail"
    EVALUATOR = "evaluator"
    EVENT = "event"


class ObservationStatus(StrEnum):
    """As the span says it; `unset` is no error."""

    UNSET = "unset"
    OK = "ok"
    ERROR = "error"


class Assigned(StrEnum):
    """How a trace came to its feature."""

    STRUCTURE = "structure"
    EMBEDDING = "embedding"
    CLUSTER = "cluster"
    MODEL = "model"
    PERSON = "person"


IN_SESSION = "session_id IS NOT NULL"
# Amounts are steps of an eighth of a doubling there.
STEPS = 8
LEAST_COST = "0.000001"


def _step(letter: str, amount: str) -> str:
    doublings = f"ln({amount}) * {STEPS}::double precision / ln(2::double precision)"
    return f"'{letter}:'::text || floor({doublings})::integer"


# What a trace is found by where an index of each column would be too dear for every roll-up: texts with a letter before
# them, steps of amounts, models and tags as they are. As PostgreSQL writes it, so that the two can be compared.
FACETS = f"""((ARRAY['n:'::text || name, 's:'::text || service, 'u:'::text || user_id, 'r:'::text || release, \
'e:'::text || environment, 'y:'::text || status, NULLIF(substr('x'::text, 1, LEAST(errors, 1)), ''::text), \
{_step("d", "GREATEST(duration_ms, 1::double precision)")}, \
{_step("c", f"(cost + GREATEST({LEAST_COST} - cost, 0::numeric))::double precision")}, \
{_step("t", "GREATEST(input_tokens + output_tokens, 1::bigint)::double precision")}] || models) || tags)"""


class Observation(Base, InProject):
    """One span, as it came. Never changed: what is sent again is the same row, what only shares its ids is another,
    told apart by `digest` (of everything it says).

    `span_id` and `parent_id` are the eight bytes as a signed integer. `attributes` are all of them, also those that
    columns were made of by `mapping_version` (workers/traces/mapping/), so a newer one can derive them again;
    `resource` is the digest of a TraceResource. Partitioned by the day on which it began; what lies far off is in the
    default partition. Costs are US dollars, of the span's own usage.
    """

    __tablename__ = "observations"
    __table_args__ = (
        Index("ix_observations_started_at", "started_at", postgresql_using="brin"),
        {"postgresql_partition_by": "RANGE (started_at)"},
    )

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    trace_id: Mapped[UUID] = mapped_column(primary_key=True)
    span_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    digest: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    started_at: Mapped[datetime] = mapped_column(primary_key=True)
    duration_us: Mapped[int] = mapped_column(BigInteger)
    received_at: Mapped[datetime]
    parent_id: Mapped[int | None] = mapped_column(BigInteger)
    kind: Mapped[str]
    span_kind: Mapped[int] = mapped_column(SmallInteger)
    status: Mapped[str]
    name: Mapped[str]
    status_message: Mapped[str | None]
    service: Mapped[str | None]
    operation: Mapped[str | None]
    provider: Mapped[str | None]
    model: Mapped[str | None]
    session_id: Mapped[str | None]
    user_id: Mapped[str | None]
    release: Mapped[str | None]
    environment: Mapped[str | None]
    input_tokens: Mapped[int | None] = mapped_column(Integer)
    output_tokens: Mapped[int | None] = mapped_column(Integer)
    cached_tokens: Mapped[int | None] = mapped_column(Integer)
    cache_write_tokens: Mapped[int | None] = mapped_column(Integer)
    reasoning_tokens: Mapped[int | None] = mapped_column(Integer)
    cost: Mapped[Decimal | None] = mapped_column(Numeric)
    mapping_version: Mapped[int] = mapped_column(SmallInteger)
    resource: Mapped[int | None] = mapped_column(BigInteger)
    attributes: Mapped[dict[str, Any]] = mapped_column(deferred=True)
    events: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True), deferred=True)
    links: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True), deferred=True)


class TraceResource(Base, InProject):
    """What sent spans: its resource's attributes and the instrumentation's scope, kept once."""

    __tablename__ = "trace_resources"

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    digest: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    attributes: Mapped[dict[str, Any]]
    seen_at: Mapped[datetime]


class Trace(Base, InProject):
    """What a trace adds up to, worked out again from its observations whenever some have come.

    `id` is OpenTelemetry's trace id. Each reception raises `revision`; `rolled_up` and `analysed` are the revisions
    that the roll-up and the feature analysis have seen. `began_from` and `began_until` are when the first and the
    last of its observations began, as the store says; by them it knows the partitions to look into. Usage counts
    inference spans without inference spans below them; a cost is null where no model's price is known, `unpriced`
    counts the calls without one. `repeats` are the digests of the observations whose usage is not counted, as it is
    that of others. `contribution` is what it has added to the metrics, to be taken back when that changes
    (workers/traces/contributions.py). `words` is what its text is searched by. `unassigned` is what the analysis
    keeps of one without a feature, to look at it again beside others; `tries` counts the analyses that failed at
    it; `summary_digest` is of what it last was to the analysis.
    """

    __tablename__ = "traces"
    __table_args__ = (
        Index(None, "project_id", "started_at", "id"),
        Index(
            "ix_traces_session",
            "project_id",
            "session_id",
            "started_at",
            postgresql_where=text("session_id IS NOT NULL"),
        ),
        Index("ix_traces_feature", "project_id", "feature_id", "started_at"),
        Index("ix_traces_to_roll_up", "received_at", postgresql_where=text("rolled_up < revision")),
        Index("ix_traces_to_analyse", "project_id", "received_at", postgresql_where=text("analysed < revision")),
        Index("ix_traces_unassigned", "project_id", "received_at", postgresql_where=text("unassigned IS NOT NULL")),
        Index("ix_traces_words", "words", postgresql_using="gin"),
        Index("ix_traces_facets", text(FACETS), postgresql_using="gin"),
    )
    prefix = "trace"

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    first_received_at: Mapped[datetime]
    received_at: Mapped[datetime]
    revision: Mapped[int] = mapped_column(Integer, server_default="1")
    rolled_up: Mapped[int] = mapped_column(Integer, server_default="0")
    analysed: Mapped[int] = mapped_column(Integer, server_default="0")
    began_from: Mapped[datetime | None]
    began_until: Mapped[datetime | None]
    started_at: Mapped[datetime]
    duration_ms: Mapped[float] = mapped_column(Double, server_default="0")
    name: Mapped[str] = mapped_column(server_default="")
    status: Mapped[str] = mapped_column(server_default="unset")
    service: Mapped[str | None]
    session_id: Mapped[str | None]
    user_id: Mapped[str | None]
    release: Mapped[str | None]
    environment: Mapped[str | None]
    models: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    observations: Mapped[int] = mapped_column(Integer, server_default="0")
    generations: Mapped[int] = mapped_column(Integer, server_default="0")
    errors: Mapped[int] = mapped_column(Integer, server_default="0")
    input_tokens: Mapped[int] = mapped_column(BigInteger, server_default="0")
    output_tokens: Mapped[int] = mapped_column(BigInteger, server_default="0")
    cost: Mapped[Decimal | None] = mapped_column(Numeric)
    unpriced: Mapped[int] = mapped_column(Integer, server_default="0")
    input: Mapped[str | None]
    output: Mapped[str | None]
    feature_id: Mapped[UUID | None]
    assigned_by: Mapped[str | None]
    confidence: Mapped[float | None] = mapped_column(Double)
    unassigned: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True), deferred=True)
    summary_digest: Mapped[int | None] = mapped_column(BigInteger)
    tries: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    rolled_up_at: Mapped[datetime | None]
    repeats: Mapped[list[int] | None] = mapped_column(ARRAY(BigInteger), deferred=True)
    contribution: Mapped[str | None] = mapped_column(deferred=True)
    words: Mapped[Any | None] = mapped_column(TSVECTOR, deferred=True)
