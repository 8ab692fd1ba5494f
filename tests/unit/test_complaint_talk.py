"""How long a complainer is listened to, and which facts are taken from what they say (D-CMP-5)."""

from __future__ import annotations

from datetime import date

import pytest

from bot.dialogue.case_talk import proposal_state
from bot.dialogue.complaint_facts import (
    UNKNOWN,
    Account,
    account_of,
    days_since,
    needed,
    say_account,
    slots_of,
)
from bot.dialogue.complaint_hearing import answer_to, dealer_in, heard_in, put_right
from bot.dialogue.turn import CaseView, MessageAnalysis, OrderView, ProposalView
from bot.dialogue.venting import barrier_in, has_vented, heard_in_case, listened_so_far
from bot.dialogue.wishes import OPEN, implied_wish, is_bare_wish, wish_of
from bot.knowledge.book import load_book
from bot.language.normalise import clean
from tests.fakes import START

BOOK = load_book().complaints
TODAY = date(2026, 11, 22)
BOUGHT = OrderView("D1", "delivered", date(2026, 11, 17), date(2026, 11, 19), ("kettle",), ("壶",))

REFUND = {"entity": "remedy", "value": "refund", "start": 0, "end": 2}


def said(intent: str = "inform", **more: object) -> MessageAnalysis:
    return MessageAnalysis(message_id=1, intent=intent, confidence=0.9, **more)  # type: ignore[arg-type]


def entity(name: str, value: str, start: int, **more: object) -> dict[str, object]:
    return {"entity": name, "value": value, "start": start, "end": start + len(value), **more}


def a_case(**more: object) -> CaseView:
    return CaseView("P1", "communication", ("product",), "slight", START, START, "", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reaction", "message", "listened", "vented"),
    [
        ("calm", said("complaint_product", reaction="calm"), 0, True),
        ("angry", said("complaint_product", reaction="angry"), 0, False),
        ("angry", said("complaint_service", reaction="angry"), 3, False),
        ("angry", said("complaint_service", reaction="angry"), 4, True),  # for ever is too long
        ("angry", said("inform", reaction="angry"), 0, True),  # a fact: they want to get on
        ("angry", said("complaint_service", reaction="calm"), 0, False),
        ("resigned", said("complaint_product", reaction="resigned"), 0, True),
        (
            "grumbling",
            said(
                "complaint_policy", reaction="grumbling", entities=[entity("remedy", "refund", 0)]
            ),
            0,
            True,
        ),
    ],
)
def test_listening_is_paced_by_the_reaction(
    reaction: str, message: MessageAnalysis, listened: int, vented: bool
) -> None:
    """D-CMP-3, D-CMP-5."""
    assert has_vented(BOOK, reaction, [message], listened) is vented


def test_what_was_listened_to_counts_from_the_opening() -> None:
    said_so_far = ["utter_listen_case", "utter_listen_case", "utter_open_case", "utter_listen_case"]
    assert listened_so_far(said_so_far) == 2


@pytest.mark.parametrize(
    ("text", "barrier"),
    [
        ("说了也没用", "no_use"),
        ("问这么多", "too_much"),
        ("换别家了", "leaving"),
        ("昨天到的", None),
    ],
)
def test_why_somebody_would_rather_not_complain(text: str, barrier: str | None) -> None:
    """D-CMP-13."""
    assert barrier_in(BOOK, text) == barrier


def test_new_harm_goes_before_everything() -> None:
    """D-CMP-4, D-CMP-9."""
    hurt = said("complaint_product", harm=["bodily"])
    assert heard_in_case(BOOK, a_case(), hurt, "说了也没用") == "alarm"
    known = CaseView("P1", "receipt", ("product",), "bodily", START, START, "")
    assert heard_in_case(BOOK, known, hurt, "说了也没用") == ""


def test_what_messages_and_orders_tell_is_not_asked() -> None:
    told = said("complaint_product", entities=[entity("defect", "坏", 0)])
    found = heard_in(BOOK, [(told, "烧水不热")], "壶", [BOUGHT], lambda day: f"{day.day}日")
    received = Account(case_subject="壶", case_since="19日", case_day="2026-11-19")
    assert found == received  # too short to know what happened
    found = heard_in(BOOK, [(told, "烧了半天水都不热")], "壶", [], str)
    assert (found.case_detail, found.case_since) == ("烧了半天水都不热", "")
    beside = said("ask_delivery", entities=[entity("date", "今天", 0, resolved="2026-11-22")])
    assert heard_in(BOOK, [(beside, "今天能发吗")], "壶", [], str) == Account()


