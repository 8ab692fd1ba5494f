"""add customers, orders, the audit trail, the outbox and the search index.

Conversations that were there get a customer each: one a login, else one a visitor's token.
"""

import secrets
from collections import Counter

import sqlalchemy as sa
from alembic import op

from bot.crm.counts import day_of
from bot.crm.models.base import UtcDateTime
from bot.language.search_tokens import search_tokens

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

OPEN = {"sqlite_where": sa.text("state = 'open'"), "postgresql_where": sa.text("state = 'open'")}
EPOCH = "1970-01-01 00:00:00"
FTS = [
    """CREATE VIRTUAL TABLE case_search USING fts5(
        tokens, content='case_text', content_rowid='case_id',
        tokenize='unicode61 remove_diacritics 0')""",
    """CREATE TRIGGER case_text_added AFTER INSERT ON case_text BEGIN
        INSERT INTO case_search(rowid, tokens) VALUES (new.case_id, new.tokens); END""",
    """CREATE TRIGGER case_text_removed AFTER DELETE ON case_text BEGIN
        INSERT INTO case_search(case_search, rowid, tokens)
        VALUES ('delete', old.case_id, old.tokens); END""",
    """CREATE TRIGGER case_text_changed AFTER UPDATE ON case_text BEGIN
        INSERT INTO case_search(case_search, rowid, tokens)
        VALUES ('delete', old.case_id, old.tokens);
        INSERT INTO case_search(rowid, tokens) VALUES (new.case_id, new.tokens); END""",
]
TSVECTOR = [
    """ALTER TABLE case_text ADD COLUMN search tsvector
        GENERATED ALWAYS AS (to_tsvector('simple', tokens)) STORED""",
    "CREATE INDEX ix_case_text_search ON case_text USING gin (search)",
]


def upgrade() -> None:
    """Apply."""
    _create_customers()
    _create_orders()
    _change_conversations()
    _change_cases()
    _change_tasks()
    _create_outbox()
    _change_staff()
    _change_products()
    _fill_customers()
    _fill_search()
    _fill_counts()
    op.drop_column("conversation", "identity_name")  # the customer has the name
    for name in ("shop_id", "shop_name", "shop_loaded_at"):  # nobody asked for them here
        op.drop_column("installation", name)


def _key(name: str, target: str, **options: bool) -> sa.Column:
    return sa.Column(name, sa.Integer(), sa.ForeignKey(target), nullable=True, **options)


def _add_reference(table: str, name: str, target: str) -> None:
    """Add a nullable foreign key; SQLite takes it in the column's own declaration only."""
    op.execute(f"ALTER TABLE {table} ADD COLUMN {name} INTEGER REFERENCES {target} (id)")
    op.create_index(f"ix_{table}_{name}", table, [name])


