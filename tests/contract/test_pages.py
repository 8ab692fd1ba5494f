"""The built pages are what their sources say, small, complete in words, and call nobody."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from bot.cli.pages import SOURCES, STATIC, read_manifest, recompute
from bot.knowledge.book import load_book
from bot.knowledge.case_rules import load_case_process
from bot.services.standing import ALWAYS_SHOWN

ROOT = Path(__file__).resolve().parents[2]
LOCALES = sorted((ROOT / SOURCES / "locales").glob("*.json"))
BUILT_TEXTS = sorted(
    path
    for path in (ROOT / STATIC).rglob("*")
    if path.suffix in {".js", ".css", ".html", ".svg"} and path.is_file()
)
PAGE_SOURCES = sorted(
    path for path in (ROOT / SOURCES / "src").rglob("*") if path.suffix in {".vue", ".ts"}
)
BUDGET_BYTES = 40_000
# All that a customer loads who opens the widget in Chinese; its styles are in the scripts.
WIDGET_PARTS = ("widget.js", "widget/panel.js", "widget/zh-CN.js")
# Namespaces are names, not addresses; the next two stand in an example as text.
NOT_CALLED = {"http://www.w3.org", "https://chat.example.com", "http://127.0.0.1"}
# Vue says in its errors where to read more; the address is text, and is not asked for.
NOT_CALLED |= {"https://vuejs.org"}


def hosts(text: str) -> set[str]:
    return set(re.findall(r"https?://[\w.-]+\w", text))


def test_sources_and_built_files_are_those_of_the_manifest() -> None:
    assert read_manifest(ROOT) == recompute(ROOT), "run ./prelude pages"


def test_recompute_sees_a_change_of_one_source(tmp_path: Path) -> None:
    (tmp_path / SOURCES).mkdir(parents=True)
    (tmp_path / STATIC).mkdir(parents=True)
    source = tmp_path / SOURCES / "a.ts"
    source.write_text("1")
    before = recompute(tmp_path)
    source.write_text("2")
    assert recompute(tmp_path) != before


def test_whole_widget_fits_its_budget() -> None:
    sizes = {
        name: len(gzip.compress((ROOT / STATIC / name).read_bytes(), 9, mtime=0))
        for name in WIDGET_PARTS
    }
    assert sum(sizes.values()) <= BUDGET_BYTES, sizes


def test_widget_loads_no_part_beside_those_that_are_measured() -> None:
    built = {path.name for path in (ROOT / STATIC / "widget").iterdir()}
    locales = {f"{path.stem}.js" for path in LOCALES}
    assert built == {"panel.js", "panel.licences.txt"} | locales


@pytest.mark.parametrize("path", LOCALES, ids=lambda path: path.stem)
def test_locale_has_the_words_of_the_others_with_their_gaps(path: Path) -> None:
    def gaps(words: dict[str, str]) -> dict[str, list[str]]:
        return {key: sorted(re.findall(r"\{\w+\}", text)) for key, text in words.items()}

    first = json.loads(LOCALES[0].read_text(encoding="utf-8"))
    words = json.loads(path.read_text(encoding="utf-8"))
    assert gaps(words) == gaps(first)
    assert all(text.strip() for text in words.values())


def test_there_are_three_locales() -> None:
    assert [path.stem for path in LOCALES] == ["en", "zh-CN", "zh-TW"]


@pytest.mark.parametrize("path", PAGE_SOURCES, ids=lambda path: path.name)
def test_page_source_holds_no_chinese_words(path: Path) -> None:
    assert re.findall(r"[\u3400-\u9fff]+", path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", BUILT_TEXTS, ids=lambda path: path.name)
def test_built_file_names_no_foreign_host(path: Path) -> None:
    assert hosts(path.read_text(encoding="utf-8")) - NOT_CALLED == set()


@pytest.mark.parametrize("path", BUILT_TEXTS, ids=lambda path: path.name)
def test_built_page_has_nothing_inline(path: Path) -> None:
    if path.suffix == ".html":
        text = path.read_text(encoding="utf-8")
        assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", text) == []


@pytest.mark.parametrize("name", ["widget/panel.licences.txt", "assets/pages.licences.txt"])
def test_licences_lie_beside_the_bundles(name: str) -> None:
    text = (ROOT / STATIC / name).read_text(encoding="utf-8")
    assert "@vue/runtime-core" in text and "Permission is hereby granted" in text


def test_lock_file_names_no_registry() -> None:
    lock = json.loads((ROOT / SOURCES / "package-lock.json").read_text(encoding="utf-8"))
    assert [name for name, each in lock["packages"].items() if "resolved" in each] == []


@pytest.mark.parametrize("path", LOCALES, ids=lambda path: path.stem)
def test_every_stage_and_every_event_that_a_customer_sees_has_words(path: Path) -> None:
    words, process = json.loads(path.read_text(encoding="utf-8")), load_case_process()
    verbs = {*ALWAYS_SHOWN, *process.shown_verbs}
    wanted = {f"event.{verb}" for verb in verbs} | {f"stage.{each}" for each in process.stages}
    assert sorted(wanted - words.keys()) == []
    named = [words[f"event.{verb}"] for verb in verbs]
    assert len(set(named)) == len(named) and words["event.other"] not in named


def test_stages_are_named_on_the_pages_as_in_the_talk() -> None:
    words = json.loads((ROOT / SOURCES / "locales/zh-CN.json").read_text(encoding="utf-8"))
    for stage, name in load_book().complaints.stage_names.items():
        assert words[f"stage.{stage}"] == name
