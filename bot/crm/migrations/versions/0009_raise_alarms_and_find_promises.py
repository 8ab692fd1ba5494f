"""add alarms of grave cases, and in which message a promise was found."""

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
    # SQLite takes a foreign key in the column's own declaration only
    op.execute("ALTER TABLE promise ADD COLUMN message_id INTEGER REFERENCES message (id)")
    evidence = sa.Column("evidence", sa.JSON(), nullable=False, server_default=sa.text("'[]'"))
    op.add_column("promise", evidence)
    op.create_index("ix_promise_message", "promise", ["message_id", "kind"], unique=True)


def downgrade() -> None:
    """Undo."""
    op.drop_index("ix_promise_message", "promise")
    with op.batch_alter_table("promise") as batch:
        for name in ("evidence", "message_id"):
            batch.drop_column(name)
    op.drop_table("case_alarm")
