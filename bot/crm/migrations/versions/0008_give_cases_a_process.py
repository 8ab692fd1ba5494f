"""give complaint cases stages, clocks, decision, proposals and links.

Cases that were there stay where they are: their number and deadline were told, nothing else is
known of them. One that was marked overdue was told of once, which is the first level.
"""

import sqlalchemy as sa
from alembic import op

from bot.crm.models.base import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

CASE = "complaint_case"
TEXTS = ("wish", "finding", "how", "reason", "end_reason", "close_reason")
MOMENTS = (
    "solution_due_at",
    "acknowledged_at",
    "first_answered_at",
    "paused_at",
    "resume_by",
    "told_at",
    "ended_at",
    "resolved_at",
    "closed_at",
    "watch_at",
)
OPEN = sa.text("stage NOT IN ('closed', 'merged')")
REFERENCES = ("follows_id", "merged_into_id")
WAS_OPEN = sa.text("stage != 'closed'")


def columns() -> list[sa.Column]:
    """Return what is added to a case."""
    zero, nothing, none = sa.text("0"), sa.text("'{}'"), sa.text("'[]'")
    return [
        sa.Column("channel", sa.String(20), nullable=False, server_default=sa.text("'widget'")),
        sa.Column("priority", sa.Integer(), nullable=False, server_default=zero),
        sa.Column("harm_degrees", sa.JSON(), nullable=False, server_default=nothing),
        sa.Column("outlets", sa.JSON(), nullable=False, server_default=nothing),
        sa.Column("dealer", sa.String(120)),
        *(sa.Column(name, sa.Text()) for name in TEXTS),
        sa.Column("decision", sa.String(10)),
        *(sa.Column(name, sa.Boolean()) for name in ("is_reasonable", "is_our_duty", "is_possible")),
        sa.Column("decided_by", sa.String(80)),
        sa.Column("customer_answer", sa.String(10)),
        sa.Column("recourse", sa.JSON(), nullable=False, server_default=none),
        sa.Column("cause_level", sa.String(10)),
        sa.Column("escalation_level", sa.Integer(), nullable=False, server_default=zero),
        sa.Column("overdue_count", sa.Integer(), nullable=False, server_default=zero),
        *(sa.Column(name, UtcDateTime()) for name in MOMENTS),
    ]


def upgrade() -> None:
    """Apply."""
    for column in columns():
        op.add_column(CASE, column)
    op.drop_index("ix_complaint_case_open", CASE)
    for name, column in (
        ("ix_complaint_case_open", "deadline_at"),
        ("ix_complaint_case_watch", "watch_at"),
    ):
        op.create_index(name, CASE, [column], sqlite_where=OPEN, postgresql_where=OPEN)
    for name in REFERENCES:  # SQLite takes a foreign key in the column's own declaration only
        op.execute(f"ALTER TABLE {CASE} ADD COLUMN {name} INTEGER REFERENCES {CASE} (id)")
        op.create_index(f"ix_complaint_case_{name}", CASE, [name])
    op.create_table(
        "case_proposal",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("case_id", sa.Integer(), sa.ForeignKey("complaint_case.id"), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("made_by", sa.String(80), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("limit_id", sa.String(40), nullable=False),
        sa.Column("value_fen", sa.Integer(), nullable=False),
        sa.Column("approver", sa.String(20), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("approved_by", sa.String(80)),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("promise_id", sa.Integer(), sa.ForeignKey("promise.id")),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.UniqueConstraint("case_id", "ordinal"),
    )
    look_at_the_open_ones()


def look_at_the_open_ones() -> None:
    """Let the server watch the cases that are open."""
    case = sa.table(
        CASE,
        *(sa.column(n) for n in ("id", "stage", "severity", "priority")),
        *(sa.column(n) for n in ("crisis", "reaction", "escalation_level", "overdue_count")),
        sa.column("deadline_at", UtcDateTime()),
        sa.column("watch_at", UtcDateTime()),
        sa.column("updated_at", UtcDateTime()),
        sa.column("closed_at", UtcDateTime()),
    )
    event = sa.table("case_event", *(sa.column(n) for n in ("case_id", "verb")))
    op.execute(case.update().where(case.c.stage == "closed").values(closed_at=case.c.updated_at))
    op.execute(
        case.update().where(case.c.stage != "closed").values(watch_at=case.c.deadline_at)
    )
    told = sa.exists().where(event.c.case_id == case.c.id, event.c.verb == "overdue")
    op.execute(case.update().where(told).values(escalation_level=1, overdue_count=1))
    urgent = sa.or_(case.c.severity == "bodily", case.c.crisis == sa.true())
    op.execute(
        case.update().where(sa.or_(case.c.severity == "serious", case.c.reaction == "angry"))
        .values(priority=1)
    )
    op.execute(case.update().where(urgent).values(priority=2))


def downgrade() -> None:
    """Undo."""
    op.drop_table("case_proposal")
    for name in ("open", "watch", *REFERENCES):
        op.drop_index(f"ix_complaint_case_{name}", CASE)
    with op.batch_alter_table(CASE) as batch:
        for name in (*REFERENCES, *(column.name for column in reversed(columns()))):
            batch.drop_column(name)
    op.create_index(
        "ix_complaint_case_open",
        CASE,
        ["deadline_at"],
        sqlite_where=WAS_OPEN,
        postgresql_where=WAS_OPEN,
    )
