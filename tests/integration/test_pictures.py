"""Pictures through the real routes and database: who may, how many, kept how, shown how."""

from __future__ import annotations

import asyncio
import hashlib
import io
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from httpx import Response
from litestar.testing import TestClient
from PIL import Image

from bot.crm import pictures as crm_pictures
from bot.crm.database import migration_engine
from bot.crm.migrate import MIGRATIONS, upgrade
from bot.crm.models import Base
from bot.crm.pictures import PictureFolder
from bot.crm.records import PictureRecord
from bot.errors import (
    NotAllowedError,
    NotFoundError,
    PictureTooLargeError,
    RateLimitedError,
    StorageUnavailableError,
    UsageError,
)
from bot.services.pictures import PictureDesk, claim_picture, find_picture
from bot.settings import Settings
from bot.web import pictures as web_pictures
from bot.web.fanout import build_channels
from tests.conftest import Play
from tests.crash.test_picture_files import HOSTILE
from tests.integration.web_apps import borrow_web, give_back

SATISFACTION = (
    "create table satisfaction (conversation_id varchar(32) not null primary key references"
    " conversation (id), score integer not null, expectation varchar(8) not null,"
    " again varchar(8) not null, comment text not null, created_at datetime not null)"
)


def jpeg(colour: tuple[int, int, int] = (9, 99, 9)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (60, 40), colour).save(out, "JPEG")
    return out.getvalue()


class Visitor(NamedTuple):
    """Somebody with a conversation."""

    conversation_id: str
    token: str


class Shop(NamedTuple):
    """A served application with one visitor, and a second one."""

    client: TestClient[Any]
    play: Play
    visitor: Visitor
    other: Visitor

    @property
    def folder(self) -> Path:
        return self.play.app.settings.var_dir / "pictures"

    def upload(
        self,
        data: bytes | None = None,
        *,
        token: str | None = None,
        conversation: str | None = None,
    ) -> Response:
        headers = {"Content-Type": b"image/png"}
        if token != "":
            headers["Authorization"] = f"Bearer {token or self.visitor.token}".encode("latin-1")
        place = conversation or self.visitor.conversation_id
        return self.client.post(
            f"/chat/pictures?conversation={place}",
            content=jpeg() if data is None else data,
            headers=headers,
        )

    def message(self, conversation_id: str, client_id: str = "m1") -> int:
        """Store a message of the customer and return its row's id."""
        message = self.play.app.database.write(
            lambda uow: uow.messages.add(
                conversation_id,
                sender="customer",
                text="look",
                state="held",
                now=self.play.clock.now(),
                client_id=client_id,
            )
        )
        return message.id

    def claim(self, conversation_id: str, picture_id: str, message_id: int) -> PictureRecord:
        return self.play.app.database.write(
            lambda uow: claim_picture(uow, conversation_id, picture_id, message_id)
        )

    def files(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()]

    def rows(self) -> list[PictureRecord]:
        ids = sorted(path.name for path in self.files())
        return [self.play.app.database.read(lambda uow, i=i: find_picture(uow, i)) for i in ids]

    def desk(self, folder: PictureFolder | None = None) -> PictureDesk:
        return PictureDesk(
            self.play.app.database, self.play.clock, folder or PictureFolder(self.folder)
        )


@pytest.fixture
def shop(play: Play) -> Iterator[Shop]:
    visitor, other = (Visitor(who * 24, f"token-of-{who}") for who in "ab")
    for each in (visitor, other):
        digest = hashlib.sha256(each.token.encode()).hexdigest()
        play.app.database.write(
            lambda uow, each=each, digest=digest: uow.conversations.create(
                each.conversation_id, digest, "web", play.clock.now()
            )
        )
    channels = build_channels("sqlite://")
    web = borrow_web(play.app, channels)
    with TestClient(web, raise_server_exceptions=False) as client:
        yield Shop(client, play, visitor, other)
    give_back(web)


