"""Steps that answer questions from the shop's facts (D-SEL-12)."""

from __future__ import annotations

from actions.promises import promise_answer
from actions.step import Events, Speaker, Step, set_slots
from bot.dialogue.amounts import names_sum
from bot.dialogue.closing import SIGNALS_IN_QUESTIONS, was_said_lately
from bot.dialogue.facts import say_hours
from bot.dialogue.product_questions import (
    Question,
    alternative_to,
    difference_of,
    other_of,
    read_question,
    recorded_answer,
    stock_of,
)
from bot.engine.context import TurnContext

TOPICS = {
    "ask_delivery": "delivery",
    "ask_order": "order_change",
    "ask_after_sales": "returns",
}
TOPIC_CONCEPTS = {
    "INVOICE": "invoice",
    "WARRANTY": "warranty",
    "INSTALLATION": "installation",
    "MONEY_PAYMENT_WAY": "payment",
}
LISTED = "list_products"
PRE_EMPTION = "pre_emption"


def still_open(context: TurnContext) -> Events:
    """Say again that an objection is open, so that stories find the way back to it.

    Where none is and another product came up, what was asked about the former one lapses.
    """
    entry = context.objection
    if entry is not None:
        return set_slots(objection_state=entry.state) if entry.state == "answered" else []
    return set_slots(asked="none") if context.product_id != context.facts.product_id else []


def recommend_product(context: TurnContext, speaker: Speaker) -> bool:
    """Recommend what answers the need that was named; tell whether there is something."""
    found = context.recommendation()
    if found is None:
        return False
    context.product_id = found.product.id
    context.note_product()
    current_facts = context.product_words(found.triple)
    fit = "over" if found.is_over_budget else "within"
    context.explain(need=found.need.need.id, product=found.product.id, fit=fit)
    speaker.say("utter_recommend", current_facts, need=found.need.name, fit=fit)
    return True


def was_just_said(context: TurnContext, text: str) -> bool:
    """Tell whether our last turn held a text."""
    return any(text in said.text for said in context.facts.last_replies)


def say_policy(context: TurnContext, speaker: Speaker, policy: str) -> bool:
    """Say a policy; where it was said a moment ago, own up to that. Return whether it was new."""
    is_new = not was_just_said(context, policy)
    if is_new:
        speaker.say("utter_answer_policy", policy=policy)
    else:
        speaker.say("utter_answer_policy", policy=policy, asks="again")
    return is_new


