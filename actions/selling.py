"""Steps towards the order: ask for the need, recommend, close, tell the way, name related goods.

D-SEL-3, 6, 9, 10 and D-CUS-4. Nothing here changes a price or grants anything.
"""

from __future__ import annotations

from actions.promises import promise_answer
from actions.questions import recommend_product
from actions.step import Events, Speaker, Step, set_slots
from bot.dialogue.closing import (
    ORDERS_NOW,
    CloseSituation,
    choose_close,
    course_of,
    settled_points,
)
from bot.dialogue.needs import tells_need
from bot.dialogue.product_questions import alternative_to
from bot.dialogue.related_goods import may_offer, offer_words, related_offer
from bot.engine.context import TurnContext


class AskUse(Step):
    """Ask one high-gain question about the need before recommending anything (D-SEL-3)."""

    step_name = "action_ask_use"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Ask it."""
        speaker.say("utter_ask_use")
        return set_slots(asked="use")


class HearNeed(Step):
    """Something is told unasked: show whether it is a need, or a wish without one (D-SEL-3)."""

    step_name = "action_hear_need"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Say nothing."""
        heard = self._heard(context)
        context.explain(step=self.step_name, heard=heard)
        return set_slots(signal=heard)

    @staticmethod
    def _heard(context: TurnContext) -> str:
        if context.facts.contact_refused:
            return "none"
        has_need = tells_need(context.text, plainly=False)
        if has_need and context.recommendation() is not None:
            return "needed"
        rules = context.book.selling
        wishes = any(word in context.text for word in rules.wish_says)
        has_bought = any(word in context.text for word in rules.bought_says)
        return "choosing" if wishes and not has_bought and context.product is None else "none"


class RecommendProduct(Step):
    """Recommend by the need that was named, with the reason for it (D-SEL-6)."""

    step_name = "action_recommend_product"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Recommend; where no need fits, show what there is."""
        if not recommend_product(context, speaker):
            speaker.say("utter_list_products", product_list=context.product_list())
        return set_slots(asked="none")


class CloseSale(Step):
    """On a buying signal stop presenting and ask for the order (D-CUS-4, D-SEL-9)."""

    step_name = "action_close_sale"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Ask in the way that fits; what was open counts as settled by the customer's act."""
        context.move_all_objections("settled")
        state = set_slots(objection_state="settled") if context.ledger else []
        product = context.product
        wants_to_order = bool(ORDERS_NOW & set(context.signals))
        if wants_to_order and context.analysis.intent == "buying_signal":
            if product is None or product.stock:
                context.explain(step=self.step_name, close="direct", signals=context.signals)
                return state + set_slots(asked="placing")
        if product is None:
            speaker.say("utter_ask_which_product")
        elif context.current_product is None:
            promise_answer(context, speaker, f"product.{product.id}")
        elif not product.stock:
            self._say_out(context, speaker)
        else:
            self._ask(context, speaker)
            return state + set_slots(asked="order")
        return state + set_slots(asked="none")

    def _ask(self, context: TurnContext, speaker: Speaker) -> None:
        current_facts = context.closing_facts(settled_points(context.book, context.ledger))
        situation = CloseSituation(
            style=context.style,
            signals=context.signals,
            course=course_of(context.book, context.ledger, context.used_wordings),
            facts=current_facts,
            said=context.used_wordings,
        )
        choice = choose_close(context.book, situation)
        context.explain(
            step=self.step_name,
            close=choice.close.id,
            signals=context.signals,
            course=sorted(situation.course),
            alternatives=choice.alternatives,
        )
        speaker.say("utter_close_sale", current_facts, close=choice.close.id)

    @staticmethod
    def _say_out(context: TurnContext, speaker: Speaker) -> None:
        """Nothing is sold that is not there."""
        product = context.product
        assert product is not None
        other = alternative_to(context.book.selling, context.shop, product, context.today)
        stock_facts = context.stock_words(product, other)
        speaker.say("utter_answer_stock", stock_facts, stock="out" if other else "out_alone")


class TellOrder(Step):
    """Tell the shop's way to order."""

    step_name = "action_tell_order"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Tell it; something that goes with it is named next, if it may be (D-SEL-10)."""
        way = context.shop.profile.how_to_order
        speaker.say("utter_tell_order", context.known_facts(), how_to_order=way)
        product = context.current_product
        may = product is not None and may_offer(
            context.facts,
            context.ledger,
            has_case=context.open_case is not None,
            was_refused=context.analysis.refusal != "none",
        )
        offer = related_offer(context.shop, product, context.now) if may and product else None
        context.explain(step=self.step_name, related=offer.product.id if offer else None)
        return set_slots(asked="related" if offer else "ordered")


class OfferRelated(Step):
    """Name once what goes with the order (D-SEL-10)."""

    step_name = "action_offer_related"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Name it: a bundle as one thing with its one price, else one related product."""
        related_facts = bundle_facts = self._words(context)
        if "bundle" in bundle_facts:
            speaker.say("utter_offer_bundle", bundle_facts)
        else:
            speaker.say("utter_offer_related", related_facts)
        return set_slots(asked="related")

    @staticmethod
    def _words(context: TurnContext) -> dict[str, str]:
        product = context.current_product
        offer = related_offer(context.shop, product, context.now) if product else None
        if product is None or offer is None:
            return {}
        return offer_words(context.shop, context.book.language, product, offer)


class TakeRelated(OfferRelated):
    """The customer wants it, too."""

    step_name = "action_take_related"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Say how it goes into the same order."""
        related_facts = self._words(context)
        speaker.say("utter_take_related", related_facts)
        return set_slots(asked="ordered")


class DeclineRelated(Step):
    """The customer wants nothing else: not a word more of it."""

    step_name = "action_decline_related"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Leave it at the one product."""
        speaker.say("utter_decline_related")
        return set_slots(asked="ordered")


class AskHesitation(Step):
    """A no to the close: one gentle question, then the door is left open (D-OBJ-11)."""

    step_name = "action_ask_hesitation"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Ask what is still missing."""
        speaker.say("utter_ask_hesitation")
        return set_slots(asked="hesitation")