def refusal(response: Response) -> tuple[int, str]:
    body = response.json()
    assert body["message"]
    return response.status_code, body["code"]


# --- uploading and looking --------------------------------------------------------------------


def test_picture_is_kept_and_served_with_safe_headers(shop: Shop) -> None:
    response = shop.upload()
    body = response.json()
    assert response.status_code == 201
    assert body == {
        "picture": body["picture"],
        "url": f"/pictures/{body['picture']}",
        "width": 60,
        "height": 40,
    }
    shown = shop.client.get(body["url"])
    assert shown.status_code == 200
    wanted = {
        "content-type": "image/jpeg",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; sandbox",
        "cross-origin-resource-policy": "cross-origin",
        "content-disposition": "inline; filename=picture.jpg",
        "cache-control": "private, max-age=31536000, immutable",
    }
    assert {name: shown.headers[name] for name in wanted} == wanted
    with Image.open(io.BytesIO(shown.content)) as image:
        assert (image.format, image.size) == ("JPEG", (60, 40))


def test_file_and_row_agree(shop: Shop) -> None:
    picture_id = shop.upload().json()["picture"]
    (row,) = shop.rows()
    data = (shop.folder / picture_id[:2] / picture_id).read_bytes()
    assert (row.id, row.conversation_id) == (picture_id, shop.visitor.conversation_id)
    assert (row.byte_size, row.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert row.message_id is None
    assert [path.stat().st_mode & 0o077 for path in (shop.folder, *shop.files())] == [0, 0]


def test_same_picture_twice_gets_two_unlike_ids(shop: Shop) -> None:
    first, second = (shop.upload().json()["picture"] for _ in range(2))
    assert first != second and len(first) == len(second) == 32


def test_transparent_picture_is_served_as_what_it_is(shop: Shop) -> None:
    out = io.BytesIO()
    Image.new("RGBA", (60, 40), (9, 9, 9, 99)).save(out, "PNG")
    shown = shop.client.get(shop.upload(out.getvalue()).json()["url"])
    assert shown.headers["content-type"] == "image/webp"
    assert shown.headers["content-disposition"] == "inline; filename=picture.webp"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("svg_with_script", (415, "picture_refused")),
        ("html_named_jpg", (415, "picture_refused")),
        ("jpeg_truncated", (415, "picture_refused")),
        ("png_bomb_header", (413, "picture_too_large")),
        ("file_of_9_mib", (413, "picture_too_large")),
        ("empty", (415, "picture_refused")),
    ],
)
def test_refused_picture_leaves_nothing(shop: Shop, name: str, expected: tuple[int, str]) -> None:
    assert refusal(shop.upload(HOSTILE[name]())) == expected
    assert shop.files() == []


# --- who may ----------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "wrong", "é", "a b"])
def test_upload_without_the_token_is_refused(shop: Shop, token: str) -> None:
    assert refusal(shop.upload(token=token)) == (403, "not_allowed")
    assert shop.files() == []


def test_upload_with_the_token_of_another_conversation_is_refused(shop: Shop) -> None:
    assert refusal(shop.upload(token=shop.other.token)) == (403, "not_allowed")
    assert refusal(shop.upload(conversation="f" * 24)) == (403, "not_allowed")


def test_token_in_another_scheme_is_refused(shop: Shop) -> None:
    headers = {"Authorization": f"Basic {shop.visitor.token}"}
    url = f"/chat/pictures?conversation={shop.visitor.conversation_id}"
    assert refusal(shop.client.post(url, content=jpeg(), headers=headers)) == (403, "not_allowed")


def test_upload_without_a_conversation_is_refused(shop: Shop) -> None:
    assert refusal(shop.client.post("/chat/pictures", content=jpeg())) == (400, "usage")


def test_unknown_picture_is_not_found(shop: Shop) -> None:
    assert refusal(shop.client.get("/pictures/" + "0" * 32)) == (404, "not_found")


