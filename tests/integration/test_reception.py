"""Who comes in, from which page, to which conversation, and what of it is sent."""

from __future__ import annotations

import asyncio
import io
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from PIL import Image
from websockets.exceptions import InvalidStatusCode

from bot.services.conversations import InboundText
from bot.settings import Settings
from bot.web.origins import is_allowed_origin
from tests.fakes import START
from tests.integration.served import Frame, Page, ServedShop, customer_jwt

LISTED = "https://shop.example"
SAMPLE = Path(__file__).resolve().parents[2] / "shops" / "sample"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A shop whose owner has listed one page."""
    folder = tmp_path / "shop"
    shutil.copytree(SAMPLE, folder)
    with (folder / "shop.yml").open("a") as file:
        file.write(f'\nembed_origins: ["{LISTED}"]\n')
    return Settings(var_dir=tmp_path / "var", shop_dir=folder)


async def refused(page: Page, **hello: Any) -> tuple[str, int]:
    """Say hello; return the error's code and the code that closes the socket."""
    told = await page.refusal("hello", **hello)
    return told["code"], await page.close_code()


def own(hello: Frame, token: str = "") -> dict[str, str]:
    return {"conversation": hello["conversation"], "token": token or hello["token"]}


async def begin(served: ServedShop, **hello: Any) -> Frame:
    async with served.page(hello=False) as page:
        return await page.hello(**hello)


async def comes_in(served: ServedShop, **hello: Any) -> tuple[str, int] | None:
    """Say hello on a new socket; return None, or why not."""
    async with served.page(hello=False) as page:
        await page.send("hello", **hello)
        while (frame := await page.read())["type"] not in ("hello", "error"):
            pass
        if frame["type"] == "hello":
            return None
        return frame["code"], await page.close_code()


# --- tokens -----------------------------------------------------------------------------------


def test_conversation_opens_with_its_own_token_only(served: ServedShop) -> None:
    async def scenario() -> None:
        mine, theirs = await begin(served), await begin(served)
        no = ("not_allowed", 4403)
        assert await comes_in(served, **own(mine)) is None
        assert await comes_in(served, **own(mine, theirs["token"])) == no
        assert await comes_in(served, **own(theirs, mine["token"])) == no
        assert await comes_in(served, conversation=mine["conversation"]) == no
        assert await comes_in(served, conversation="f" * 24, token=mine["token"]) == no

    served.run(scenario)


@pytest.mark.parametrize("how", ["other secret", "alg none", "cut", "expired"])
def test_forged_or_expired_token_opens_and_begins_nothing(served: ServedShop, how: str) -> None:
    async def scenario() -> None:
        mine = await begin(served)
        claims = jwt.decode(mine["token"], options={"verify_signature": False})
        token = {
            "other secret": jwt.encode(claims, "x" * 40, "HS256"),
            "alg none": jwt.encode(claims, None, "none"),
            "cut": mine["token"][:-1],
            "expired": mine["token"],
        }[how]
        if how == "expired":
            served.clock.advance(366 * 24 * 3600)
        for hello in (own(mine, token), {"token": token}):
            assert await comes_in(served, **hello) == ("not_allowed", 4403)

    served.run(scenario)


def test_unknown_conversation_and_wrong_token_look_the_same(served: ServedShop) -> None:
    async def scenario() -> None:
        mine, theirs = await begin(served), await begin(served)
        told = []
        for conversation in (theirs["conversation"], "0" * 24, "' or 1=1 --", "x" * 5000):
            async with served.page(hello=False) as page:
                told.append(
                    await page.refusal("hello", conversation=conversation, token=mine["token"])
                )
        assert all(each == told[0] for each in told)

    served.run(scenario)


def test_token_is_stored_hashed_and_told_once(served: ServedShop) -> None:
    async def scenario() -> None:
        mine = await begin(served)
        again = await begin(served, **own(mine))
        assert len(mine["conversation"]) == 24 and "token" not in again
        for file in served.settings.var_dir.glob("prelude.db*"):
            assert mine["token"].encode() not in file.read_bytes()
            assert mine["token"].split(".")[2].encode() not in file.read_bytes()

    served.run(scenario)


