"""keep what came of each technique, counted by cell, and what the shop has decided about them.

Of uses that were there the kind is known, but neither the truth that was believed at the time nor
the chance of being chosen: they count for their kind alone. What came of them is what the ledger
says: another technique was needed, or the objection was settled or left.
"""

from collections import Counter

import sqlalchemy as sa
from alembic import op

from bot.crm.models.base import UtcDateTime
from bot.crm.techniques import quarter_of

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

USE = sa.table(
    "technique_use",
    *(sa.column(name) for name in ("turn_id", "objection_id", "technique", "kind", "outcome")),
    sa.column("outcome_at", UtcDateTime()),
)
OBJECTION = sa.table(
    "objection",
    *(sa.column(name) for name in ("id", "kind", "state")),
    sa.column("updated_at", UtcDateTime()),
)
COUNT = sa.table(
    "technique_count",
    *(
        sa.column(name)
        for name in ("quarter", "kind", "truth", "technique", "successes", "failures")
    ),
)


def upgrade() -> None:
    """Apply."""
    empty, none = sa.text("''"), sa.text("'[]'")
    for column in (
        sa.Column("kind", sa.String(12), nullable=False, server_default=empty),
        sa.Column("truth", sa.String(8), nullable=False, server_default=sa.text("'unclear'")),
        sa.Column("style", sa.String(12), nullable=False, server_default=empty),
        sa.Column("policy", sa.String(8), nullable=False, server_default=sa.text("'prior'")),
        sa.Column("propensity", sa.Float()),
        sa.Column("ranked", sa.JSON(), nullable=False, server_default=none),
        sa.Column("outcome", sa.String(13)),
        sa.Column("outcome_at", UtcDateTime()),
    ):
        op.add_column("technique_use", column)
    op.create_table(
        "technique_count",
        sa.Column("kind", sa.String(12), primary_key=True),
        sa.Column("truth", sa.String(8), primary_key=True),
        sa.Column("technique", sa.String(40), primary_key=True),
        sa.Column("quarter", sa.String(7), primary_key=True),
        sa.Column("successes", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
    )
    op.create_table(
        "technique_setting",
        sa.Column("kind", sa.String(12), primary_key=True),
        sa.Column("truth", sa.String(8), primary_key=True),
        sa.Column("technique", sa.String(40), primary_key=True),
        sa.Column("mode", sa.String(3), nullable=False),
        sa.Column("set_by", sa.String(40), nullable=False),
        sa.Column("set_at", UtcDateTime(), nullable=False),
    )
    judge_the_past()
    count_the_past()
    op.create_index(
        "ix_technique_use_awaiting",
        "technique_use",
        ["turn_id"],
        sqlite_where=sa.text("outcome IS NULL"),
        postgresql_where=sa.text("outcome IS NULL"),
    )


def judge_the_past() -> None:
    """Say what the ledger tells of the uses that were there."""
    later = USE.alias("later")
    is_last = ~sa.exists().where(
        later.c.objection_id == USE.c.objection_id, later.c.turn_id > USE.c.turn_id
    )

    def told(column: sa.ColumnClause) -> sa.ScalarSelect:
        return (
            sa.select(column)
            .where(OBJECTION.c.id == USE.c.objection_id)
            .correlate(USE)
            .scalar_subquery()
        )

    state = told(OBJECTION.c.state)
    outcome = sa.case(
        (~is_last, "repeated"), (state == "settled", "settled"), (state == "left", "left")
    )
    op.execute(USE.update().values(kind=told(OBJECTION.c.kind), outcome=outcome))
    op.execute(
        USE.update()
        .where(USE.c.outcome.is_not(None))
        .values(outcome_at=told(OBJECTION.c.updated_at))
    )


def count_the_past() -> None:
    """Count it for the kinds."""
    bind = op.get_bind()
    found: Counter = Counter()
    rows = bind.execute(
        sa.select(USE.c.outcome_at, USE.c.kind, USE.c.technique, USE.c.outcome).where(
            USE.c.outcome.is_not(None)
        )
    )
    for moment, kind, technique, outcome in rows:
        found[quarter_of(moment), kind, technique, outcome == "settled"] += 1
    for quarter, kind, technique in sorted({key[:3] for key in found}):
        values = {
            "quarter": quarter,
            "kind": kind,
            "truth": "unclear",
            "technique": technique,
            "successes": found[quarter, kind, technique, True],
            "failures": found[quarter, kind, technique, False],
        }
        bind.execute(COUNT.insert().values(values))


def downgrade() -> None:
    """Undo."""
    op.drop_index("ix_technique_use_awaiting", "technique_use")
    op.drop_table("technique_setting")
    op.drop_table("technique_count")
    for name in (
        "outcome_at", "outcome", "ranked", "propensity", "policy", "style", "truth", "kind"
    ):
        op.drop_column("technique_use", name)
