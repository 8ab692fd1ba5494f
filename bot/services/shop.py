"""The shop's facts: loaded from its folder into the database, read from there."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bot.crm.database import Database
from bot.crm.unit_of_work import UnitOfWork
from bot.errors import UsageError
from bot.knowledge.shop import Shop, load_shop, shop_from_documents, shop_hash


def sync_shop(uow: UnitOfWork, folder: Path) -> Shop | None:
    """Load the shop folder if its files changed since they were loaded last.

    Returns:
        The shop when it was loaded, None when nothing had changed.

    Raises:
        ShopDataError: the folder has errors; nothing is changed.
    """
    digest = shop_hash(folder)
    if digest == uow.catalogue.shop_hash():
        return None
    shop = load_shop(folder)
    uow.catalogue.replace(
        shop_hash=digest,
        products=[msgspec.structs.asdict(product) for product in shop.products],
        documents=shop.documents(),
    )
    return shop


def read_shop(uow: UnitOfWork) -> Shop:
    """Return the shop as the database holds it.

    Raises:
        UsageError: no shop was loaded yet.
    """
    documents = uow.catalogue.documents()
    if "shop" not in documents:
        raise UsageError("no shop is loaded; run ./prelude serve, or ./prelude check first")
    return shop_from_documents(uow.catalogue.products(), documents)


class ShopCatalogue:
    """The shop's facts as the database holds them, read anew when they change."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._hash = ""
        self._shop: Shop | None = None

    def shop(self) -> Shop:
        """Return the shop as it is now."""
        digest = self._database.read(lambda uow: uow.catalogue.shop_hash())
        if self._shop is None or digest != self._hash:
            self._shop = self._database.read(read_shop)
            self._hash = digest
        return self._shop