@pytest.mark.parametrize(
    "trick",
    [
        "%2e%2e%2fsecret",
        "..%2f..%2fsecret",
        "../secret",
        "ab%2f{id}",
        "{id}.tmp",
        "{id}%00",
        "{id}%0a",
        "{id}%20",
        "{ID}",
        "{id}/",
        "{id}/..",
        "%2fetc%2fpasswd",
        "*",
        "",
    ],
)
def test_path_tricks_find_nothing(shop: Shop, trick: str) -> None:
    (shop.play.app.settings.var_dir / "secret").write_text("secret")
    picture_id = "ab" + "c" * 30
    PictureFolder(shop.folder).write(picture_id, b"secret")  # without a row
    for name in (f"{picture_id}.tmp", "secret"):
        (shop.folder / "ab" / name).write_text("secret")
    tried = trick.replace("{id}", picture_id).replace("{ID}", picture_id.upper())
    response = shop.client.get(f"/pictures/{tried}")
    assert response.status_code == 404
    assert b"secret" not in response.content


def test_only_a_strict_id_reaches_the_database(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def hand_out(_: PictureDesk, picture_id: str) -> tuple[PictureRecord, bytes]:
        asked.append(picture_id)
        raise NotFoundError("none")

    monkeypatch.setattr(PictureDesk, "hand_out", hand_out)
    for each in ["0" * 31, "0" * 33, "g" * 32, "A" * 32, "0" * 32 + "%0a", "..%2f" + "0" * 30]:
        assert shop.client.get(f"/pictures/{each}").status_code == 404
    assert asked == []
    shop.client.get("/pictures/" + "0" * 32)
    assert asked == ["0" * 32]


def test_row_without_its_file_is_not_found(shop: Shop) -> None:
    body = shop.upload().json()
    shop.files()[0].unlink()
    assert refusal(shop.client.get(body["url"])) == (404, "not_found")


# --- used once --------------------------------------------------------------------------------


def test_picture_is_claimed_by_one_message_of_its_conversation(shop: Shop) -> None:
    picture_id = shop.upload().json()["picture"]
    own, theirs = shop.visitor.conversation_id, shop.other.conversation_id
    message = shop.message(own)
    with pytest.raises(NotFoundError):
        shop.claim(theirs, picture_id, shop.message(theirs))
    assert shop.claim(own, picture_id, message).message_id == message
    with pytest.raises(NotAllowedError):
        shop.claim(own, picture_id, shop.message(own, "m2"))
    with pytest.raises(NotAllowedError):
        shop.claim(own, picture_id, message)
    assert [row.message_id for row in shop.rows()] == [message]


def test_unknown_picture_cannot_be_claimed(shop: Shop) -> None:
    own = shop.visitor.conversation_id
    message = shop.message(own)
    for picture_id in ("0" * 32, "", "' or 1=1 --"):
        with pytest.raises(NotFoundError):
            shop.claim(own, picture_id, message)


def test_two_messages_at_once_get_the_picture_once(shop: Shop) -> None:
    picture_id = shop.upload().json()["picture"]
    own = shop.visitor.conversation_id
    messages = [shop.message(own, f"m{i}") for i in range(8)]

    def attempt(message: int) -> bool:
        try:
            shop.claim(own, picture_id, message)
        except NotAllowedError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, messages)) == 1


# --- how many ---------------------------------------------------------------------------------


def test_ten_pictures_may_wait_and_a_sent_one_makes_room(shop: Shop) -> None:
    ids = [shop.upload().json()["picture"] for _ in range(10)]
    limited = shop.upload()
    assert refusal(limited) == (429, "rate_limited")
    assert limited.json()["retry_after_seconds"] == int(limited.headers["retry-after"]) > 0
    assert len(shop.files()) == 10
    assert shop.upload(
        token=shop.other.token, conversation=shop.other.conversation_id
    ).status_code == (201)
    own = shop.visitor.conversation_id
    shop.claim(own, ids[0], shop.message(own))
    assert shop.upload().status_code == 201


