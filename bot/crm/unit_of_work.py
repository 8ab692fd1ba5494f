"""One transaction's view of the database, as repositories.

The database rolls back unless the job returns; services never see a session.
"""

from __future__ import annotations

from functools import cached_property

from sqlalchemy.orm import Session

from bot.crm.cases import CaseRepository
from bot.crm.catalogue import CatalogueRepository
from bot.crm.conversations import ConversationRepository
from bot.crm.messages import MessageRepository
from bot.crm.pictures import PictureRepository
from bot.crm.staff import StaffRepository
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
        """Turns, the objection ledger and technique uses."""
        return TurnRepository(self._session)

    @cached_property
    def cases(self) -> CaseRepository:
        """Complaint cases and tasks."""
        return CaseRepository(self._session)

    @cached_property
    def pictures(self) -> PictureRepository:
        """Uploaded pictures."""
        return PictureRepository(self._session)

    @cached_property
    def staff(self) -> StaffRepository:
        """People of the shop."""
        return StaffRepository(self._session)

    @cached_property
    def catalogue(self) -> CatalogueRepository:
        """Products and the shop's documents."""
        return CatalogueRepository(self._session)
