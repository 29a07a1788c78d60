"""Features of a product, as its traces show them; the prompts they use, and what changed about them."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import REAL, BigInteger, Double, Index, Integer, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, InProject, Record


class FeatureState(StrEnum):
    """Detected ones were found by the analysis; confirmed ones a person has made, named or accepted. A merged one leads
    to another; a dismissed one is not proposed again."""

    DETECTED = "detected"
    CONFIRMED = "confirmed"
    MERGED = "merged"
    DISMISSED = "dismissed"


class PromptClass(StrEnum):
    """How steady a prompt is; docs/features.md has the thresholds."""

    STABLE_TEMPLATE = "stable_template"
    UNSTABLE = "unstable"
    AD_HOC = "ad_hoc"
    PENDING = "pending"


class RootCause(StrEnum):
    """Why a feature behaves differently."""

    SYSTEM_CHANGED = "SYSTEM_CHANGED"
    MODEL_INSTABILITY = "MODEL_INSTABILITY"
    USER_INTENT_CHANGED = "USER_INTENT_CHANGED"
    PROMPT_AD_HOC = "PROMPT_AD_HOC"
    NO_PREVIOUS_DATA = "NO_PREVIOUS_DATA"
    UNKNOWN = "UNKNOWN"


class DriftSignal(StrEnum):
    """What was seen to change."""

    PROMPT = "prompt"
    MODEL = "model"
    OUTPUT_LENGTH = "output_length"
    REFUSAL_RATE = "refusal_rate"
    SCHEMA_VALIDITY = "schema_validity"
    OUTPUT_MEANING = "output_meaning"
    INPUT_MEANING = "input_meaning"
    LATENCY = "latency"
    COST = "cost"
    ERROR_RATE = "error_rate"


class DriftState(StrEnum):
    """An open one puts its feature at risk, until it is resolved: by a person, by green tests, or by itself."""

    OPEN = "open"
    RESOLVED = "resolved"


class Feature(Record, InProject):
    """Something that users of the product do, known by its traces.

    `key` is its name for programs (flags): it never changes, nor does the id. A merged one leads to `merged_into`.
    `named_by` is rule, model or person; what a person named, nothing renames. `evidence` has typical inputs and trace
    ids. `at_risk` is whether a drift of it is open.
    """

    __tablename__ = "features"
    __table_args__ = (
        UniqueConstraint("project_id", "key"),
        Index(None, "project_id", "id"),
    )
    prefix = "feat"

    project_id: Mapped[UUID]
    created_by: Mapped[UUID | None]
    updated_at: Mapped[datetime]
    key: Mapped[str]
    name: Mapped[str]
    description: Mapped[str | None]
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    named_by: Mapped[str]
    state: Mapped[str] = mapped_column(default=FeatureState.DETECTED)
    enabled: Mapped[bool] = mapped_column(default=True)
    merged_into: Mapped[UUID | None]
    at_risk: Mapped[bool] = mapped_column(default=False)
    traces: Mapped[int] = mapped_column(BigInteger, default=0)
    first_seen_at: Mapped[datetime | None]
    last_seen_at: Mapped[datetime | None]
    evidence: Mapped[dict[str, Any]] = mapped_column(default=dict)


class FeaturePrototype(Record, InProject):
    """One way in which a feature looks: traces that resemble it are the feature's.

    `skeleton` is the hash of their structure, `prompt` of their prompt template (null: any); `embedding` is the mean of
    their summaries' vectors by `model`, `weight` of how many. A `pinned` one was made by a person's decision (a split,
    a correction) and goes before all others.
    """

    __tablename__ = "feature_prototypes"
    __table_args__ = (Index(None, "project_id", "feature_id"),)
    prefix = "fpt"

    project_id: Mapped[UUID]
    feature_id: Mapped[UUID]
    skeleton: Mapped[str | None]
    prompt: Mapped[str | None]
    model: Mapped[str]
    embedding: Mapped[list[float]] = mapped_column(ARRAY(REAL))
    weight: Mapped[int] = mapped_column(Integer, default=1)
    pinned: Mapped[bool] = mapped_column(default=False)
    summary: Mapped[str]
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)


class FeatureLearnt(Base, InProject):
    """What the analysis has learnt of a project: its routes (workers/features/structure/routes.py) and families of
    prompts (prompts.py). `waiting` counts the traces that stayed without a feature since features were last looked
    for."""

    __tablename__ = "feature_learnt"

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    updated_at: Mapped[datetime]
    routes: Mapped[dict[str, Any]]
    prompts: Mapped[dict[str, Any]]
    waiting: Mapped[int] = mapped_column(Integer)


class FeaturePrompt(Record, InProject):
    """A prompt that a feature uses at one of its call sites, known by its fingerprint: SHA-256 in hex over the
    normalised system prompt, the model, the parameters and the tools."""

    __tablename__ = "feature_prompts"
    __table_args__ = (UniqueConstraint("feature_id", "call_site", "fingerprint"),)
    prefix = "fp"

    project_id: Mapped[UUID]
    feature_id: Mapped[UUID]
    call_site: Mapped[str]
    fingerprint: Mapped[str]
    template: Mapped[str | None]
    provider: Mapped[str | None]
    model: Mapped[str | None]
    parameters: Mapped[dict[str, Any]]
    tools: Mapped[list[Any]]
    classification: Mapped[str] = mapped_column(default=PromptClass.PENDING)
    seen: Mapped[int] = mapped_column(BigInteger, default=0)
    days: Mapped[int] = mapped_column(Integer, default=0)
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    last_trace_id: Mapped[UUID]


class FeatureDrift(Record, InProject):
    """Something about a feature that changed: what was seen, since when, and why, as far as can be told.

    `before` and `after` are the two sides (prompts, or figures with their sample sizes); `diff` is a unified diff of
    the two prompts; `evidence` has trace ids of both sides and the tests' figures; `reruns` are the test runs that were
    to say whether the feature is well: `[{run_id, verdict, reason, at}]`, newest last.
    """

    __tablename__ = "feature_drifts"
    __table_args__ = (
        Index(None, "project_id", "id"),
        Index(None, "feature_id", "id"),
    )
    prefix = "drift"

    project_id: Mapped[UUID]
    feature_id: Mapped[UUID]
    call_site: Mapped[str | None]
    signal: Mapped[str]
    root_cause: Mapped[str]
    confidence: Mapped[float] = mapped_column(Double)
    summary: Mapped[str]
    since: Mapped[datetime]
    before: Mapped[dict[str, Any]]
    after: Mapped[dict[str, Any]]
    diff: Mapped[str | None]
    evidence: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(default=DriftState.OPEN)
    resolved_at: Mapped[datetime | None]
    resolution: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    reruns: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
