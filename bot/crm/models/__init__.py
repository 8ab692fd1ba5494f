"""The tables. A table enters with the feature that writes and reads it.

Times are UTC; money is an integer of fen; JSON columns hold plain values. Unique keys repeat in
the database what the services promise (design decision 1): one message a client id, one case a
source message, one reply a turn and ordinal, one technique use a turn, one promise a turn, kind and
ordinal, one task an origin, one alarm a case and gravity, one event a key.
"""

from bot.crm.models.base import Base, UtcDateTime
from bot.crm.models.cases import FINAL, Case, CaseAlarm, CaseEvent, CaseProposal, CaseText, Task
from bot.crm.models.customers import Customer, CustomerGrade, CustomerIdentity, Order, OrderLine
from bot.crm.models.outbox import DayCount, JobRun, OutboxEvent, Webhook, WebhookDelivery
from bot.crm.models.promises import Promise
from bot.crm.models.selling import (
    GrantedConcession,
    Objection,
    TechniqueCount,
    TechniqueSetting,
    TechniqueUse,
)
from bot.crm.models.shop import Installation, Product, ShopDocument
from bot.crm.models.staff import ApiToken, AuditEntry, AuditSalt, StaffUser
from bot.crm.models.talk import Conversation, Message, OfferedOption, Picture, Satisfaction, Turn

__all__ = [
    "ApiToken",
    "AuditEntry",
    "AuditSalt",
    "Base",
    "Case",
    "CaseAlarm",
    "CaseEvent",
    "CaseProposal",
    "CaseText",
    "Conversation",
    "Customer",
    "CustomerGrade",
    "CustomerIdentity",
    "DayCount",
    "FINAL",
    "GrantedConcession",
    "Installation",
    "JobRun",
    "Message",
    "Objection",
    "OfferedOption",
    "Order",
    "OrderLine",
    "OutboxEvent",
    "Picture",
    "Product",
    "Promise",
    "Satisfaction",
    "ShopDocument",
    "StaffUser",
    "Task",
    "TechniqueCount",
    "TechniqueSetting",
    "TechniqueUse",
    "Turn",
    "UtcDateTime",
    "Webhook",
    "WebhookDelivery",
]
