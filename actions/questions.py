"""Steps that answer questions from the shop's facts, and the way to the order."""

from __future__ import annotations

from actions.step import Events, Speaker, Step, set_slots
from bot.engine.context import TurnContext

TOPICS = {
    "ask_delivery": "delivery",
    "ask_order": "order_change",
    "ask_after_sales": "returns",
}
TOPIC_CONCEPTS = {"INVOICE": "invoice", "WARRANTY": "warranty", "INSTALLATION": "installation"}


LISTED = "list_products"


def still_open(context: TurnContext) -> Events:
    """Say again that an objection is open, so that stories find the way back to it."""
    entry = context.objection
    return set_slots(objection_state=entry.state) if entry and entry.state == "answered" else []


class AnswerProduct(Step):
    """Say what the product in talk is and does; without one, ask which or list them."""

    step_name = "action_answer_product"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Answer from the catalogue only."""
        current_facts = context.known_facts()
        if "price" in current_facts:
            speaker.say("utter_answer_product", current_facts)
            return still_open(context)
        if "product" in current_facts:  # its facts are out of date
            speaker.say("utter_unknown_fact")
            return still_open(context)
        if any(wording.startswith(LISTED) for wording in context.used_wordings):
            speaker.say("utter_ask_which_product")
            return still_open(context)
        names = context.book.language.list_separator.join(
            product.aliases[0] if product.aliases else product.name
            for product in context.shop.products
        )
        speaker.say("utter_list_products", product_list=names)
        return still_open(context)


class AnswerPrice(Step):
    """Say the price of the product in talk, with a promotion that applies today."""

    step_name = "action_answer_price"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Answer from the catalogue only."""
        current_facts = context.known_facts("price")
        if "price" in current_facts:
            speaker.say("utter_answer_price", current_facts)
        elif "product" in current_facts:  # its facts are out of date
            speaker.say("utter_unknown_fact")
        else:
            speaker.say("utter_answer_price", asks="product")
        return still_open(context)


class AnswerPolicy(Step):
    """Say what the shop's policy is; where there is none, say so."""

    step_name = "action_answer_policy"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Answer from the policies only."""
        topic = self._topic(context)
        policy = context.shop.policy(topic)
        context.explain(step=self.step_name, topic=topic)
        if policy:
            speaker.say("utter_answer_policy", policy=policy)
        else:
            speaker.say("utter_unknown_fact")
        return still_open(context)

    @staticmethod
    def _topic(context: TurnContext) -> str:
        concepts = context.analysis.concepts
        named = next((TOPIC_CONCEPTS[each] for each in concepts if each in TOPIC_CONCEPTS), None)
        return named or TOPICS[context.analysis.intent]


class CloseSale(Step):
    """On a buying signal stop presenting; say how to order (D-CUS-4, D-SEL-9)."""

    step_name = "action_close_sale"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Say how to order; what was open counts as settled by the customer's act."""
        context.move_all_objections("settled")
        speaker.say("utter_close_sale", context.known_facts())
        return set_slots(objection_state="settled") if context.ledger else []
