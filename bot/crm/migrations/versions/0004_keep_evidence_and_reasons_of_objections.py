"""keep the evidence behind a belief in full, and the customer's own reasons.

Evidence that was there is a name alone; its message and weight are those of the objection's first
message and of no weight, for what it weighed then is not known.
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    empty = sa.text("''")
    for column in (
        sa.Column("belief_unseen", sa.Float(), nullable=False, server_default=sa.text("0")),
        sa.Column("feedback", sa.String(20)),
        sa.Column("reason", sa.Text(), nullable=False, server_default=empty),
        sa.Column("until", sa.Text(), nullable=False, server_default=empty),
    ):
        op.add_column("objection", column)
    bind = op.get_bind()
    rows = bind.execute(sa.text("SELECT id, source_message_id, evidence FROM objection")).all()
    table = sa.table("objection", sa.column("id"), sa.column("evidence", sa.JSON()))
    for row_id, message_id, evidence in rows:
        names = json.loads(evidence) if isinstance(evidence, str) else evidence
        full = [
            {"name": name, "message_id": message_id, "likelihoods": [1.0, 1.0, 1.0, 1.0]}
            for name in names
        ]
        bind.execute(table.update().where(table.c.id == row_id).values(evidence=full))


def downgrade() -> None:
    """Undo, as far as the names of the evidence."""
    bind = op.get_bind()
    table = sa.table("objection", sa.column("id"), sa.column("evidence", sa.JSON()))
    for row_id, evidence in bind.execute(sa.select(table.c.id, table.c.evidence)).all():
        names = [piece["name"] for piece in evidence]
        bind.execute(table.update().where(table.c.id == row_id).values(evidence=names))
    for name in ("until", "reason", "feedback", "belief_unseen"):
        op.drop_column("objection", name)
