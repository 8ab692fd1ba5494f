"""Tables as files: encodings, delimiters, limits, broken files, formula injection, round trips."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from bot.errors import UsageError
from bot.services import table_files
from bot.services.table_files import (
    Cell,
    RowProblem,
    TableRow,
    guarded,
    open_table,
    unguarded,
)
from bot.services.table_writer import write_table

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\uff1d1", "\uff20x"]


def read(path: Path) -> tuple[tuple[str, ...], list[TableRow | RowProblem]]:
    with open_table(path) as table:
        return table.header, list(table.rows)


def cells_of(path: Path) -> list[tuple[Cell, ...]]:
    rows = read(path)[1]
    assert all(isinstance(row, TableRow) for row in rows), rows
    return [row.cells for row in rows if isinstance(row, TableRow)]


def refusal(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        read(path)
    return str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_is_read_in_every_encoding_and_with_every_delimiter(
    tmp_path: Path, encoding: str, delimiter: str
) -> None:
    path = tmp_path / "a.csv"
    lines = [f"订单号{delimiter}姓名", f'1{delimiter}"王{delimiter}五"', f"2{delimiter}镕𠮷"]
    path.write_bytes("\r\n".join(lines).encode(encoding))
    header, _ = read(path)
    assert header == ("订单号", "姓名")
    assert cells_of(path) == [("1", f"王{delimiter}五"), ("2", "镕𠮷")]
    with open_table(path) as table:
        assert ("GB18030" if encoding == "gb18030" else "UTF-8") in table.kind


def test_rows_know_the_line_on_which_they_begin(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('\nname,note\na,"one\ntwo"\n\nb,x\n', encoding="utf-8")
    assert read(path)[1] == [TableRow(3, ("a", "one\ntwo")), TableRow(6, ("b", "x"))]


def test_bad_rows_are_named_and_the_others_still_come(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    long = "x" * (table_files.MAX_CELL_CHARS + 1)
    path.write_text(f'a,b\n1,2\n"x"y,3\n4,5,6\n{long},7\n8,9\n', encoding="utf-8")
    rows = read(path)[1]
    assert [(row.line, isinstance(row, TableRow)) for row in rows] == [
        (2, True),
        (3, False),
        (4, False),
        (5, False),
        (6, True),
    ]


def test_a_quote_that_never_ends_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('a,b\n1,2\n3,"4\n5,6\n', encoding="utf-8")
    rows = read(path)[1]
    assert rows[0] == TableRow(2, ("1", "2"))
    assert isinstance(rows[1], RowProblem) and rows[1].line == 3
    assert "quotes" in rows[1].reason


@pytest.mark.parametrize("position", [1, 40])
def test_one_broken_byte_in_a_utf_8_file_is_named_not_read_as_gb18030(
    tmp_path: Path, position: int
) -> None:
    # GB18030 takes nearly any bytes: the whole file would come out as nonsense
    lines = [b"name,city", *("张伟,上海市".encode() for _ in range(50))]
    lines[position] = lines[position][:3] + b"\xff" + lines[position][3:]
    path = tmp_path / "a.csv"
    path.write_bytes(b"\n".join(lines))
    assert refusal(path).startswith(f"{path}:{position + 1}: ")


def test_other_files_are_refused_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for content, reason in (
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        ("订单号".encode("utf-16"), "UTF-16"),
        (b"\xd0\xcf\x11\xe0old", "old .xls"),
        (b"a,b\n1,\0\n", ":2: is no text"),
        (b"PK\3\4 not a workbook", "not a readable .xlsx"),
        (b"a,b\n\x80\x80\xff\xff,1\n", ":2: has bytes"),
        (b"a" * (table_files.MAX_LINE_BYTES + 1), ":1: is no table"),
    ):
        path.write_bytes(content)
        assert reason in refusal(path)
    assert "cannot be read" in refusal(tmp_path / "none.csv")


def test_limits_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n3,4\n", encoding="utf-8")
    for name, value, reason in (
        ("MAX_ROWS", 1, "more than 1 rows"),
        ("MAX_COLUMNS", 1, "more than 1 columns"),
        ("MAX_BYTES", 4, "is larger than"),
    ):
        with monkeypatch.context() as lowered:
            lowered.setattr(table_files, name, value)
            assert reason in refusal(path)


def workbook(path: Path, rows: list[list[Cell]]) -> Path:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def test_xlsx_keeps_numbers_dates_and_lines(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", [["id", "n"], ["x", 1.5], [None, None], ["y", 2]])
    assert read(path) == (("id", "n"), [TableRow(2, ("x", 1.5)), TableRow(4, ("y", 2))])
    with open_table(path) as table:
        assert table.row_count == 3 and "XLSX" in table.kind


def test_an_archive_that_unpacks_to_too_much_is_refused_unread(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", [["id"], ["x"]])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/theme/huge.xml", b" " * (table_files.MAX_PART_BYTES + 1))
    assert "unpacks to" in refusal(path)


def test_a_bomb_of_entities_does_not_explode(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", [["id"], ["x"]])
    bomb = '<!DOCTYPE z [<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(9)
    )
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    texts = parts["xl/worksheets/sheet1.xml"].decode()
    assert ">x<" in texts
    parts["xl/worksheets/sheet1.xml"] = (bomb + "]>" + texts.replace(">x<", ">&j;<")).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    assert "not a readable .xlsx" in refusal(path)


def test_a_sheet_that_claims_endless_rows_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_files, "MAX_ROWS", 1000)
    path = workbook(tmp_path / "a.xlsx", [["id"], ["x"]])
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = "xl/worksheets/sheet1.xml"
    parts[name] = parts[name].replace(b'<row r="2"', b'<row r="999999999"')
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    try:
        assert read(path)[1] == []
    except UsageError as error:
        assert "more than" in str(error)


@pytest.mark.parametrize("text", FORMULAS)
@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_no_text_is_written_as_a_formula(tmp_path: Path, text: str, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    write_table(path, ["note"], [[text]])
    if suffix == ".csv":
        shown = list(csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline="")))[1][0]
    else:
        cell = load_workbook(path).active["A2"]
        shown = cell.value
        assert cell.data_type != "f"
    assert shown.startswith("'")


def test_numbers_stay_numbers(tmp_path: Path) -> None:
    write_table(tmp_path / "a.csv", ["a", "b"], [[-5, -1.5]])
    assert (tmp_path / "a.csv").read_bytes() == b"\xef\xbb\xbfa,b\r\n-5,-1.5\r\n"
    write_table(tmp_path / "a.xlsx", ["a", "b"], [[-5, -1.5]])
    assert cells_of(tmp_path / "a.xlsx") == [(-5, -1.5)]


@given(st.text(alphabet="'=+-@ \t\r\nab", max_size=8))
def test_the_guard_is_taken_away_again(text: str) -> None:
    assert unguarded(guarded(text)) == text


# XML and spreadsheets have no carriage return and no control characters; both files write them
# alike, so a text without them comes back as it was.
texts = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=30)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(texts, texts), max_size=5), st.sampled_from([".csv", ".xlsx"]))
def test_what_was_written_is_read_back(
    tmp_path: Path, rows: list[tuple[str, str]], suffix: str
) -> None:
    path = tmp_path / f"a{suffix}"
    write_table(path, ["first", "second"], rows)
    wanted = [tuple(row) if row[1] else row[:1] for row in rows if any(row)]
    found = [tuple("" if cell is None else cell for cell in row) for row in cells_of(path)]
    assert found == wanted


def test_a_file_that_fails_half_way_leaves_the_former_one(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_table(path, ["a"], [["old"]])

    def rows() -> list[list[Cell]]:
        yield ["new"]  # type: ignore[misc]
        raise UsageError("the database is gone")

    with pytest.raises(UsageError):
        write_table(path, ["a"], rows())
    assert cells_of(path) == [("old",)]
    assert [each.name for each in tmp_path.iterdir()] == ["a.csv"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="ends with .csv or .xlsx"):
        write_table(tmp_path / "a.pdf", ["a"], [])
    with pytest.raises(UsageError, match="cannot be written"):
        write_table(tmp_path / "none" / "a.csv", ["a"], [])
