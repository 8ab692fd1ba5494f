"""What is old enough goes, and nothing else (promise 24)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.crm.audit import AuditRepository
from bot.crm.pictures import PictureFolder
from bot.crm.privacy import Emptied, PrivacyRepository
from bot.crm.records import PictureRecord
from bot.errors import NotAllowedError, ShopDataError
from bot.knowledge.shop import Retention, load_shop
from bot.services.reception import Arrival, authenticate
from bot.services.retention import run_retention
from bot.services.survey import SurveyAnswer
from bot.settings import Settings
from tests.conftest import Play
from tests.fakes import START

DAY = 86_400.0
Run = Callable[[], dict[str, int]]
KEPT_DAYS = Retention().conversation_days


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> dict[int, dict[str, int]]:
    """Return what the audit trail keeps a digest of only, by entry."""
    seen: dict[int, dict[str, int]] = {}
    append = AuditRepository.append

    def remember(self: Any, actor: str, verb: str, subject: Any, details: Any, now: Any) -> None:
        append(self, actor, verb, subject, details, now)
        seen[self.newest(limit=1)[0].id] = dict(details)

    monkeypatch.setattr(AuditRepository, "append", remember)
    return seen


@pytest.fixture
def run(play: Play, told: dict[int, dict[str, int]]) -> Callable[[], dict[str, int]]:
    """Return a function that runs retention and returns the counts of its audit entry."""

    def once() -> dict[str, int]:
        async def work() -> None:
            var_dir = play.app.settings.var_dir
            async for _ in run_retention(play.app.database, play.clock.now(), var_dir=var_dir):
                pass

        play.run(work)
        newest = play.app.database.read(lambda uow: uow.audit.newest(limit=1))[0]
        assert (newest.verb, newest.subject_kind) == ("retention.done", "retention")
        return {name: count for name, count in told[newest.id].items() if count}

    return once


def texts(play: Play, conversation_id: str) -> list[str]:
    return [text for _, _, text in play.log(conversation_id)]


def test_talks_stay_as_long_as_the_rules_say_and_no_longer(play: Play, run: Run) -> None:
    admission = play.run(lambda: play.app.arrive(Arrival("test")))
    old = admission.conversation.id
    play.say(old, "hello")
    play.clock.advance(DAY)
    young = play.start()
    play.say(young, "hello")
    play.clock.advance((KEPT_DAYS - 1) * DAY)
    assert run() == {}
    play.clock.advance(1)
    assert run() == {"conversations": 1}
    assert texts(play, old) == ["", ""]
    assert texts(play, young) == ["hello", "re: hello"]
    with pytest.raises(NotAllowedError):
        play.app.database.read(lambda uow: authenticate(uow, old, admission.token))
    assert run() == {}, "what is empty is not emptied again"


def test_talk_with_an_open_case_stays(play: Play, run: Run) -> None:
    conversation = play.start()
    play.say(conversation, "complaint")
    play.clock.advance(2 * KEPT_DAYS * DAY)
    assert "conversations" not in run()
    assert texts(play, conversation)[0] == "complaint"
    case = play.app.database.read(lambda uow: uow.cases.of_conversation(conversation))[0]
    play.app.database.write(
        lambda uow: uow.cases.change(
            case.id, {"stage": "closed"}, actor="x", verb="closed", body={}, now=START
        )
    )
    assert run()["conversations"] == 1
    assert texts(play, conversation)[0] == ""


def test_talk_in_which_somebody_still_writes_to_a_person_stays(play: Play, run: Run) -> None:
    """Messages that wait for a person do not raise the conversation's version."""
    conversation = play.start()
    play.say(conversation, "human")
    play.clock.advance((KEPT_DAYS + 1) * DAY)
    play.app.database.write(
        lambda uow: uow.messages.add(
            conversation, sender="customer", text="still here", state="held", now=play.clock.now()
        )
    )
    assert "conversations" not in run()


def test_figures_equal_a_recount_after_retention(play: Play, run: Run) -> None:
    conversation = play.start()
    play.say(conversation, "hello")
    play.run(lambda: play.app.rate(conversation, SurveyAnswer(score=5, comment="good")))
    play.clock.advance(2 * KEPT_DAYS * DAY)
    assert run() == {"conversations": 1}
    figures = play.app.database.read(lambda uow: uow.counts.between("0000", "9999"))
    assert figures == play.app.database.read(lambda uow: uow.counts.recount())


