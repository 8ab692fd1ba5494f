"""The shop's facts: loaded from its folder into the database, read from there."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bot.crm.database import Database
from bot.crm.unit_of_work import UnitOfWork
from bot.errors import UsageError
from bot.knowledge.shop import Shop, load_shop, shop_from_documents, shop_hash

MOST_KNOWN = 8
_known: dict[str, Shop] = {}  # by the hash of the folder they were loaded from


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
    """Return the shop as the database holds it; what is unchanged is read once a process.

    Raises:
        UsageError: no shop was loaded yet.
    """
    digest = uow.catalogue.shop_hash()
    known = _known.get(digest)
    if known is not None:
        return known
    documents = uow.catalogue.documents()
    if "shop" not in documents:
        raise UsageError("no shop is loaded; run ./prelude serve, or ./prelude check first")
    shop = shop_from_documents(uow.catalogue.products(), documents)
    if digest:  # without one nothing tells when it changes
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        _known[digest] = shop
    return shop


class ShopCatalogue:
    """The shop's facts as the database holds them; the same object until they change."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def shop(self) -> Shop:
        """Return the shop as it is now."""
        return self._database.read(read_shop)
