"""Several messages in one turn: what is served, what waits, and what is read as one text."""

from __future__ import annotations

from bot.dialogue.together import Order, questions_within, serving_order
from bot.dialogue.turn import MessageAnalysis


def order(*intents: str, urgent: int | None = None, confidence: float = 0.9) -> Order:
    analyses = [MessageAnalysis(n, name, confidence) for n, name in enumerate(intents)]
    return serving_order(analyses, urgent, sure=0.6)


def test_questions_come_first_and_the_objection_stays_open_last() -> None:
    assert order("objection_price", "ask_delivery") == Order(served=(1, 0))


def test_of_two_objections_the_first_waits() -> None:
    assert order("objection_price", "objection_service") == Order(served=(1,), waiting=(0,))


def test_a_brush_off_beside_a_concrete_objection_is_dropped() -> None:
    assert order("objection_price", "objection_excuse", "ask_delivery") == Order(served=(2, 0))


def test_beside_a_complaint_objections_wait() -> None:
    beside = order("complaint_product", "objection_price", urgent=0)
    assert beside == Order(served=(0,), waiting=(1,))


def test_beside_a_complaint_only_policies_are_told() -> None:
    beside = order("ask_price", "ask_after_sales", "complaint_product", urgent=2)
    assert beside == Order(served=(2, 1))


def test_whoever_wants_a_person_gets_nothing_else() -> None:
    assert order("ask_delivery", "request_human", urgent=1) == Order(served=(1,))


def test_a_greeting_and_a_question_are_read_as_one_text() -> None:
    assert order("greet", "ask_price") == Order()


def test_pieces_of_a_sentence_are_read_as_one_text() -> None:
    assert order("ask_price", "objection_price", confidence=0.5) == Order()


def test_the_same_question_twice_is_served_once() -> None:
    assert order("ask_price", "ask_price", "ask_delivery") == Order(served=(0, 2))


def within(whole: str, *clauses: str, confidence: float = 0.9) -> tuple[int, ...]:
    parts = [MessageAnalysis(1, name, confidence) for name in clauses]
    return questions_within(MessageAnalysis(1, whole, 0.9), parts, sure=0.8)


def test_beside_an_objection_only_policies_are_told() -> None:
    assert within("objection_price", "objection_price", "ask_delivery", "ask_product") == (1,)


def test_beside_a_question_another_is_answered_once() -> None:
    assert within("ask_price", "ask_price", "ask_delivery", "ask_delivery") == (1,)
    assert within("ask_price", "ask_price", "ask_delivery", confidence=0.7) == ()


def test_beside_a_complaint_no_clause_is_served_by_itself() -> None:
    assert within("complaint_product", "ask_after_sales") == ()


def test_a_bare_name_asks_nothing() -> None:
    analyses = [MessageAnalysis(1, "ask_product", 0.9), MessageAnalysis(2, "ask_price", 0.9)]
    assert serving_order(analyses, None, 0.6, names={0}) == Order()
