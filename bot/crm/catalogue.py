"""Products and the shop's documents (promotions, policies, limits, hours, profile)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from bot.crm.models import Installation, Product, ShopDocument

_SHOP_HASH = select(Installation.__table__.c.shop_hash)


class CatalogueRepository:
    """Reads and writes of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def shop_hash(self) -> str:
        """Return the hash of the shop folder that was loaded last; empty for none."""
        digest: str = self._session.connection().execute(_SHOP_HASH).scalar_one()
        return digest

    def has_product(self, product_id: str) -> bool:
        """Tell whether the shop has a product with this id."""
        return self._session.get(Product, product_id) is not None

    def product_name(self, product_id: str) -> str | None:
        """Return a product's name; None for one that the shop does not have."""
        row = self._session.get(Product, product_id)
        return None if row is None else row.name

    def replace(
        self,
        *,
        shop_hash: str,
        products: list[dict[str, Any]],
        documents: dict[str, dict[str, Any]],
    ) -> None:
        """Put the shop folder's present content in place of the former."""
        self._session.execute(delete(Product))
        self._session.execute(delete(ShopDocument))
        for position, product in enumerate(products):
            self._session.add(Product(position=position, **product))
        for name, body in documents.items():
            self._session.add(ShopDocument(name=name, body=body))
        self._session.execute(update(Installation).values(shop_hash=shop_hash))
        self._session.flush()

    def products(self) -> list[dict[str, Any]]:
        """Return all products as plain dictionaries, in the owner's order."""
        rows = self._session.execute(select(Product).order_by(Product.position)).scalars()
        names = [column.key for column in Product.__table__.columns if column.key != "position"]
        return [{name: getattr(row, name) for name in names} for row in rows]

    def documents(self) -> dict[str, dict[str, Any]]:
        """Return the shop's documents by name."""
        rows = self._session.execute(select(ShopDocument)).scalars()
        return {row.name: row.body for row in rows}
