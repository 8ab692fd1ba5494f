"""Alembic's entry: migrate over the connection that `bot.crm.migrate` hands in."""

from alembic import context

from bot.crm.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