def test_pictures_that_were_never_sent_do_not_lock_a_conversation_for_ever(shop: Shop) -> None:
    for _ in range(10):
        shop.upload()
    shop.play.clock.advance(24 * 3600 - 1)
    assert shop.upload().status_code == 429
    shop.play.clock.advance(1)
    assert shop.upload().status_code == 201


def test_thirty_pictures_in_an_hour(shop: Shop) -> None:
    own = shop.visitor.conversation_id
    for number in range(30):
        picture_id = shop.upload().json()["picture"]
        shop.claim(own, picture_id, shop.message(own, f"m{number}"))
        shop.play.clock.advance(60)
    limited = shop.upload()
    assert (refusal(limited), limited.json()["retry_after_seconds"]) == (
        (429, "rate_limited"),
        1800,
    )
    with pytest.raises(RateLimitedError):  # a server started anew knows it from the rows
        asyncio.run(shop.desk().check_quota(own))
    shop.play.clock.advance(1800)
    assert shop.upload().status_code == 201


def test_refused_pictures_count_as_attempts(shop: Shop) -> None:
    outcomes = {refusal(shop.upload(b"junk")) for _ in range(30)}
    assert outcomes == {(415, "picture_refused")}
    assert refusal(shop.upload()) == (429, "rate_limited")
    shop.play.clock.advance(3600)
    assert shop.upload().status_code == 201


def test_places_for_uploads_are_few_and_given_back(shop: Shop) -> None:
    desk = shop.desk()
    with desk.uploading("one"), desk.uploading("one"):
        with pytest.raises(RateLimitedError), desk.uploading("one"):
            pass
        with desk.uploading("two"), desk.uploading("two"), desk.uploading("three"):
            with desk.uploading("four"), desk.uploading("five"), desk.uploading("six"):
                with pytest.raises(RateLimitedError), desk.uploading("seven"):
                    pass
    with desk.uploading("one"), desk.uploading("seven"):
        pass


def test_at_most_two_pictures_are_decoded_at_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, most = 0, 0

    async def to_thread(work: Callable[..., Any], *given: Any) -> Any:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(5):
            await asyncio.sleep(0)
        running -= 1
        return work(*given)

    async def main() -> None:
        desk = shop.desk()
        await asyncio.gather(
            *(desk.take_in(f"{shop.visitor.conversation_id}", jpeg()) for _ in "123456")
        )

    monkeypatch.setattr(asyncio, "to_thread", to_thread)
    asyncio.run(main())
    assert most == 2


def test_racing_uploads_do_not_pass_the_limit_and_leave_no_file(shop: Shop) -> None:
    async def main() -> list[Any]:
        desk = shop.desk()
        each = (desk.take_in(shop.visitor.conversation_id, jpeg()) for _ in range(14))
        return await asyncio.gather(*each, return_exceptions=True)

    outcomes = asyncio.run(main())
    assert sum(isinstance(each, RateLimitedError) for each in outcomes) == 4
    assert len(shop.files()) == len(shop.rows()) == 10


# --- reading the body -------------------------------------------------------------------------


class FakeUpload:
    """A request whose body comes chunk by chunk, for ever or not at all."""

    def __init__(self, chunk: bytes, headers: dict[str, str] | None = None) -> None:
        self.headers = headers or {}
        self.sent = 0
        self._chunk = chunk

    async def stream(self) -> AsyncIterator[bytes]:
        while self._chunk:
            self.sent += len(self._chunk)
            yield self._chunk
        await asyncio.Event().wait()


def read_body(upload: FakeUpload, limit: int) -> bytes:
    return asyncio.run(web_pictures._read_body(upload, limit))  # type: ignore[arg-type]