def test_visitor_keeps_the_token_for_the_next_conversation(served: ServedShop) -> None:
    async def scenario() -> None:
        first = await begin(served)
        second = await begin(served, token=first["token"])
        assert second["token"] == first["token"]
        assert second["conversation"] != first["conversation"]

    served.run(scenario)


# --- the shop's customers ---------------------------------------------------------------------


def test_conversation_of_a_customer_opens_for_that_customer_only(served: ServedShop) -> None:
    async def scenario() -> None:
        mine = await begin(served, identity=customer_jwt())
        no = ("identity_refused", 4404)
        assert await comes_in(served, **own(mine), identity=customer_jwt()) is None
        assert await comes_in(served, **own(mine)) == no
        assert await comes_in(served, **own(mine), identity=customer_jwt(sub="c-8")) == no
        wrong = {"conversation": mine["conversation"], "token": "wrong"}
        assert await comes_in(served, **wrong, identity=customer_jwt()) == ("not_allowed", 4403)

    served.run(scenario)


def test_visitor_who_logs_in_binds_the_conversation(served: ServedShop) -> None:
    async def scenario() -> None:
        mine = await begin(served)
        assert await comes_in(served, **own(mine)) is None
        assert await comes_in(served, **own(mine), identity=customer_jwt()) is None
        assert await comes_in(served, **own(mine)) == ("identity_refused", 4404)

    served.run(scenario)


@pytest.mark.parametrize(
    "claims", [{"exp": 1}, {"aud": "another"}, {"exp": START.timestamp() + 30 * 24 * 3600}]
)
def test_bad_identity_neither_begins_nor_binds(served: ServedShop, claims: dict[str, Any]) -> None:
    async def scenario() -> None:
        mine = await begin(served)
        bad = customer_jwt(**claims)
        no = ("identity_refused", 4404)
        assert await comes_in(served, identity=bad) == no
        assert await comes_in(served, **own(mine), identity=bad) == no
        assert await comes_in(served, **own(mine)) is None

    served.run(scenario)


def test_server_without_a_shared_secret_takes_no_identity(served: ServedShop) -> None:
    served.settings = replace(served.settings, identity_secret="")

    async def scenario() -> None:
        no = ("identity_refused", 4404)
        assert await comes_in(served, identity=customer_jwt()) == no
        assert await comes_in(served, identity=jwt.encode({"sub": "c"}, None, "none")) == no
        assert await comes_in(served) is None

    served.run(scenario)


# --- origins ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "allowed", "expected"),
    [
        (None, [], True),
        ("http://host:8000", [], True),
        ("https://HOST:8000", [], True),
        ("http://host", [], False),
        ("http://host:8001", [], False),
        ("http://host:8000.evil.example", [], False),
        ("http://evil.example", [], False),
        ("http://user@host:8000", [], False),
        ("null", [], False),
        ("", [], False),
        ("file://", [], False),
        ("http://", [], False),
        ("http://[", [], False),
        ("http://[host:8000", [], False),
        ("https://shop.example", [LISTED], True),
        ("https://SHOP.example", [LISTED], True),
        ("http://shop.example", [LISTED], False),
        ("https://shop.example:444", [LISTED], False),
        ("https://shop.example.evil.example", [LISTED], False),
        ("https://sub.shop.example", [LISTED], False),
        ("http://evil.example", ["*"], True),
        ("null", ["*"], True),
    ],
)
def test_origin_is_the_servers_own_or_listed(
    origin: str | None, allowed: list[str], expected: bool
) -> None:
    assert is_allowed_origin(origin, "host:8000", allowed) is expected


