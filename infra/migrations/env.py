"""Alembic's entry: runs over the connection and the metadata that the caller put into the configuration."""

from alembic import context

from infra.schema import is_modelled

options = context.config.attributes
context.configure(
    connection=options["connection"],
    target_metadata=options.get("metadata"),
    compare_type=True,
    compare_server_default=True,
    include_name=is_modelled,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
