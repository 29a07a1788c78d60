"""features."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.create_table(
        "feature_drifts",
        sa.Column("feature_id", sa.Uuid(), nullable=False),
        sa.Column("call_site", sa.Text(), nullable=True),
        sa.Column("signal", sa.Text(), nullable=False),
        sa.Column("root_cause", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("diff", sa.Text(), nullable=True),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolution", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("reruns", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feature_drifts")),
    )
    op.create_index(op.f("ix_feature_drifts_feature_id_id"), "feature_drifts", ["feature_id", "id"], unique=False)
    op.create_index(op.f("ix_feature_drifts_project_id_id"), "feature_drifts", ["project_id", "id"], unique=False)
    op.create_table(
        "feature_errands",
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("feature_id", sa.Uuid(), nullable=False),
        sa.Column("into_id", sa.Uuid(), nullable=True),
        sa.Column("trace_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("inputs", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feature_errands")),
    )
    op.create_index(op.f("ix_feature_errands_action_due_at"), "feature_errands", ["action", "due_at"], unique=False)
    op.create_index(
        op.f("ix_feature_errands_project_id_feature_id"), "feature_errands", ["project_id", "feature_id"], unique=False
    )
    op.create_table(
        "feature_facts",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("trace_id", sa.Uuid(), nullable=False),
        sa.Column("feature_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("duration_ms", sa.Double(), nullable=False),
        sa.Column("failed", sa.Boolean(), nullable=False),
        sa.Column("cost", sa.Double(), nullable=True),
        sa.Column("output_chars", sa.Integer(), nullable=True),
        sa.Column("refused", sa.Boolean(), nullable=True),
        sa.Column("valid", sa.Boolean(), nullable=True),
        sa.Column("parsed", sa.Boolean(), nullable=True),
        sa.Column("goal", sa.LargeBinary(), nullable=True),
        sa.Column("said", sa.LargeBinary(), nullable=True),
        sa.Column("session", sa.BigInteger(), nullable=True),
        sa.Column("sites", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("project_id", "trace_id", name=op.f("pk_feature_facts")),
    )
    op.create_index("ix_feature_facts_at", "feature_facts", ["at"], unique=False, postgresql_using="brin")
    op.create_index(
        op.f("ix_feature_facts_feature_id_at_trace_id"), "feature_facts", ["feature_id", "at", "trace_id"], unique=False
    )
    op.create_table(
        "feature_learnt",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("routes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("prompts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_feature_learnt")),
    )
    op.create_table(
        "feature_prompts",
        sa.Column("feature_id", sa.Uuid(), nullable=False),
        sa.Column("call_site", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("parameters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("tools", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("classification", sa.Text(), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_trace_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feature_prompts")),
        sa.UniqueConstraint(
            "feature_id", "call_site", "fingerprint", name=op.f("uq_feature_prompts_feature_id_call_site_fingerprint")
        ),
    )
    op.create_table(
        "feature_prototypes",
        sa.Column("feature_id", sa.Uuid(), nullable=False),
        sa.Column("skeleton", sa.Text(), nullable=True),
        sa.Column("prompt", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("embedding", postgresql.ARRAY(sa.REAL()), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feature_prototypes")),
    )
    op.create_index(
        op.f("ix_feature_prototypes_project_id_feature_id"),
        "feature_prototypes",
        ["project_id", "feature_id"],
        unique=False,
    )
    op.create_table(
        "feature_reruns",
        sa.Column("features", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feature_reruns")),
    )
    op.create_table(
        "feature_sites",
        sa.Column("feature_id", sa.Uuid(), nullable=False),
        sa.Column("call_site", sa.Text(), nullable=False),
        sa.Column("state", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("feature_id", "call_site", name=op.f("pk_feature_sites")),
    )
    op.create_table(
        "feature_watches",
        sa.Column("feature_id", sa.Uuid(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen_id", sa.Uuid(), nullable=True),
        sa.Column("reference_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("excluded", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("streaks", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("rhythms", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("feature_id", name=op.f("pk_feature_watches")),
    )
    op.create_table(
        "features",
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("named_by", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("merged_into", sa.Uuid(), nullable=True),
        sa.Column("at_risk", sa.Boolean(), nullable=False),
        sa.Column("traces", sa.BigInteger(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_features")),
        sa.UniqueConstraint("project_id", "key", name=op.f("uq_features_project_id_key")),
    )
    op.create_index(op.f("ix_features_project_id_id"), "features", ["project_id", "id"], unique=False)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.drop_index(op.f("ix_features_project_id_id"), table_name="features")
    op.drop_table("features")
    op.drop_table("feature_watches")
    op.drop_table("feature_sites")
    op.drop_table("feature_reruns")
    op.drop_index(op.f("ix_feature_prototypes_project_id_feature_id"), table_name="feature_prototypes")
    op.drop_table("feature_prototypes")
    op.drop_table("feature_prompts")
    op.drop_table("feature_learnt")
    op.drop_index(op.f("ix_feature_facts_feature_id_at_trace_id"), table_name="feature_facts")
    op.drop_index("ix_feature_facts_at", table_name="feature_facts", postgresql_using="brin")
    op.drop_table("feature_facts")
    op.drop_index(op.f("ix_feature_errands_project_id_feature_id"), table_name="feature_errands")
    op.drop_index(op.f("ix_feature_errands_action_due_at"), table_name="feature_errands")
    op.drop_table("feature_errands")
    op.drop_index(op.f("ix_feature_drifts_project_id_id"), table_name="feature_drifts")
    op.drop_index(op.f("ix_feature_drifts_feature_id_id"), table_name="feature_drifts")
    op.drop_table("feature_drifts")