def test_endless_body_is_left_at_the_limit() -> None:
    upload = FakeUpload(bytes(1000))
    with pytest.raises(PictureTooLargeError):
        read_body(upload, 10_000)
    assert upload.sent == 11_000


def test_announced_length_is_refused_before_a_byte_is_read() -> None:
    for length in ("10001", "9" * 5000):
        upload = FakeUpload(bytes(1000), {"content-length": length})
        with pytest.raises(PictureTooLargeError):
            read_body(upload, 10_000)
        assert upload.sent == 0


def test_slow_body_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_pictures, "BODY_SECONDS", 0.01)
    with pytest.raises(UsageError):
        read_body(FakeUpload(b""), 10_000)


# --- keeping ----------------------------------------------------------------------------------


def test_file_is_complete_before_its_row_is_committed(shop: Shop) -> None:
    seen: list[tuple[bool, bool]] = []

    class WatchedFolder(PictureFolder):
        def write(self, picture_id: str, data: bytes) -> None:
            super().write(picture_id, data)
            found = shop.play.app.database.read(lambda uow: uow.pictures.find(picture_id))
            seen.append((self.read(picture_id) == data, found is None))

    desk = shop.desk(WatchedFolder(shop.folder))
    asyncio.run(desk.take_in(shop.visitor.conversation_id, jpeg()))
    assert seen == [(True, True)]
    assert len(shop.rows()) == 1


def test_disk_that_fails_is_told_and_leaves_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(crm_pictures.os, "fsync", full)
        assert refusal(shop.upload()) == (503, "storage_unavailable")
    assert shop.files() == []
    assert shop.upload().status_code == 201


def test_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "pictures").write_text("in the way")
    with pytest.raises(StorageUnavailableError):
        PictureFolder(tmp_path / "pictures").write("ab" * 16, b"x")


def test_database_that_is_down_leaves_no_file(shop: Shop) -> None:
    file = shop.play.app.database.url.removeprefix("sqlite:///")
    blocker = sqlite3.connect(file, isolation_level=None, timeout=5)
    blocker.execute("BEGIN IMMEDIATE")
    assert refusal(shop.upload()) == (503, "storage_unavailable")
    blocker.execute("ROLLBACK")
    blocker.close()
    assert shop.files() == []


# --- migration --------------------------------------------------------------------------------


def migrate(url: str, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = migration_engine(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


@pytest.mark.parametrize(
    "already_done",
    [
        [],
        ["alter table conversation add column identity_sub varchar(128)"],
        ["alter table message add column extras json", SATISFACTION],
    ],
    ids=["fresh", "killed_early", "killed_late"],
)
def test_migration_keeps_old_rows_and_can_be_run_again(
    settings: Settings, already_done: list[str]
) -> None:
    settings.var_dir.mkdir()
    migrate(settings.database_url, "0001")
    now = "2026-01-01 00:00:00"
    with sqlite3.connect(settings.var_dir / "prelude.db") as old:
        old.execute(
            "insert into conversation (id, token_hash, channel, owner, version, next_seq,"
            f" turn_count, created_at, updated_at) values ('c', 't', 'web', 'bot', 1, 2, 0,"
            f" '{now}', '{now}')"
        )
        old.execute(
            "insert into message (conversation_id, seq, sender, text, state, attempts, created_at)"
            f" values ('c', 1, 'customer', 'hello', 'done', 0, '{now}')"
        )
        for statement in already_done:
            old.execute(statement)
    old.close()
    upgrade(settings.database_url)
    upgrade(settings.database_url)
    engine = migration_engine(settings.database_url)
    with engine.connect() as connection:
        kept = connection.exec_driver_sql("select text, extras, page from message, conversation")
        assert kept.all() == [("hello", None, None)]
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found = compare_metadata(context, Base.metadata)
        assert [each for each in found if "case_search" not in repr(each)] == []
    engine.dispose()
