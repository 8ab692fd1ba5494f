"""add alarms: which case became grave, when that was said, and when somebody outside was told."""

import sqlalchemy as sa
from alembic import op

from bot.crm.models.base import UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "case_alarm",
        sa.Column("case_id", sa.Integer(), sa.ForeignKey("complaint_case.id"), primary_key=True),
        sa.Column("gravity", sa.String(10), primary_key=True),
        sa.Column("said_at", UtcDateTime(), nullable=False),
        sa.Column("raised_at", UtcDateTime(), nullable=False),
        sa.Column("sent_at", UtcDateTime()),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("case_alarm")