@pytest.mark.parametrize(
    ("origin", "is_in"),
    [
        (None, True),
        ("http://127.0.0.1:{port}", True),
        (LISTED, True),
        ("https://evil.example", False),
        ("null", False),
        ("http://[", False),
        ("chrome-extension://abc", False),
    ],
)
def test_page_of_a_foreign_origin_gets_no_socket(
    served: ServedShop, origin: str | None, is_in: bool
) -> None:
    async def scenario() -> None:
        headers = {} if origin is None else {"Origin": origin.format(port=served.port)}
        if is_in:
            async with served.page(extra_headers=headers):
                return
        with pytest.raises(InvalidStatusCode) as refusal:
            async with served.page(extra_headers=headers):
                pass
        assert refusal.value.status_code == 403
        assert served.open_sockets == 0

    served.run(scenario)


# --- what is sent -----------------------------------------------------------------------------


def test_hello_introduces_the_shop(served: ServedShop) -> None:
    async def scenario() -> None:
        hello = await begin(served)
        shop = hello["shop"]
        assert set(shop) == {
            *("name", "greeting", "privacy_url", "phone", "quick"),
            *("picture_max_bytes", "picture_types"),
        }
        assert shop["name"] and shop["greeting"] and shop["picture_max_bytes"] == 8 << 20
        assert all(each["label"] for each in shop["quick"])
        assert (hello["first_seq"], hello["last_seq"], hello["owner"]) == (1, 0, "bot")

    served.run(scenario)


async def long_talk(served: ServedShop, count: int) -> Frame:
    """Return the hello of a conversation with `count` messages said in it."""
    hello = await begin(served)

    def fill(uow: Any) -> None:
        rows = [{"sender": "bot", "text": f"t{n}", "state": "sent"} for n in range(1, count + 1)]
        uow.messages.add_many(hello["conversation"], rows, START)

    await served.database.write_async(fill)
    return hello


@pytest.mark.parametrize(
    ("ask", "first", "sent"),
    [
        ({}, 1, range(1, 121)),
        ({"recent": 30}, 91, range(91, 121)),
        ({"recent": 500}, 1, range(1, 121)),
        ({"after": 100}, 101, range(101, 121)),
        ({"after": 100, "recent": 10}, 111, range(111, 121)),
        ({"after": 115, "recent": 50}, 116, range(116, 121)),
        ({"after": 120, "recent": 50}, 121, range(0)),
        ({"after": 5000}, 1, range(1, 121)),
        ({"after": -3}, 1, range(1, 121)),
        ({"after": -(10**30)}, 1, range(1, 121)),
        ({"after": 100, "epoch": "another"}, 1, range(1, 121)),
        ({"after": 100, "epoch": "another", "recent": 10}, 111, range(111, 121)),
    ],
)
def test_hello_sends_what_is_missing_or_the_newest_of_it(
    served: ServedShop, ask: dict[str, Any], first: int, sent: range
) -> None:
    async def scenario() -> None:
        mine = await long_talk(served, 120)
        async with served.page(hello=False) as page:
            hello = await page.hello(**{**own(mine), "epoch": mine["epoch"], **ask})
            assert (hello["first_seq"], hello["last_seq"]) == (first, 120)
            assert page.seqs() == list(sent)
            await page.talk("m", "text")
            assert page.seqs() == [*sent, 121, 122]

    served.run(scenario)


def test_history_pages_back_to_the_first_word(served: ServedShop) -> None:
    async def scenario() -> None:
        mine = await long_talk(served, 120)
        async with served.page(hello=False) as page:
            hello = await page.hello(**own(mine), recent=10)
            before, pages = hello["first_seq"], []
            while True:
                await page.send("history", before=before)
                answer = await page.until("history")
                pages.append([each["seq"] for each in answer["messages"]])
                before = pages[-1][0]
                if not answer["has_more"]:
                    break
            assert pages == [list(range(61, 111)), list(range(11, 61)), list(range(1, 11))]
            await page.send("history", before=21, limit=3)
            answer = await page.until("history")
            assert [each["text"] for each in answer["messages"]] == ["t18", "t19", "t20"]

    served.run(scenario)