class AnswerProduct(Step):
    """Answer a question about goods; without a product, ask which or list them."""

    step_name = "action_answer_product"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Answer from the catalogue only; what it has not is said to be unknown."""
        question = read_question(
            context.book.selling,
            context.text,
            concepts=context.analysis.concepts,
            product=context.product,
            named=context.named_products,
            before=context.facts.product_id,
        )
        context.explain(step=self.step_name, topic=question.topic, aspect=question.aspect)
        if question.topic == "others":
            self._tell_others(context, speaker)
            return still_open(context)
        if question.topic == "hours":
            hours = say_hours(context.shop, context.book.language, context.now)
            speaker.say("utter_answer_policy", asks="hours", hours=hours)
            return still_open(context)
        if question.topic == "catalogue":
            speaker.say("utter_list_products", product_list=context.product_list())
            return still_open(context)
        if question.topic == "choice" and context.objection is None:
            if recommend_product(context, speaker):
                return set_slots(asked="none")
            return set_slots(signal="choosing")
        if context.product is None:
            self._ask_which(context, speaker)
            return still_open(context) or set_slots(asked="none")
        if context.current_product is None:  # its facts are out of date
            promise_answer(context, speaker, f"product.{context.product_id}")
        else:
            return self._answer(context, speaker, question)
        return still_open(context)

    @staticmethod
    def _tell_others(context: TurnContext, speaker: Speaker) -> None:
        """Say what does the same work, else what there is at all."""
        product, rules = context.product, context.book.selling
        other = alternative_to(rules, context.shop, product, context.today) if product else None
        if product is not None and other is not None:
            stock_facts = context.stock_words(product, other)
            speaker.say("utter_tell_alternative", stock_facts)
        else:
            speaker.say("utter_list_products", product_list=context.product_list())

    @staticmethod
    def _ask_which(context: TurnContext, speaker: Speaker) -> None:
        if any(wording.startswith(LISTED) for wording in context.used_wordings):
            speaker.say("utter_ask_which_product")
        else:
            speaker.say("utter_list_products", product_list=context.product_list())

    def _answer(self, context: TurnContext, speaker: Speaker, question: Question) -> Events:
        """Answer about the product in talk, whose facts are current."""
        topic = question.topic
        if topic == "stock":
            return self._answer_stock(context, speaker)
        if topic == "difference" and self._tell_difference(context, speaker):
            return still_open(context)
        policy = context.shop.policy(question.policy)
        current_facts = context.product_words(question.triple)
        recorded = self._recorded(context, question)
        if recorded:
            self._say_record(context, speaker, current_facts, recorded)
        elif topic == "unknown" or (topic == "policy" and not policy):
            about = question.aspect or "other"
            promise_answer(context, speaker, f"product.{context.product_id}.{about}")
        elif topic == "policy":
            self._say_policy(context, speaker, question, policy)
        elif topic == "fact":
            speaker.say("utter_answer_fact", current_facts)
        elif topic == "special":
            speaker.say("utter_answer_special", current_facts)
            return still_open(context) + _signal(context)
        else:
            speaker.say("utter_answer_product", current_facts)
            return still_open(context) + _ahead(context)
        return still_open(context)

    def _say_policy(
        self, context: TurnContext, speaker: Speaker, question: Question, policy: str
    ) -> None:
        """Say the policy; asked about the same again, what else is on record of it."""
        product, shop, text = context.current_product, context.shop, context.text
        assert product is not None
        rules, today = context.book.selling, context.today
        further = shop.material.correction_of(text, product.id)
        further = further or recorded_answer(rules, shop, product, question, text, today)
        if further and was_just_said(context, policy) and not was_just_said(context, further):
            self._say_record(context, speaker, context.product_words(), further)
        else:
            say_policy(context, speaker, policy)

    @staticmethod
    def _say_record(
        context: TurnContext, speaker: Speaker, current_facts: dict[str, str], record: str
    ) -> None:
        """Say what is on record; another customer's story is told as one."""
        if record in context.shop.material.stories:
            speaker.say("utter_answer_fact", current_facts, proof=record, asks="story")
        else:
            speaker.say("utter_answer_fact", proof=record, asks="recorded")

    @staticmethod
    def _recorded(context: TurnContext, question: Question) -> str:
        """Return what is on record where the catalogue's lines say nothing of what was asked."""
        product = context.current_product
        is_open = question.topic == "unknown" or (question.topic == "fact" and not question.aspect)
        if product is None or not is_open:
            return ""
        rules, text = context.book.selling, context.text
        return recorded_answer(rules, context.shop, product, question, text, context.today)

    @staticmethod
    def _answer_stock(context: TurnContext, speaker: Speaker) -> Events:
        """Say whether it is there, and what else is if it is not."""
        product = context.current_product
        assert product is not None
        rules, today = context.book.selling, context.today
        stock = stock_of(rules, context.shop, product, today)
        other = alternative_to(rules, context.shop, product, today) if stock == "out" else None
        stock_facts = context.stock_words(product, other)
        context.explain(stock=stock)
        speaker.say("utter_answer_stock", stock_facts, stock=stock)
        was_in_talk = context.product_id == context.facts.product_id
        return still_open(context) + (_signal(context) if product.stock and was_in_talk else [])

    @staticmethod
    def _tell_difference(context: TurnContext, speaker: Speaker) -> bool:
        """Tell two products apart by what is recorded of both; False if one is not current."""
        product = context.current_product
        named = [*context.named_products, context.facts.product_id or ""]
        other = other_of(context.shop, product, named)
        if product is None or other is None or not other.is_current(context.today):
            return False
        book = context.book
        difference = difference_of(book.selling, book.language, other, product)
        speaker.say(
            "utter_tell_difference",
            product=other.name,
            other=product.name,
            difference=difference,
        )
        return True


