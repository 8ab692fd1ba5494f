"""A new shop: made from the template, told what it lacks, kept local until it is named."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from bot.errors import UsageError
from bot.knowledge.shop import load_shop
from bot.services.new_shop import (
    SAMPLE,
    TEMPLATE,
    checklist,
    is_sample_or_template,
    make_shop,
    unedited_names,
)
from bot.services.public_readiness import is_guessable, is_loopback, obstacles
from bot.settings import Settings

GOOD_SECRET = "mJ3v9Qe1xN7uT5bYwK0cRzP8sLh2aFdG4iXo6"


def open_items(folder: Path) -> set[str]:
    return {item.name for item in checklist(folder) if not item.is_done}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_the_template_is_a_valid_shop_that_promises_nothing() -> None:
    shop = load_shop(TEMPLATE)
    assert (shop.products, shop.promotions, shop.policies, shop.limits) == ((), (), (), ())


def test_a_new_shop_is_valid_and_everything_is_still_to_do(tmp_path: Path) -> None:
    folder = make_shop("my_shop", tmp_path / "shops")
    assert folder == tmp_path / "shops" / "my_shop"
    assert load_shop(folder).profile.id == "my_shop"
    assert all(not item.is_done and item.hint for item in checklist(folder))
    assert is_sample_or_template(folder)


def test_what_is_done_leaves_the_checklist(tmp_path: Path) -> None:
    folder = make_shop("my_shop", tmp_path)
    edit(folder / "shop.yml", "（请填店名）", "江边茶铺")
    edit(folder / "shop.yml", "（请填客服电话）", '"400-123-4567"')
    edit(folder / "shop.yml", "embed_origins: []", 'embed_origins: ["https://tea.example"]')
    edit(folder / "hours.yml", "sat: []", 'sat: ["10:00-16:00"]')
    (folder / "privacy.md").write_text("# 隐私说明\n\n聊天记录保留一年。\n", encoding="utf-8")
    shutil.copy(SAMPLE / "policies.yml", folder)
    shutil.copy(SAMPLE / "products.csv", folder)
    missing = {"tagline", "city", "decision_kit", "pictures", "limits", "crisis"}
    assert open_items(folder) == missing
    assert not is_sample_or_template(folder)


def test_missing_policies_and_pictures_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    shutil.copytree(SAMPLE, folder)
    (folder / "pictures" / "kettle.webp").unlink()
    edit(folder / "policies.yml", "topic: gifts", "topic: gifts\n    # no more")
    hints = {item.name: item.hint for item in checklist(folder)}
    assert "kettle" in hints["pictures"] and "air_fryer" not in hints["pictures"]
    assert hints["policies"] == ""
    assert open_items(folder) >= {"name", "phone", "hours", "privacy", "embed_origins"}
    (folder / "policies.yml").write_text("policies: []\n")
    hints = {item.name: item.hint for item in checklist(folder)}
    assert "returns" in hints["policies"] and "gifts" in hints["policies"]


@pytest.mark.parametrize("name", ["Shop", "1shop", "a-b", "../up", "", "a" * 64, "a b"])
def test_a_name_that_cannot_be_a_folder_and_id_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a shop"):
        make_shop(name, tmp_path / "shops")
    assert not (tmp_path / "shops").exists()


def test_a_folder_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    folder = make_shop("mine", tmp_path)
    (folder / "shop.yml").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="is there already"):
        make_shop("mine", tmp_path)
    assert (folder / "shop.yml").read_text(encoding="utf-8") == "mine"
    with pytest.raises(UsageError, match="cannot be written"):
        make_shop("other", folder / "shop.yml")


# May the server listen beyond this machine?


def named_shop(tmp_path: Path) -> Path:
    folder = make_shop("tea", tmp_path)
    edit(folder / "shop.yml", "（请填店名）", "江边茶铺")
    edit(folder / "shop.yml", "（请填客服电话）", '"400-123-4567"')
    return folder


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost"])
def test_on_this_machine_everything_goes(host: str) -> None:
    assert is_loopback(host)
    assert obstacles(Settings(secret="a" * 32), load_shop(SAMPLE), host) == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "shop.example", ""])
def test_beyond_it_the_sample_shop_is_refused(host: str, tmp_path: Path) -> None:
    assert len(obstacles(Settings(), load_shop(SAMPLE), host)) == 1
    assert "name, phone" in obstacles(Settings(), load_shop(TEMPLATE), host)[0]
    assert obstacles(Settings(), load_shop(named_shop(tmp_path)), host) == []


@pytest.mark.parametrize("field", ["secret", "identity_secret"])
def test_beyond_it_a_guessable_secret_is_refused_by_name(field: str, tmp_path: Path) -> None:
    shop = load_shop(named_shop(tmp_path))
    weak = replace(Settings(), **{field: "changeme" * 5})  # type: ignore[arg-type]
    found = obstacles(weak, shop, "0.0.0.0")
    assert [f"PRELUDE_{field.upper()} can be guessed" in each for each in found] == [True]
    assert "changeme" not in found[0]
    strong = replace(Settings(), **{field: GOOD_SECRET})  # type: ignore[arg-type]
    assert obstacles(strong, shop, "0.0.0.0") == []


def test_a_sample_that_only_changed_its_id_is_still_the_sample(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    shutil.copytree(SAMPLE, folder)
    edit(folder / "shop.yml", "id: sample", "id: mine")
    assert unedited_names(load_shop(folder)) == ["name", "phone"]


@pytest.mark.parametrize(
    "secret",
    [
        "a" * 64,
        "abcdefghijklmnopqrstuvwxyz0123456789",
        "Change-Me-Change-Me-Change-Me-Now",
        "my-super-secret-key-for-production-2026",
        "x7Kp2" * 8,
        "xQxQxQ7QxQxQxQ2QxQxQxQ9QxQxQxQ7QxQ",
        "gW5xQ9vZ2mR7" * 4,
        "password1234567890qwertyuiopasdf",
        "0011223344556677889900112233445566",
    ],
)
def test_a_secret_that_somebody_would_try_is_guessable(secret: str) -> None:
    assert is_guessable(secret)


@pytest.mark.parametrize(
    "secret",
    [
        GOOD_SECRET,
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "vT0hYp8L1q-XgR5n_wZk3EoC7uJd9sBi6fAmQyHe2Wl4MtNcKx",
    ],
)
def test_a_random_secret_is_not(secret: str) -> None:
    assert not is_guessable(secret)
