"""The last answer in other words: the same facts, whatever they were."""

from __future__ import annotations

import random

from bot.dialogue.saying_again import Saying, facts_said, open_question, sayings_again
from bot.dialogue.turn import Said
from bot.dialogue.wording import choose_reply
from bot.knowledge.book import load_book

BOOK = load_book()


def test_facts_are_read_back_out_of_what_was_said() -> None:
    assert facts_said("编号{case_number}，{deadline}前回您。", "编号A-1，周三前回您。") == {
        "case_number": "A-1",
        "deadline": "周三",
    }
    assert facts_said("好的。", "好的。") == {}
    assert facts_said("{policy}", "另一句\n两行") == {"policy": "另一句\n两行"}
    assert facts_said("到{day}，{day}见", "到三号，三号见") == {"day": "三号"}


def test_every_wording_gives_back_the_facts_it_was_filled_with() -> None:
    lost = []
    for wordings in BOOK.replies.values():
        for each in wordings:
            facts = {name: f"<{name}>" for name in each.variables}
            found = facts_said(each.text, each.text.format_map(facts))
            assert found.items() <= facts.items(), each.id
            lost += [each.id] if found != facts else []
    assert set(lost) <= {each for each in lost if "}{" in BOOK.by_id[each].text}


def test_the_same_response_is_said_with_the_same_facts_in_other_words() -> None:
    first = choose_reply(BOOK, "utter_answer_policy", {"policy": "七天可退"}, (), random.Random(1))
    (saying,) = sayings_again(BOOK, [Said(first.wording, first.text)])
    assert saying == Saying("utter_answer_policy", {"policy": "七天可退"})
    again = choose_reply(BOOK, saying.response, saying.facts, [first.wording], random.Random(1))
    assert again.wording != first.wording and "七天可退" in again.text


def test_what_carries_nothing_is_not_said_again() -> None:
    heard = Said("ack_price_careful", BOOK.by_id["ack_price_careful"].text)
    assert sayings_again(BOOK, [heard, Said("gone_from_the_book", "旧话")]) == []


def test_two_meanings_are_offered_again_by_their_buttons() -> None:
    said = Said(
        "between_which", BOOK.by_id["between_which"].text, ("问价格优惠", "担心售后", "转人工")
    )
    (saying,) = sayings_again(BOOK, [said])
    assert saying.facts["either"] == "meant_ask_price"
    assert saying.facts["other"] == "meant_objection_service"


def test_the_open_question_is_the_one_that_the_last_turn_ended_with() -> None:
    def said(*wordings: str) -> list[Said]:
        return [Said(each, BOOK.by_id[each].text) for each in wordings]

    last = said("offer_reminder_want_one", "probe_need_old_one")
    assert open_question(BOOK, last) == Saying("utter_probe_objection", {"kind": "need"})
    assert open_question(BOOK, said("thank_back")) is None