@pytest.mark.parametrize("before", [1, 0, -1, -(2**63), -(2**64), 2**63, 2**64, 10**30])
def test_history_before_any_number_is_answered(served: ServedShop, before: int) -> None:
    async def scenario() -> None:
        mine = await long_talk(served, 3)
        async with served.page(hello=False) as page:
            await page.hello(**own(mine))
            await page.send("history", before=before)
            while (answer := await page.read())["type"] not in ("history", "error"):
                pass
            if answer["type"] == "error":
                assert answer["code"] == "usage"
            else:
                assert len(answer["messages"]) == (3 if before > 3 else 0)
                assert answer["has_more"] is False
            await page.ask("m", "still there")

    served.run(scenario)


@pytest.mark.parametrize(
    "frame",
    [{"before": 5, "limit": 0}, {"before": 5, "limit": 51}, {"limit": 5}, {"before": "5"}],
)
def test_history_out_of_bounds_is_refused(served: ServedShop, frame: dict[str, Any]) -> None:
    async def scenario() -> None:
        async with served.page() as page:
            assert (await page.refusal("history", **frame))["code"] == "usage"

    served.run(scenario)


def test_history_and_context_need_a_hello(served: ServedShop) -> None:
    async def scenario() -> None:
        async with served.page(hello=False) as page:
            for kind, fields in {
                "history": {"before": 5},
                "context": {"product": "kettle"},
                "end": {},
                "rate": {"score": 5},
            }.items():
                assert (await page.refusal(kind, **fields))["code"] == "usage"

    served.run(scenario)


# --- what the customer looks at ---------------------------------------------------------------


def looked_at(served: ServedShop, conversation_id: str) -> tuple[Any, Any, Any]:
    def read(uow: Any) -> tuple[Any, Any, Any]:
        row = uow._session.connection().exec_driver_sql(
            "select product_id, page, cart from conversation where id = ?", (conversation_id,)
        )
        return tuple(row.one())  # type: ignore[return-value]

    return served.database.read(read)


def test_context_names_the_product_that_the_next_turn_is_about(served: ServedShop) -> None:
    async def scenario() -> None:
        async with served.page(hello=False) as page:
            hello = await page.hello(context={"product": "kettle", "page": "/k", "cart": ["a"]})
            assert looked_at(served, hello["conversation"]) == ("kettle", "/k", '["a"]')
            await page.talk("m1", "how much")
            await page.send("context", product="desk_lamp")
            await page.talk("m2", "how much")
            products = [request.facts.product_id for request, _ in served.engine.calls]
            assert products == ["kettle", "desk_lamp"]

    served.run(scenario)


@pytest.mark.parametrize("product", ["no_such_thing", "", "x" * 9000, "' or 1=1 --", "Kettle"])
def test_product_that_the_shop_does_not_have_is_ignored(served: ServedShop, product: str) -> None:
    async def scenario() -> None:
        async with served.page(hello=False) as page:
            hello = await page.hello(context={"product": "kettle"})
            await page.send("context", product=product, page="/other")
            await page.ask("m", "text")
            assert looked_at(served, hello["conversation"])[:2] == ("kettle", "/other")

    served.run(scenario)


def test_page_and_cart_are_bounded(served: ServedShop) -> None:
    async def scenario() -> None:
        async with served.page(hello=False) as page:
            hello = await page.hello()
            cart = [f"{n:03}" + "x" * 97 for n in range(80)]
            await page.send("context", page="/" + "p" * 4000, cart=cart)
            await page.ask("m", "text")
            _, kept_page, kept_cart = looked_at(served, hello["conversation"])
            assert len(kept_page) == 500
            assert kept_cart.count('"') == 2 * 50 and f'"{cart[0][:64]}"' in kept_cart
            assert len(kept_cart) < 50 * 70

    served.run(scenario)