def _create_customers() -> None:
    op.create_table(
        "customer",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("grade", sa.String(10)),
        sa.Column("grade_is_pinned", sa.Boolean(), nullable=False),
        sa.Column("buys_now", sa.Integer()),
        sa.Column("could_buy", sa.Integer()),
        sa.Column("style", sa.String(12)),
        sa.Column("needs", sa.JSON()),
        sa.Column("credit", sa.String(1)),
        sa.Column("preferred_contact", sa.String(10)),
        sa.Column("contact_refused_at", UtcDateTime()),
        sa.Column("city", sa.String(60)),
        sa.Column("work", sa.String(120)),
        sa.Column("household_size", sa.Integer()),
        sa.Column("payday", sa.Integer()),
        sa.Column("birthday", sa.String(10)),
        sa.Column("note", sa.Text()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("buys_now between 0 and 4", name="buys_now_in_range"),
        sa.CheckConstraint("could_buy between 0 and 4", name="could_buy_in_range"),
    )
    op.create_index("ix_customer_grade", "customer", ["grade", "id"])
    op.create_index("ix_customer_updated_at", "customer", ["updated_at"])
    op.create_table(
        "customer_identity",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("customer_id", sa.Integer(), sa.ForeignKey("customer.id"), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("value", sa.String(128), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.UniqueConstraint("kind", "value"),
    )
    op.create_index("ix_customer_identity_customer_id", "customer_identity", ["customer_id"])
    op.create_table(
        "customer_grade",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("customer_id", sa.Integer(), sa.ForeignKey("customer.id"), nullable=False),
        sa.Column("grade", sa.String(10)),
        sa.Column("buys_now", sa.Integer()),
        sa.Column("could_buy", sa.Integer()),
        sa.Column("rule", sa.String(40), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("actor", sa.String(40), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
    )
    op.create_index("ix_customer_grade_customer_id", "customer_grade", ["customer_id"])


def _create_orders() -> None:
    op.create_table(
        "shop_order",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("number", sa.String(64), nullable=False, unique=True),
        _key("customer_id", "customer.id"),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("placed_at", UtcDateTime(), nullable=False),
        sa.Column("dispatch_promised_on", sa.String(10)),
        sa.Column("dispatched_at", UtcDateTime()),
        sa.Column("delivered_at", UtcDateTime()),
        sa.Column("total_fen", sa.Integer(), nullable=False),
        sa.Column("profit_fen", sa.Integer()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
    )
    op.create_index("ix_shop_order_customer_id", "shop_order", ["customer_id", "placed_at"])
    op.create_index("ix_shop_order_updated_at", "shop_order", ["updated_at"])
    op.create_table(
        "order_line",
        sa.Column("order_id", sa.Integer(), sa.ForeignKey("shop_order.id"), primary_key=True),
        sa.Column("position", sa.Integer(), primary_key=True),
        sa.Column("product_id", sa.String(64), nullable=False),
        sa.Column("product_name", sa.String(200), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("price_fen", sa.Integer(), nullable=False),
    )


def _change_conversations() -> None:
    _add_reference("conversation", "customer_id", "customer")
    op.drop_index("ix_conversation_owner", table_name="conversation")
    waiting = sa.text("owner != 'bot'")
    op.create_index(
        "ix_conversation_waiting",
        "conversation",
        ["owner", "queued_at", "id"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )


def _change_cases() -> None:
    _add_reference("complaint_case", "customer_id", "customer")
    op.add_column(
        "complaint_case", sa.Column("version", sa.Integer(), nullable=False, server_default="1")
    )
    op.add_column(
        "complaint_case",
        sa.Column("updated_at", UtcDateTime(), nullable=False, server_default=EPOCH),
    )
    op.execute("UPDATE complaint_case SET updated_at = opened_at")
    op.create_index("ix_complaint_case_updated_at", "complaint_case", ["updated_at"])
    is_open = sa.text("stage != 'closed'")
    op.create_index(
        "ix_complaint_case_open",
        "complaint_case",
        ["deadline_at"],
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    op.create_table(
        "case_text",
        sa.Column(
            "case_id", sa.Integer(), sa.ForeignKey("complaint_case.id"), primary_key=True
        ),
        sa.Column("tokens", sa.Text(), nullable=False),
    )
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in FTS if is_sqlite else TSVECTOR:
        op.execute(statement)


def _change_tasks() -> None:
    """Let a task be without a turn; SQLite cannot lift NOT NULL, so there it is made anew."""
    if op.get_bind().dialect.name == "sqlite":
        _remake_tasks()
    else:
        for statement in (
            "ALTER turn_id DROP NOT NULL",
            "ALTER conversation_id DROP NOT NULL",
            "ALTER kind TYPE varchar(40)",
            "ADD COLUMN customer_id integer REFERENCES customer (id)",
            "ADD COLUMN order_id integer REFERENCES shop_order (id)",
            "ADD COLUMN case_id integer REFERENCES complaint_case (id)",
            "ADD COLUMN origin varchar(160) UNIQUE",
            "ADD COLUMN due_at timestamp",
            "ADD COLUMN owner varchar(80) NOT NULL DEFAULT ''",
            "ADD COLUMN result text NOT NULL DEFAULT ''",
            "ADD COLUMN version integer NOT NULL DEFAULT 1",
            "ADD COLUMN updated_at timestamp",
        ):
            op.execute(f"ALTER TABLE task {statement}")
        op.execute("UPDATE task SET updated_at = created_at")
        op.execute("ALTER TABLE task ALTER updated_at SET NOT NULL")
    op.create_index("ix_task_conversation_id", "task", ["conversation_id"])
    op.create_index("ix_task_customer_id", "task", ["customer_id"])
    op.create_index("ix_task_open", "task", ["due_at"], **OPEN)


def _remake_tasks() -> None:
    op.rename_table("task", "task_before")
    op.create_table(
        "task",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        _key("turn_id", "turn.id", unique=True),
        sa.Column("conversation_id", sa.String(32), sa.ForeignKey("conversation.id")),
        _key("customer_id", "customer.id"),
        _key("order_id", "shop_order.id"),
        _key("case_id", "complaint_case.id"),
        sa.Column("origin", sa.String(160), unique=True),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("contact", sa.String(200), nullable=False),
        sa.Column("due", sa.String(200), nullable=False),
        sa.Column("due_at", UtcDateTime()),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(80), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
    )
    op.execute(
        """INSERT INTO task (id, turn_id, conversation_id, kind, contact, due, note, owner, state,
            result, version, created_at, updated_at)
        SELECT id, turn_id, conversation_id, kind, contact, due, note, '', state, '', 1,
            created_at, created_at FROM task_before"""
    )
    op.drop_table("task_before")


def _create_outbox() -> None:
    op.create_table(
        "outbox_event",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("key", sa.String(80), nullable=False, unique=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
    )
    op.create_table(
        "webhook",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("url", sa.String(500), nullable=False),
        sa.Column("secret", sa.String(80), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("disabled_at", UtcDateTime()),
        sa.Column("created_at", UtcDateTime(), nullable=False),
    )
    op.create_table(
        "webhook_delivery",
        sa.Column("event_id", sa.Integer(), sa.ForeignKey("outbox_event.id"), primary_key=True),
        sa.Column("webhook_id", sa.Integer(), sa.ForeignKey("webhook.id"), primary_key=True),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", UtcDateTime(), nullable=False),
        sa.Column("answer", sa.String(200), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
    )
    waiting = sa.text("state = 'waiting'")
    op.create_index(
        "ix_webhook_delivery_waiting",
        "webhook_delivery",
        ["next_at"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    op.create_table(
        "day_count",
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("metric", sa.String(40), primary_key=True),
        sa.Column("value", sa.Integer(), nullable=False),
    )
    op.create_table(
        "job_run",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("ran_at", UtcDateTime(), nullable=False),
    )


def _change_staff() -> None:
    op.add_column(
        "staff_user", sa.Column("code", sa.String(12), nullable=False, server_default="")
    )
    op.add_column("staff_user", sa.Column("disabled_at", UtcDateTime()))
    people = sa.table("staff_user", sa.column("name"), sa.column("code"))
    for name in op.get_bind().execute(sa.select(people.c.name)).scalars().all():
        op.execute(
            people.update().where(people.c.name == name).values(code=secrets.token_hex(6))
        )
    op.create_index("ix_staff_user_code", "staff_user", ["code"], unique=True)
    op.create_table(
        "api_token",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("staff_name", sa.String(80), sa.ForeignKey("staff_user.name"), nullable=False),
        sa.Column("label", sa.String(80), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime()),
        sa.Column("revoked_at", UtcDateTime()),
    )
    op.create_index("ix_api_token_staff_name", "api_token", ["staff_name"])
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.String(40), nullable=False),
        sa.Column("verb", sa.String(40), nullable=False),
        sa.Column("subject_kind", sa.String(20), nullable=False),
        sa.Column("subject_id", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False, unique=True),
    )
    op.create_index("ix_audit_entry_subject", "audit_entry", ["subject_kind", "subject_id"])
    op.create_table(
        "audit_salt",
        sa.Column("subject_kind", sa.String(20), primary_key=True),
        sa.Column("subject_id", sa.String(64), primary_key=True),
        sa.Column("salt", sa.String(32), nullable=False),
    )


def _change_products() -> None:
    for name in ("content_units", "daily_use_per_person"):
        op.add_column("product", sa.Column(name, sa.Float(), nullable=False, server_default="0"))
    op.execute("UPDATE installation SET shop_hash = ''")  # load the folder with the new columns


def _fill_customers() -> None:
    names = ["id", "name", "source", "grade_is_pinned", "version", "created_at", "updated_at"]
    customer = sa.table("customer", *(sa.column(name) for name in names))
    identity = sa.table(
        "customer_identity",
        *(sa.column(name) for name in ("customer_id", "kind", "value", "created_at")),
    )
    talk = sa.table(
        "conversation",
        *(
            sa.column(name)
            for name in (
                *("id", "token_hash", "identity_sub", "identity_name", "channel", "customer_id"),
                *("contact_refused_at", "created_at"),
            )
        ),
    )
    bind = op.get_bind()
    known: dict[tuple[str, str], int] = {}
    for row in bind.execute(sa.select(talk).order_by(talk.c.created_at, talk.c.id)).all():
        if row.channel == "developer":
            continue
        key = ("login", row.identity_sub) if row.identity_sub else ("visitor", row.token_hash)
        if key not in known:
            known[key] = len(known) + 1
            bind.execute(
                customer.insert().values(
                    id=known[key],
                    name=row.identity_name or "",
                    source=row.channel,
                    grade_is_pinned=False,
                    version=1,
                    created_at=row.created_at,
                    updated_at=row.created_at,
                )
            )
            bind.execute(
                identity.insert().values(
                    customer_id=known[key], kind=key[0], value=key[1], created_at=row.created_at
                )
            )
        bind.execute(talk.update().where(talk.c.id == row.id).values(customer_id=known[key]))
    for table in ("complaint_case", "task"):
        op.execute(
            f"""UPDATE {table} SET customer_id = (SELECT customer_id FROM conversation
                WHERE conversation.id = {table}.conversation_id)"""  # noqa: S608
        )
    op.execute(
        """UPDATE customer SET contact_refused_at = (SELECT max(contact_refused_at)
            FROM conversation WHERE conversation.customer_id = customer.id)"""
    )
    if bind.dialect.name == "postgresql" and known:
        op.execute("SELECT setval('customer_id_seq', (SELECT max(id) FROM customer))")


def _fill_search() -> None:
    """Let the cases that are there be found by the messages that they rest on."""
    bind = op.get_bind()
    said = bind.execute(
        sa.text(
            """SELECT case_event.case_id, message.text FROM case_event
            JOIN message ON message.id = case_event.message_id
            ORDER BY case_event.case_id, case_event.ordinal"""
        )
    ).all()
    tokens: dict[int, list[str]] = {}
    for case_id, words in said:
        tokens.setdefault(case_id, []).extend(search_tokens(words))
    table = sa.table("case_text", sa.column("case_id"), sa.column("tokens"))
    for case_id, found in tokens.items():
        bind.execute(table.insert().values(case_id=case_id, tokens=" ".join(found)[:200_000]))


def _fill_counts() -> None:
    """Count what is there into the figures of its day (`bot.crm.counts`)."""
    created, opened = sa.column("created_at", UtcDateTime()), sa.column("opened_at", UtcDateTime())
    kind, score = sa.column("kind"), sa.column("score")
    one, none = sa.literal(1), sa.literal("")
    sources = [
        ("customer", created, "customers", none, one),
        ("conversation", created, "conversations", none, one),
        ("turn", created, "turns", none, one),
        ("objection", created, "objections.", kind, one),
        ("technique_use", created, "techniques", none, one),
        ("complaint_case", opened, "cases", none, one),
        ("task", created, "tasks", none, one),
        ("satisfaction", created, "ratings", none, one),
        ("satisfaction", created, "ratings.sum", none, score),
    ]
    bind = op.get_bind()
    counts: Counter[tuple[str, str]] = Counter()
    for table, moment, metric, suffix, value in sources:
        for at, name, number in bind.execute(sa.select(moment, suffix, value).select_from(sa.table(table))):
            counts[day_of(at), metric + name] += number
    for (at,) in bind.execute(
        sa.select(created).select_from(sa.table("turn")).where(kind == "failed")
    ):
        counts[day_of(at), "turns.failed"] += 1
    figures = sa.table("day_count", sa.column("day"), sa.column("metric"), sa.column("value"))
    for (day, metric), value in counts.items():
        bind.execute(figures.insert().values(day=day, metric=metric, value=value))


def downgrade() -> None:
    """Refuse: what was learned of customers cannot be put back into the old tables."""
    raise NotImplementedError("restore a backup from before instead")
