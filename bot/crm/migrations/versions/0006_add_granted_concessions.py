"""add what the assistant conceded, by which limits are kept, and the day proposed for later."""

import sqlalchemy as sa
from alembic import op

from bot.crm.models.base import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    day = sa.Column("day", sa.String(10), nullable=False, server_default=sa.text("''"))
    op.add_column("objection", day)
    op.create_table(
        "granted_concession",
        sa.Column("turn_id", sa.Integer(), sa.ForeignKey("turn.id"), primary_key=True),
        sa.Column(
            "conversation_id", sa.String(32), sa.ForeignKey("conversation.id"), nullable=False
        ),
        sa.Column("customer_id", sa.Integer(), sa.ForeignKey("customer.id")),
        sa.Column("concession", sa.String(64), nullable=False),
        sa.Column("limit_id", sa.String(64), nullable=False),
        sa.Column("value_fen", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.UniqueConstraint("conversation_id", "concession"),
    )
    op.create_index(
        "ix_granted_concession_customer_id", "granted_concession", ["customer_id"]
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("granted_concession")
    op.drop_column("objection", "day")