def test_outbursts_and_sighs_are_not_repeated_back() -> None:
    told = said("complaint_product", reaction="angry")
    text = "什么破玩意!才用三次涂层全掉了,气死我了"
    assert heard_in(BOOK, [(told, text)], "", [], str).case_detail == "才用三次涂层全掉了"


def test_only_the_first_cause_asks_its_facts() -> None:
    assert needed(BOOK, ("service", "product")) == ["case_detail", "case_since"]
    assert needed(BOOK, ()) == []


@pytest.mark.parametrize(
    ("fact", "message", "text", "expected"),
    [
        ("case_subject", said(), "客厅那台", Account(case_subject="客厅那台")),
        ("case_subject", said(), "不记得了", Account(case_subject=UNKNOWN)),
        ("case_subject", said(), "我儿子喜欢蓝的", None),
        ("case_dealer", said(), "人民路口", Account(case_dealer="人民路口")),
        ("case_dealer", said(), "桥南维修站", Account(case_dealer="桥南维修站")),
        ("case_dealer", said(), "他不肯说", None),
        ("case_since", said(), "你们糊弄人", None),
        ("case_subject", said("complaint_product"), "东西倒没坏", None),
        ("case_subject", said("ask_price"), "多少钱", None),
        ("case_since", said(), "刚到手", Account(case_since="刚到手")),
        ("case_since", said("affirm"), "好的", None),
        ("case_detail", said(), "退货", None),  # what they want, not what happened
        ("case_detail", said("complaint_service", reaction="angry"), "你们什么态度", None),
    ],
)
def test_an_answer_is_taken_for_what_it_is(
    fact: str, message: MessageAnalysis, text: str, expected: Account | None
) -> None:
    assert answer_to(BOOK, fact, message, text, "") == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "is_asked", "wish"),
    [
        ("换", True, "exchange"),
        ("换", False, ""),
        ("不换了，钱退给我", True, "refund"),
        ("换家快递吧", True, ""),
        ("给个说法", False, "explanation"),
        ("你们看着办", True, OPEN),
        ("保修多久", True, ""),
    ],
)
def test_a_wish_is_known_by_its_words(text: str, is_asked: bool, wish: str) -> None:
    assert wish_of(BOOK, said(), text, is_asked=is_asked) == wish


def test_a_remedy_that_is_refused_is_no_wish() -> None:
    refused = said(entities=[{"entity": "remedy", "value": "exchange", "start": 2, "end": 4}])
    assert wish_of(BOOK, refused, "我不想换了", is_asked=True) == ""


def test_not_this_but_that_keeps_that() -> None:
    days = [entity("date", "前天", 2), entity("date", "大前天", 6)]
    right = put_right(BOOK, said(entities=days), "不是前天,是大前天", "大前天")
    assert [each["value"] for each in right.entities] == ["大前天"]


def test_what_is_taken_back_within_a_sentence_is_said_anew() -> None:
    text = "水壶漏水,昨天收到的,不对,是上周"
    named = [
        entity("defect", "漏水", 2),
        entity("date", "昨天", 5),
        entity("date", "上周", 15),
    ]
    right = put_right(BOOK, said(entities=named), text)
    assert [each["value"] for each in right.entities] == ["漏水", "上周"]
    assert (
        put_right(BOOK, said(entities=named[:2]), "水壶漏水,昨天收到的,味道不对").entities
        == named[:2]
    )


@pytest.mark.parametrize(
    ("text", "start", "since"),
    [
        ("电饭煲夹生,收到半个月了", 8, "半个月前"),
        ("买了半个月就坏了", 2, "半个月前"),
        ("用了半个月就坏了", 2, "半个月前"),
        ("等了半个月才收到", 2, ""),
        ("收到了,半个月没人理", 4, ""),
    ],
)
def test_how_long_ago_it_came_is_told_unasked(text: str, start: int, since: str) -> None:
    length = entity("duration", "半个月", start, resolved=15)
    told = said("complaint_product", entities=[length])
    assert heard_in(BOOK, [(told, text)], "", [], str).case_since == since


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("建材市场老李家", "建材市场老李家"),
        ("桥南维修站", "桥南维修站"),
        ("就是县城百货楼那家", "县城百货楼那家"),
        ("在东门五金店买的", "东门五金店"),
        ("维修站", ""),
        ("等我到家", ""),
        ("店都关门了", ""),
        ("随便都行", ""),
        ("问问人家", ""),
    ],
)
def test_a_message_may_be_a_dealers_name_and_no_more(text: str, name: str) -> None:
    assert dealer_in(BOOK, text) == name


