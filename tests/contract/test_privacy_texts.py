"""What a person gets with the copy of their data (PIPL art. 45) tells of every table."""

from __future__ import annotations

from bot.crm.privacy import keys_to
from bot.knowledge.privacy import load_privacy


def test_every_table_of_a_person_has_a_title() -> None:
    assert set(load_privacy().titles) == {table.name for table in keys_to("customer")}


def test_texts_have_no_unknown_variable() -> None:
    texts = load_privacy()
    line = texts.table_line.format(file="a.json", title="A", rows=3)
    told = texts.readme.format(time="T", customer=17, tables=line, pictures=2)
    assert all(each in told for each in ("a.json", "17", "2", "T"))
