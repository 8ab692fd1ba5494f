"""Choose the words of a response: the most fitting wording whose facts are known.

The same book, facts, history and seed give the same words.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from bot.dialogue.amounts import unfounded_amounts
from bot.dialogue.guard import blocking, violations
from bot.dialogue.turn import Option, OptionMeaning, Reply
from bot.errors import EngineError
from bot.knowledge.book import Book, OptionTemplate, Wording

CUSTOMER_WORDS = frozenset(
    {"until", "call_time", "contact", "account"}
)  # facts that they have typed


def choose_reply(
    book: Book,
    response: str,
    facts: Mapping[str, str],
    used: Sequence[str],
    rng: random.Random,
) -> Reply:
    """Return one reply for `response`.

    Args:
        facts: what is known, by name; also the conditions a wording's `when` asks for.
        used: ids of wordings already said, newest first; they are avoided while others are left.
        rng: seeded by the turn's first message.

    Raises:
        EngineError: the book has no wording for these facts that the guard lets pass.
    """
    for wording in _by_preference(book.replies.get(response, ()), facts, used, rng):
        text = wording.text.format_map(facts)
        if is_sayable(book, text, facts):
            options = tuple(
                _option(book.options[each.format_map(facts)]) for each in wording.options
            )
            return Reply(
                text=text,
                response=response,
                wording=wording.id,
                options=options,
                shows_product=wording.card == "product",
                asks_personal=wording.asks_personal,
            )
    raise EngineError(f"the book has no wording of {response!r} for {sorted(facts)}")


def is_sayable(book: Book, text: str, facts: Mapping[str, str]) -> bool:
    """Tell whether nothing in a text is forbidden or made up; a looked-up promise is neither."""
    looked_up = [value for name, value in facts.items() if name not in CUSTOMER_WORDS]
    typed = [value for name, value in facts.items() if name in CUSTOMER_WORDS]
    found = violations(book, text, allowed=looked_up, quoted=typed)
    return not blocking(found) and not unfounded_amounts(text, facts.values())


def _by_preference(
    wordings: Sequence[Wording],
    facts: Mapping[str, str],
    used: Sequence[str],
    rng: random.Random,
) -> list[Wording]:
    """Order the eligible wordings: unsaid first, then the more specific, then by chance."""
    known = {name for name, value in facts.items() if value}
    eligible = [
        wording
        for wording in wordings
        if wording.variables <= known
        and all(facts.get(name) == value for name, value in wording.when.items())
    ]
    rng.shuffle(eligible)
    last_said = {wording_id: -place for place, wording_id in reversed(list(enumerate(used)))}

    def rank(wording: Wording) -> tuple[bool, int, int]:
        said = last_said.get(wording.id)
        return (said is not None, said or 0, -len(wording.when))

    return sorted(eligible, key=rank)


def _option(template: OptionTemplate) -> Option:
    meaning = OptionMeaning(intent=template.intent, operation=template.operation)
    return Option(template.id, template.label, meaning, tuple(template.aliases))
