"""add promises: what bot and staff have promised, and what became of it."""

import sqlalchemy as sa
from alembic import op

from bot.crm.models.base import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

OPEN = {"sqlite_where": sa.text("state = 'open'"), "postgresql_where": sa.text("state = 'open'")}


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "promise",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column(
            "conversation_id", sa.String(32), sa.ForeignKey("conversation.id"), nullable=False
        ),
        sa.Column("customer_id", sa.Integer(), sa.ForeignKey("customer.id")),
        sa.Column("case_id", sa.Integer(), sa.ForeignKey("complaint_case.id")),
        sa.Column("turn_id", sa.Integer(), sa.ForeignKey("turn.id")),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("renewal", sa.Integer(), nullable=False),
        sa.Column("made_by", sa.String(80), nullable=False),
        sa.Column("about", sa.String(80), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(80), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("remind_at", UtcDateTime()),
        sa.Column("broken_after", UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("kept_at", UtcDateTime()),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("task_id", sa.Integer(), sa.ForeignKey("task.id")),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.UniqueConstraint("turn_id", "kind", "ordinal", "renewal"),
    )
    for name in ("conversation_id", "customer_id", "task_id"):
        op.create_index(f"ix_promise_{name}", "promise", [name])
    op.create_index("ix_promise_open", "promise", ["broken_after"], **OPEN)


def downgrade() -> None:
    """Undo."""
    op.drop_table("promise")
