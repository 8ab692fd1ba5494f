"""Which columns are personal, as the models declare it (promises 23 and 24)."""

from __future__ import annotations

from bot.crm.models import Base
from bot.crm.models.base import PERSONAL, SECRET


def is_personal(source: str) -> bool:
    """Tell whether `table.column` holds what is masked unless somebody asks for it on purpose.

    Raises:
        KeyError: there is no such column.
    """
    table, _, column = source.partition(".")
    label: str = Base.metadata.tables[table].columns[column].info["privacy"]
    return label in (PERSONAL, SECRET)