class AnswerPrice(Step):
    """Say the price of the product in talk, with a promotion that applies today."""

    step_name = "action_answer_price"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Answer from the catalogue only."""
        current_facts = context.known_facts("price")
        part = self._price_of_a_part(context)
        if part:
            speaker.say("utter_answer_fact", proof=part, asks="recorded")
        elif "price" in current_facts and context.asks_for_several:
            speaker.say("utter_answer_price", current_facts, asks="several")
            promise_answer(context, speaker, f"price.{context.product_id}.several")
        elif "price" in current_facts:
            speaker.say("utter_answer_price", current_facts)
        elif "product" in current_facts:  # its facts are out of date
            promise_answer(context, speaker, f"price.{context.product_id}")
        else:
            speaker.say("utter_answer_price", asks="product")
        return still_open(context)

    @staticmethod
    def _price_of_a_part(context: TurnContext) -> str:
        """Return what is on record of a filter's or battery's price, if that is asked; else ''."""
        product, rules = context.current_product, context.book.selling
        if product is None:
            return ""
        question = read_question(rules, context.text, product=product)
        if not question.aspect:
            return ""
        found = recorded_answer(rules, context.shop, product, question, context.text, context.today)
        return found if names_sum(found) else ""


class AnswerPolicy(Step):
    """Say what the shop's policy is; where there is none, say so."""

    step_name = "action_answer_policy"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Answer from the policies only; how to pay and when it comes shows a wish to buy."""
        topic = self._topic(context)
        policy = context.shop.policy(topic)
        context.explain(step=self.step_name, topic=topic)
        if not policy:
            promise_answer(context, speaker, f"policy.{topic}")
            return still_open(context)
        if topic == "delivery" and self._names_a_day(context):
            speaker.say("utter_answer_policy", policy=policy, asks="day")
            return still_open(context)
        current_facts = context.known_facts()
        if topic == "warranty" and "warranty" in current_facts:
            speaker.say("utter_answer_policy", current_facts, policy=policy, asks="warranty")
        elif not say_policy(context, speaker, policy):
            return still_open(context)
        wants_it = SIGNALS_IN_QUESTIONS & set(context.signals) and context.is_about_goods
        return still_open(context) + (_signal(context) if wants_it else [])

    @staticmethod
    def _names_a_day(context: TurnContext) -> bool:
        kinds = {entity["entity"] for entity in context.analysis.entities}
        return bool(kinds & {"date", "deadline"})

    @staticmethod
    def _topic(context: TurnContext) -> str:
        concepts = context.analysis.concepts
        named = next((TOPIC_CONCEPTS[each] for each in concepts if each in TOPIC_CONCEPTS), None)
        asks = context.book.selling.policy_asks
        said = (
            topic for topic, words in asks.items() if any(each in context.text for each in words)
        )
        return named or next(said, TOPICS[context.analysis.intent])


def _ahead(context: TurnContext) -> Events:
    """Return the slot that lets what is always asked follow a presentation (D-OBJ-6), once."""
    is_free = not context.ledger and context.open_case is None
    was_said = context.last_condition("technique") == PRE_EMPTION
    has_concern = context.shop.material.concern_of(context.product_id) is not None
    return set_slots(timing="before") if is_free and has_concern and not was_said else []


def _signal(context: TurnContext) -> Events:
    """Return the slot that lets a close follow an answer (D-CUS-4); never twice running."""
    is_free = context.objection is None and context.open_case is None
    lately = was_said_lately(context.book, "utter_close_sale", context.facts.used_wordings)
    return set_slots(signal="shown") if is_free and not lately else []