@pytest.mark.parametrize(
    "frame", [{"product": 3}, {"cart": "kettle"}, {"cart": [1]}, {"price": 1}, {"page": None}]
)
def test_context_of_a_wrong_shape_is_refused(served: ServedShop, frame: dict[str, Any]) -> None:
    async def scenario() -> None:
        async with served.page() as page:
            assert (await page.refusal("context", **frame))["code"] == "usage"
            assert (await page.refusal("hello", context=frame))["code"] == "usage"

    served.run(scenario)


# --- receipts and pictures --------------------------------------------------------------------


def test_receipt_tells_what_became_of_a_message(served: ServedShop) -> None:
    async def scenario() -> None:
        async with served.page() as page:
            assert (await page.ask("a", "hello"))["state"] == "pending"
            receipt = await page.until("receipt")
            assert receipt == {"type": "receipt", "first": 1, "last": 1, "state": "done"}
            assert (await page.ask("a", "hello"))["state"] == "done"
            await page.send("message", id="b", text="fail")
            receipt = await page.until("receipt")
            assert receipt == {"type": "receipt", "first": 3, "last": 3, "state": "failed"}
            assert (await page.until("state"))["owner"] == "queue"

    served.run(scenario)


async def upload(served: ServedShop, hello: Frame) -> httpx.Response:
    out = io.BytesIO()
    Image.new("RGB", (60, 40), (9, 99, 9)).save(out, "JPEG")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{served.port}") as client:
        return await client.post(
            f"/chat/pictures?conversation={hello['conversation']}",
            content=out.getvalue(),
            headers={"Authorization": f"Bearer {hello['token']}"},
        )


def test_picture_goes_with_a_message_once_even_without_a_word(served: ServedShop) -> None:
    async def scenario() -> None:
        async with served.page(hello=False) as page:
            hello = await page.hello()
            picture = (await upload(served, hello)).json()
            await page.send("message", id="a", picture=picture["picture"])
            ack = await page.until("ack")
            shown = await page.until("message", sender="customer")
            wanted = {"url": picture["url"], "width": 60, "height": 40}
            assert (shown["text"], shown["picture"]) == ("", wanted)
            await page.until("message", sender="bot")
            await page.until("receipt")
            again = await page.ask("a", "", picture=picture["picture"])
            assert (again["seq"], again["state"]) == (ack["seq"], "done")
            refusals = [
                await page.refusal("message", id="b", text="x", picture=picture["picture"]),
                await page.refusal("message", id="a", text="x", picture=picture["picture"]),
                await page.refusal("message", id="c", text="", picture="0" * 32),
                await page.refusal("message", id="d", text=" ", picture=""),
            ]
            codes = [each["code"] for each in refusals]
            assert codes == ["not_allowed", "conflicting_message", "not_found", "usage"]
            assert [each["id"] for each in refusals] == ["b", "a", "c", "d"]
            assert (await page.ask("e", "text"))["seq"] == 3  # refused ones left nothing

    served.run(scenario)


def test_picture_of_another_conversation_is_not_found(served: ServedShop) -> None:
    async def scenario() -> None:
        async with served.page(hello=False) as one, served.page(hello=False) as two:
            picture = (await upload(served, await one.hello())).json()["picture"]
            await two.hello()
            told = await two.refusal("message", id="a", text="mine", picture=picture)
            assert told["code"] == "not_found"
            assert (await one.ask("a", "mine", picture=picture))["seq"] == 1

    served.run(scenario)


def test_racing_messages_with_one_picture_show_it_once(served: ServedShop) -> None:
    async def scenario() -> None:
        hello = await begin(served)
        picture = (await upload(served, hello)).json()["picture"]
        talk = hello["conversation"]
        outcomes = await asyncio.gather(
            *(served.app.receive(InboundText(talk, f"m{n}", "", None, picture)) for n in range(6)),
            return_exceptions=True,
        )
        assert sum(not isinstance(each, Exception) for each in outcomes) == 1

    served.run(scenario)