def test_the_name_of_a_dealer_is_what_has_to_be_known() -> None:
    told = [(said(), "店名叫宏达电器")]
    assert heard_in(BOOK, told, "", [], str, has_dealer=True).case_dealer == "宏达电器"
    assert heard_in(BOOK, told, "", [], str).case_dealer == ""


@pytest.mark.parametrize(
    ("found", "days"),
    [
        (entity("date", "前天", 0, resolved="2026-11-20"), 2),
        (entity("duration", "一个月", 0, resolved=30), 30),
        (entity("date", "以前", 0), None),
    ],
)
def test_how_long_ago_it_was_survives_the_slots(found: dict[str, object], days: int | None) -> None:
    account = answer_to(BOOK, "case_since", said(entities=[found]), str(found["value"]), "")
    assert account is not None
    again = account_of(slots_of(account))
    assert again == account
    assert days_since(again, TODAY) == days


def test_what_is_not_known_is_not_repeated_back() -> None:
    account = Account(case_subject=UNKNOWN, case_detail="漏水", case_wish="refund")
    assert say_account(BOOK, account) == "“漏水”，您希望退款"
    assert say_account(BOOK, Account(case_wish=OPEN)) == ""


@pytest.mark.parametrize(
    ("typed", "quoted"),
    [
        ("杯盖裂了，水全漏了！才用两天", "“杯盖裂了，水全漏了！才用两天”"),
        ("你们说：3,200转？根本不转；型号A,B都坏", "“你们说：3,200转？根本不转；型号A,B都坏”"),
    ],
)
def test_customers_are_quoted_with_the_marks_of_their_script(typed: str, quoted: str) -> None:
    told = Account(case_detail=clean(typed, 200))
    assert say_account(BOOK, told) == quoted


def test_an_offer_of_the_bot_is_off_once_the_case_is_grave() -> None:
    """Never bargained over (D-CMP-4); what a person offers may be answered."""
    offer = (ProposalView(1, "material", "换新", "offered"),)
    assert proposal_state(a_case(proposals=offer)) == "offered"
    assert proposal_state(a_case(proposals=offer, crisis=True)) == "none"
    assert proposal_state(a_case(proposals=offer, crisis=True, is_with_people=True)) == "offered"


@pytest.mark.parametrize(
    ("message", "text", "is_bare"),
    [
        (said(), "换", True),
        (said("complaint_policy"), "我要退钱!", True),
        (said(), "你们看着办", False),
        (said("deny"), "不对,要退", False),
        (said(), "不对,我要退", False),
        (said(entities=[entity("date", "昨天", 0)]), "昨天到的,换", False),
        (said("ask_after_sales"), "退货要几天", False),
        (said(), "寄来的时候箱子就破了,里面的也碎了,退", False),
    ],
)
def test_a_message_may_say_what_is_wanted_and_no_more(
    message: MessageAnalysis, text: str, is_bare: bool
) -> None:
    assert is_bare_wish(BOOK, message, text) is is_bare


@pytest.mark.parametrize(
    ("detail", "wish"), [("少发了一个滤网", "redelivery"), ("滤网装不上", "help"), ("漏水", "")]
)
def test_what_happened_may_call_for_one_remedy(detail: str, wish: str) -> None:
    assert implied_wish(BOOK, detail) == wish


def test_goods_that_are_named_are_known_and_their_order_with_them() -> None:
    lamp = OrderView("N2", "delivered", date(2026, 11, 1), date(2026, 11, 10), ("l",), ("小台灯",))
    named = said("complaint_product", entities=[entity("category", "台灯", 0)])
    found = heard_in(BOOK, [(named, "台灯不亮")], "", [BOUGHT, lamp], str)
    assert (found.case_subject, found.case_day) == ("小台灯", "2026-11-10")
    pot = said("complaint_product", entities=[entity("category", "养生壶", 0)])
    found = heard_in(BOOK, [(pot, "养生壶裂了")], "", [BOUGHT], str)
    assert (found.case_subject, found.case_day) == ("养生壶", "")


def test_what_was_unknown_is_known_once_it_is_told() -> None:
    known = Account(case_subject=UNKNOWN, case_since=UNKNOWN)
    told = known.told_more(Account(case_subject="榨汁机"))
    assert told == Account(case_subject="榨汁机", case_since=UNKNOWN)
    assert told.told_more(Account(case_subject="电饭煲")).case_subject == "榨汁机"
