"""One transaction's view of the database, as repositories.

The database rolls back unless the job returns; services never see a session.
"""

from __future__ import annotations

from functools import cached_property

from sqlalchemy.orm import Session

from bot.crm.alarms import AlarmRepository
from bot.crm.audit import AuditRepository
from bot.crm.cases import CaseRepository
from bot.crm.catalogue import CatalogueRepository
from bot.crm.concessions import ConcessionRepository
from bot.crm.conversations import ConversationRepository
from bot.crm.counts import CountRepository
from bot.crm.customers import CustomerRepository
from bot.crm.jobs import JobRepository
from bot.crm.messages import MessageRepository
from bot.crm.orders import OrderRepository
from bot.crm.outbox import OutboxRepository
from bot.crm.pictures import PictureRepository
from bot.crm.privacy import PrivacyRepository
from bot.crm.promises import PromiseRepository
from bot.crm.proposals import ProposalRepository
from bot.crm.staff import StaffRepository
from bot.crm.tasks import TaskRepository
from bot.crm.techniques import TechniqueRepository
from bot.crm.turns import TurnRepository


class UnitOfWork:
    """The repositories of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @cached_property
    def conversations(self) -> ConversationRepository:
        """Conversations: owner, version, snapshot."""
        return ConversationRepository(self._session)

    @cached_property
    def messages(self) -> MessageRepository:
        """Messages and the buttons that they offered."""
        return MessageRepository(self._session)

    @cached_property
    def turns(self) -> TurnRepository:
        """Turns and the objection ledger."""
        return TurnRepository(self._session)

    @cached_property
    def techniques(self) -> TechniqueRepository:
        """Uses of techniques, what came of them, and what the shop has decided."""
        return TechniqueRepository(self._session)

    @cached_property
    def concessions(self) -> ConcessionRepository:
        """What the assistant gave way on."""
        return ConcessionRepository(self._session)

    @cached_property
    def cases(self) -> CaseRepository:
        """Complaint cases."""
        return CaseRepository(self._session)

    @cached_property
    def proposals(self) -> ProposalRepository:
        """What was offered in cases."""
        return ProposalRepository(self._session)

    @cached_property
    def alarms(self) -> AlarmRepository:
        """Alarms of grave cases."""
        return AlarmRepository(self._session)

    @cached_property
    def customers(self) -> CustomerRepository:
        """Customers, identities, grades."""
        return CustomerRepository(self._session)

    @cached_property
    def orders(self) -> OrderRepository:
        """Orders with their lines."""
        return OrderRepository(self._session)

    @cached_property
    def tasks(self) -> TaskRepository:
        """Tasks for people."""
        return TaskRepository(self._session)

    @cached_property
    def promises(self) -> PromiseRepository:
        """Promises of bot and staff."""
        return PromiseRepository(self._session)

    @cached_property
    def counts(self) -> CountRepository:
        """Figures of the dashboard, a day each."""
        return CountRepository(self._session)

    @cached_property
    def outbox(self) -> OutboxRepository:
        """Events for the outside."""
        return OutboxRepository(self._session)

    @cached_property
    def audit(self) -> AuditRepository:
        """The audit trail."""
        return AuditRepository(self._session)

    @cached_property
    def jobs(self) -> JobRepository:
        """When the scheduler's jobs ran."""
        return JobRepository(self._session)

    @cached_property
    def pictures(self) -> PictureRepository:
        """Uploaded pictures."""
        return PictureRepository(self._session)

    @cached_property
    def privacy(self) -> PrivacyRepository:
        """All that belongs to a person."""
        return PrivacyRepository(self._session)

    @cached_property
    def staff(self) -> StaffRepository:
        """People of the shop and API tokens."""
        return StaffRepository(self._session)

    @cached_property
    def catalogue(self) -> CatalogueRepository:
        """Products and the shop's documents."""
        return CatalogueRepository(self._session)
