"""What was before a journey, and what staff do in between: orders, earlier cases, moves.

All of it goes through the services, as staff and the shop's own system write it.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue import turn as t
from bot.dialogue.case_numbers import case_number
from bot.services.application import Application
from bot.services.case_opening import open_case
from bot.services.case_work import Mover
from bot.services.cases import BOT, move_case
from bot.services.orders import OrderChange, OrderLineValue, put_order
from bot.services.shop import read_shop

MANAGER = Mover("S1", "manager", "老陈")
BEFORE = timedelta(days=20)
CLOSING: tuple[tuple[str, dict[str, Any]], ...] = (
    ("acknowledge", {}),
    ("assess", {}),
    ("investigate", {"finding": "与所述一致"}),
    (
        "decide",
        {"outcome": "accept", "reasonable": True, "must": True, "able": True, "reason": "质量问题"},
    ),
    ("communicate", {}),
    ("accept", {"words": "好"}),
    ("close", {"reason": "已换新", "cause_level": "system"}),
)


def set_orders(app: Application, conversation_id: str, orders: list[dict[str, Any]]) -> None:
    """Let whoever talks have these orders: product, and how many days ago it was delivered."""
    now = app.clock.now()

    def write(uow: UnitOfWork) -> None:
        shop, record = read_shop(uow), uow.conversations.get(conversation_id)
        for place, each in enumerate(orders, 1):
            product = shop.product(each["product"])
            assert product is not None, f"there is no product {each['product']!r}"
            delivered = now - timedelta(days=each.get("delivered_days_ago", 1))
            number = each.get("number", f"D2026{place:08d}")
            change = OrderChange(
                state="delivered",
                placed_at=delivered - timedelta(days=2),
                delivered_at=delivered,
                lines=[OrderLineValue(product.id, 1, product.price_fen)],
            )
            put_order(uow, number, change, actor="import", now=now)
            made = uow.orders.find(number)
            assert made is not None
            uow.orders.change(made.id, {"customer_id": record.customer_id}, None, now)

    app.database.write(write)


def set_earlier_case(app: Application, conversation_id: str, spec: dict[str, Any]) -> None:
    """Let whoever talks have had a case before, closed by the book unless it says otherwise."""
    then = app.clock.now() - BEFORE

    def write(uow: UnitOfWork) -> None:
        customer_id = uow.conversations.get(conversation_id).customer_id
        talk = secrets.token_hex(12)
        uow.conversations.create(talk, secrets.token_hex(32), "phone", then, customer_id)
        text = spec.get("text", "坏了")
        message = uow.messages.add(talk, sender="customer", text=text, state="history", now=then)
        command = t.OpenCase(
            source_message_id=message.id,
            number=case_number(message.id, then),
            causes=tuple(spec["causes"]),
            severity="slight",
            deadline_at=then + timedelta(days=1),
            product_id=spec.get("product"),
        )
        case = open_case(uow, talk, customer_id, command, by=BOT, now=then)
        for move, body in CLOSING if spec.get("closed", True) else ():
            move_case(uow, case.number, move, by=MANAGER, now=then, body=dict(body))

    app.database.write(write)


def make_moves(app: Application, conversation_id: str, moves: list[dict[str, Any]]) -> None:
    """Make moves of the talk's case for a manager of the shop."""
    now = app.clock.now()

    def write(uow: UnitOfWork) -> None:
        case = uow.cases.of_conversation(conversation_id)[-1]
        for each in moves:
            body = {name: value for name, value in each.items() if name != "move"}
            move_case(uow, case.number, each["move"], by=MANAGER, now=now, body=body)

    app.database.write(write)