def test_many_talks_go_in_short_transactions(
    play: Play, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(45):
        play.start()
    play.clock.advance(2 * KEPT_DAYS * DAY)
    steps: list[Any] = []
    erase = PrivacyRepository.erase

    def note(self: Any, root: str, key: Any, now: datetime) -> Emptied:
        steps.append(self._session)
        return erase(self, root, key, now)

    monkeypatch.setattr(PrivacyRepository, "erase", note)
    assert run() == {"conversations": 45}
    assert max(sum(each is other for other in steps) for each in steps) <= 20


def test_developers_talks_without_a_token_are_left_alone(play: Play, run: Run) -> None:
    """They look emptied already; a run that took them again and again would not end."""
    for number in range(20):
        play.app.database.write(
            lambda uow, number=number: uow.conversations.create(
                f"dev-{number}", "", "developer", START
            )
        )
    play.clock.advance(2 * KEPT_DAYS * DAY)
    assert run() == {}


def picture(
    play: Play, folder: PictureFolder, conversation_id: str, picture_id: str, **more: Any
) -> None:
    folder.write(picture_id, b"bytes")
    record = PictureRecord(
        id=picture_id,
        conversation_id=conversation_id,
        sha256="0" * 64,
        media_type="image/jpeg",
        width=1,
        height=1,
        byte_size=5,
        **{"message_id": None, "created_at": play.clock.now(), **more},
    )
    play.app.database.write(lambda uow: uow.pictures.add(record))


def test_unused_pictures_go_after_a_day_with_their_files(play: Play, run: Run) -> None:
    folder = PictureFolder(play.app.settings.var_dir / "pictures")
    conversation = play.start()
    (accepted,) = play.say(conversation, "look")
    picture(play, folder, conversation, "aa01")
    picture(play, folder, conversation, "aa02", message_id=accepted.message.id)
    play.clock.advance(DAY + 1)
    picture(play, folder, conversation, "aa03")
    assert run()["pictures"] == 1
    assert [folder.path_of(each).exists() for each in ("aa01", "aa02", "aa03")] == [
        *(False, True, True)
    ]


def test_file_that_no_row_names_goes_when_it_is_old(play: Play, run: Run) -> None:
    """A crash between the commit of an erasure and the removal of its files leaves some."""
    folder = PictureFolder(play.app.settings.var_dir / "pictures")
    conversation = play.start()
    (accepted,) = play.say(conversation, "look")
    picture(play, folder, conversation, "ab01", message_id=accepted.message.id)
    for name, age in (("ab01", 2), ("ab02", 2), ("ab03", 0)):
        if name != "ab01":
            folder.write(name, b"left behind")
        moment = (START - timedelta(days=age)).timestamp()
        os.utime(folder.path_of(name), (moment, moment))
    assert run() == {"files": 1}
    assert not folder.path_of("ab02").exists()
    assert folder.path_of("ab01").exists() and folder.path_of("ab03").exists()


def test_told_events_go_and_waiting_ones_stay(play: Play, run: Run) -> None:
    database = play.app.database

    def prepare(uow: Any) -> None:
        for url in ("http://shop", "http://gone"):
            uow.outbox.add_webhook(url, "s", ["case.opened"], START)
        for number in (1, 2):
            uow.outbox.add(f"case.opened:{number}", "case.opened", {"id": number}, START)
        taken = uow.outbox.take(START, timedelta(hours=1), 1, webhook_id=1)[0]
        uow.outbox.settle(taken, state="delivered", answer="200", next_at=START, now=START)
        uow.outbox.disable_webhook(2, START)  # nobody sends there, so nobody waits

    database.write(prepare)
    play.clock.advance(30 * DAY)
    assert run() == {}
    play.clock.advance(1)
    assert run() == {"events": 1}
    assert [each.event_id for each in database.read(lambda uow: uow.outbox.deliveries(1))] == [2]


def test_old_backups_go(play: Play, run: Run) -> None:
    backups = play.app.settings.var_dir / "backups"
    (backups / "old-folder").mkdir(parents=True)
    (backups / "old-folder" / "prelude.db").write_text("x")
    (backups / "old.zip").write_text("x")
    (backups / "new.zip").write_text("x")
    for name, days in (("old-folder", 91), ("old.zip", 91), ("new.zip", 89)):
        moment = (START - timedelta(days=days)).timestamp()
        os.utime(backups / name, (moment, moment))
    assert run() == {"backups": 2}
    assert [path.name for path in backups.iterdir()] == ["new.zip"]


def test_run_that_breaks_off_goes_on_at_the_next(play: Play, run: Run) -> None:
    for _ in range(25):
        play.start()
    play.clock.advance(2 * KEPT_DAYS * DAY)

    async def break_off() -> None:
        steps = run_retention(
            play.app.database, play.clock.now(), var_dir=play.app.settings.var_dir
        )
        await steps.__anext__()
        await steps.aclose()  # type: ignore[attr-defined]

    asyncio.run(break_off())
    assert run() == {"conversations": 5}


def test_rules_come_from_the_shops_folder(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    for path in settings.shop_dir.iterdir():
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
    profile = (folder / "shop.yml").read_text(encoding="utf-8")
    (folder / "shop.yml").write_text(f"{profile}\nretention: {{conversation_days: 365}}\n")
    shop = load_shop(folder)
    assert shop.profile.retention == Retention(conversation_days=365)
    assert shop.documents()["shop"]["retention"]["backup_days"] == 90  # type: ignore[index]
    (folder / "shop.yml").write_text(f"{profile}\nretention: {{conversation_days: 3}}\n")
    with pytest.raises(ShopDataError, match="conversation_days"):
        load_shop(folder)
