"""Who comes in: a new visitor, a known one, a shop's logged-in customer; and what they look at."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime

from bot.crm.records import ConversationRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.errors import IdentityRefusedError, NotAllowedError, NotFoundError
from bot.services.customers import recognise_login, recognise_visitor
from bot.services.identity import Customer, IdentityDesk

MAX_PAGE_CHARS = 500
MAX_CART_ITEMS = 50
MAX_ID_CHARS = 64


@dataclass(frozen=True)
class PageContext:
    """What the shop's page says of the customer: product looked at, address, cart."""

    product: str = ""
    page: str = ""
    cart: tuple[str, ...] = ()


@dataclass(frozen=True)
class Arrival:
    """How somebody comes to the socket; empty fields are unknown."""

    channel: str
    conversation_id: str = ""
    token: str = ""
    identity: str = ""
    context: PageContext | None = None
    address: str = ""


@dataclass(frozen=True)
class Admission:
    """An open conversation. `token` is told only when it is new."""

    conversation: ConversationRecord
    token: str = field(default="", repr=False)
    is_new: bool = False


def authenticate(uow: UnitOfWork, conversation_id: str, token: str) -> ConversationRecord:
    """Return the conversation if the token is its own.

    Raises:
        NotAllowedError: unknown conversation or wrong token; the same answer for both.
    """
    try:
        record = uow.conversations.get(conversation_id)
    except NotFoundError:
        record = None
    if record is None or not hmac.compare_digest(record.token_hash, hash_of(token)):
        raise NotAllowedError("this conversation cannot be opened with this token")
    return record


def check_customer(record: ConversationRecord, customer: Customer | None) -> None:
    """Refuse a logged-in customer's conversation to everybody else.

    Raises:
        IdentityRefusedError: it is another's, or nobody is logged in.
    """
    subject = customer.subject if customer else None
    if record.identity_sub is not None and record.identity_sub != subject:
        raise IdentityRefusedError("this conversation belongs to a customer who is not logged in")


def begin(uow: UnitOfWork, channel: str, token: str, now: datetime) -> ConversationRecord:
    """Open a conversation for whoever has this token."""
    conversation_id = secrets.token_hex(12)
    customer_id = recognise_visitor(uow, hash_of(token), channel, now)
    uow.conversations.create(conversation_id, hash_of(token), channel, now, customer_id)
    refused_at = uow.customers.get(customer_id).contact_refused_at
    if refused_at is not None:  # who wanted no more offers wants none the next day either
        uow.conversations.update_fields(conversation_id, contact_refused_at=refused_at)
    return uow.conversations.get(conversation_id)


def welcome(
    uow: UnitOfWork,
    conversation_id: str,
    customer: Customer | None,
    context: PageContext | None,
    now: datetime,
) -> None:
    """Bind a conversation to the customer who has logged in; note what they look at."""
    if customer is not None:
        uow.conversations.update_fields(conversation_id, identity_sub=customer.subject)
        recognise_login(uow, conversation_id, customer.subject, customer.name, now)
    if context is not None:
        note_context(uow, conversation_id, context)


def note_context(uow: UnitOfWork, conversation_id: str, context: PageContext) -> None:
    """Remember what the customer looks at; a product the shop does not have is ignored."""
    values: dict[str, object] = {
        "page": context.page[:MAX_PAGE_CHARS] or None,
        "cart": [item[:MAX_ID_CHARS] for item in context.cart[:MAX_CART_ITEMS]] or None,
    }
    if context.product and uow.catalogue.has_product(context.product[:MAX_ID_CHARS]):
        values["product_id"] = context.product
    uow.conversations.update_fields(conversation_id, **values)


def customer_of(
    desk: IdentityDesk, arrival: Arrival, shop_id: str, now: datetime
) -> Customer | None:
    """Return the logged-in customer, if the page names one.

    Raises:
        IdentityRefusedError: the page's JWT is not good.
    """
    if not arrival.identity:
        return None
    try:
        return desk.customer_of(arrival.identity, shop_id, now)
    except NotAllowedError as error:
        raise IdentityRefusedError(str(error)) from error


def hash_of(token: str) -> str:
    """Return the form in which a token is stored."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
