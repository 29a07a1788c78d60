"""traces."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.create_table(
        "observations",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("trace_id", sa.Uuid(), nullable=False),
        sa.Column("span_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("duration_us", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("span_kind", sa.SmallInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status_message", sa.Text(), nullable=True),
        sa.Column("service", sa.Text(), nullable=True),
        sa.Column("operation", sa.Text(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("release", sa.Text(), nullable=True),
        sa.Column("environment", sa.Text(), nullable=True),
        sa.Column("input_tokens", sa.Integer(), nullable=True),
        sa.Column("output_tokens", sa.Integer(), nullable=True),
        sa.Column("cached_tokens", sa.Integer(), nullable=True),
        sa.Column("cache_write_tokens", sa.Integer(), nullable=True),
        sa.Column("reasoning_tokens", sa.Integer(), nullable=True),
        sa.Column("cost", sa.Numeric(), nullable=True),
        sa.Column("mapping_version", sa.SmallInteger(), nullable=False),
        sa.Column("resource", sa.BigInteger(), nullable=True),
        sa.Column("attributes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("events", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("links", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint(
            "project_id", "trace_id", "span_id", "digest", "started_at", name=op.f("pk_observations")
        ),
        postgresql_partition_by="RANGE (started_at)",
    )
    op.create_index("ix_observations_started_at", "observations", ["started_at"], unique=False, postgresql_using="brin")
    op.create_table(
        "trace_metrics",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("of", sa.Text(), nullable=False),
        sa.Column("hours", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("series", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.Numeric(), nullable=False),
        sa.Column("priced", sa.BigInteger(), nullable=False),
        sa.Column("unpriced", sa.BigInteger(), nullable=False),
        sa.Column("durations", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "of", "hours", "at", "series", name=op.f("pk_trace_metrics")),
        postgresql_with={"fillfactor": "50"},
    )
    op.create_table(
        "trace_resources",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("attributes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "digest", name=op.f("pk_trace_resources")),
    )
    op.create_table(
        "trace_series",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("of", sa.Text(), nullable=False),
        sa.Column("feature_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=True),
        sa.Column("release", sa.Text(), nullable=True),
        sa.Column("environment", sa.Text(), nullable=True),
        sa.Column("models", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("operation", sa.Text(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "id", name=op.f("pk_trace_series")),
    )
    op.create_table(
        "trace_sessions",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("environment", sa.Text(), nullable=True),
        sa.Column("traces", sa.Integer(), nullable=False),
        sa.Column("observations", sa.BigInteger(), nullable=False),
        sa.Column("errors", sa.Integer(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.Numeric(), nullable=False),
        sa.Column("priced", sa.BigInteger(), nullable=False),
        sa.Column("unpriced", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "id", name=op.f("pk_trace_sessions")),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index(
        op.f("ix_trace_sessions_project_id_last_seen_at_id"),
        "trace_sessions",
        ["project_id", "last_seen_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_trace_sessions_project_id_user_id_last_seen_at"),
        "trace_sessions",
        ["project_id", "user_id", "last_seen_at"],
        unique=False,
        postgresql_where=sa.text("user_id IS NOT NULL"),
    )
    op.create_table(
        "traces",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("first_received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.Integer(), server_default="1", nullable=False),
        sa.Column("rolled_up", sa.Integer(), server_default="0", nullable=False),
        sa.Column("analysed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("began_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("began_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("duration_ms", sa.Double(), server_default="0", nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.Text(), server_default="unset", nullable=False),
        sa.Column("service", sa.Text(), nullable=True),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("release", sa.Text(), nullable=True),
        sa.Column("environment", sa.Text(), nullable=True),
        sa.Column("models", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("observations", sa.Integer(), server_default="0", nullable=False),
        sa.Column("generations", sa.Integer(), server_default="0", nullable=False),
        sa.Column("errors", sa.Integer(), server_default="0", nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cost", sa.Numeric(), nullable=True),
        sa.Column("unpriced", sa.Integer(), server_default="0", nullable=False),
        sa.Column("input", sa.Text(), nullable=True),
        sa.Column("output", sa.Text(), nullable=True),
        sa.Column("feature_id", sa.Uuid(), nullable=True),
        sa.Column("assigned_by", sa.Text(), nullable=True),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("unassigned", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("summary_digest", sa.BigInteger(), nullable=True),
        sa.Column("tries", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("rolled_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("repeats", postgresql.ARRAY(sa.BigInteger()), nullable=True),
        sa.Column("contribution", sa.Text(), nullable=True),
        sa.Column("words", postgresql.TSVECTOR(), nullable=True),
        sa.PrimaryKeyConstraint("project_id", "id", name=op.f("pk_traces")),
    )
    op.create_index(
        "ix_traces_facets",
        "traces",
        [
            sa.literal_column(
                "((ARRAY['n:'::text || name, 's:'::text || service, 'u:'::text || user_id, 'r:'::text || release, 'e:'::text || environment, 'y:'::text || status, NULLIF(substr('x'::text, 1, LEAST(errors, 1)), ''::text), 'd:'::text || floor(ln(GREATEST(duration_ms, 1::double precision)) * 8::double precision / ln(2::double precision))::integer, 'c:'::text || floor(ln((cost + GREATEST(0.000001 - cost, 0::numeric))::double precision) * 8::double precision / ln(2::double precision))::integer, 't:'::text || floor(ln(GREATEST(input_tokens + output_tokens, 1::bigint)::double precision) * 8::double precision / ln(2::double precision))::integer] || models) || tags)"  # noqa: E501
            )
        ],
        unique=False,
        postgresql_using="gin",
    )
    op.create_index("ix_traces_feature", "traces", ["project_id", "feature_id", "started_at"], unique=False)
    op.create_index(
        op.f("ix_traces_project_id_started_at_id"), "traces", ["project_id", "started_at", "id"], unique=False
    )
    op.create_index(
        "ix_traces_session",
        "traces",
        ["project_id", "session_id", "started_at"],
        unique=False,
        postgresql_where=sa.text("session_id IS NOT NULL"),
    )
    op.create_index(
        "ix_traces_to_analyse",
        "traces",
        ["project_id", "received_at"],
        unique=False,
        postgresql_where=sa.text("analysed < revision"),
    )
    op.create_index(
        "ix_traces_to_roll_up",
        "traces",
        ["received_at"],
        unique=False,
        postgresql_where=sa.text("rolled_up < revision"),
    )
    op.create_index(
        "ix_traces_unassigned",
        "traces",
        ["project_id", "received_at"],
        unique=False,
        postgresql_where=sa.text("unassigned IS NOT NULL"),
    )
    op.create_index("ix_traces_words", "traces", ["words"], unique=False, postgresql_using="gin")
    op.add_column("jobs", sa.Column("traceparent", sa.Text(), nullable=True))
    op.create_index(
        "ix_test_cases_feature",
        "test_cases",
        ["feature_id"],
        unique=False,
        postgresql_where=sa.text("feature_id IS NOT NULL"),
    )
    op.execute("CREATE TABLE observations_default PARTITION OF observations DEFAULT")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.drop_index("ix_test_cases_feature", table_name="test_cases", postgresql_where=sa.text("feature_id IS NOT NULL"))
    op.drop_column("jobs", "traceparent")
    op.drop_index("ix_traces_words", table_name="traces", postgresql_using="gin")
    op.drop_index("ix_traces_unassigned", table_name="traces", postgresql_where=sa.text("unassigned IS NOT NULL"))
    op.drop_index("ix_traces_to_roll_up", table_name="traces", postgresql_where=sa.text("rolled_up < revision"))
    op.drop_index("ix_traces_to_analyse", table_name="traces", postgresql_where=sa.text("analysed < revision"))
    op.drop_index("ix_traces_session", table_name="traces", postgresql_where=sa.text("session_id IS NOT NULL"))
    op.drop_index(op.f("ix_traces_project_id_started_at_id"), table_name="traces")
    op.drop_index("ix_traces_feature", table_name="traces")
    op.drop_index("ix_traces_facets", table_name="traces", postgresql_using="gin")
    op.drop_table("traces")
    op.drop_index(
        op.f("ix_trace_sessions_project_id_user_id_last_seen_at"),
        table_name="trace_sessions",
        postgresql_where=sa.text("user_id IS NOT NULL"),
    )
    op.drop_index(op.f("ix_trace_sessions_project_id_last_seen_at_id"), table_name="trace_sessions")
    op.drop_table("trace_sessions")
    op.drop_table("trace_series")
    op.drop_table("trace_resources")
    op.drop_table("trace_metrics")
    op.drop_index("ix_observations_started_at", table_name="observations", postgresql_using="brin")
    op.drop_table("observations")
