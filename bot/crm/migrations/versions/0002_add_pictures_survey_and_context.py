"""add pictures, the survey, and what is known about a visitor.

SQLite commits every statement of a migration by itself. So each step looks first whether it has
been done: a migration that was killed half-way can be run again (promise 9).
"""

import sqlalchemy as sa
from alembic import op

import bot.crm.models

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _new_columns() -> dict[str, list[sa.Column]]:
    return {
        "conversation": [
            sa.Column("identity_sub", sa.String(length=128), nullable=True),
            sa.Column("identity_name", sa.String(length=80), nullable=True),
            sa.Column("page", sa.String(length=500), nullable=True),
            sa.Column("cart", sa.JSON(), nullable=True),
            sa.Column("ended_at", bot.crm.models.UtcDateTime(), nullable=True),
        ],
        "message": [sa.Column("extras", sa.JSON(), nullable=True)],
    }


def upgrade() -> None:
    """Apply."""
    inspector = sa.inspect(op.get_bind())
    for table, columns in _new_columns().items():
        present = {column["name"] for column in inspector.get_columns(table)}
        for column in columns:
            if column.name not in present:
                op.add_column(table, column)
    op.create_table(
        "picture",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("media_type", sa.String(length=40), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("byte_size", sa.Integer(), nullable=False),
        sa.Column("created_at", bot.crm.models.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
        ),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["message.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("message_id"),
        if_not_exists=True,
    )
    op.create_index(
        "ix_picture_conversation_id",
        "picture",
        ["conversation_id", "created_at"],
        unique=False,
        if_not_exists=True,
    )
    op.create_table(
        "satisfaction",
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("expectation", sa.String(length=8), nullable=False),
        sa.Column("again", sa.String(length=8), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("created_at", bot.crm.models.UtcDateTime(), nullable=False),
        sa.CheckConstraint("score between 1 and 5", name="score_in_range"),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
        ),
        sa.PrimaryKeyConstraint("conversation_id"),
        if_not_exists=True,
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("satisfaction")
    op.drop_index("ix_picture_conversation_id", table_name="picture")
    op.drop_table("picture")
    for table, columns in _new_columns().items():
        with op.batch_alter_table(table, schema=None) as batch_op:
            for column in columns:
                batch_op.drop_column(column.name)
