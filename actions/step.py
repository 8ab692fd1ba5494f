"""The base of all steps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import ActiveLoop, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from bot.engine.context import TurnContext, turn_of

Events = list[dict[str, Any]]


class Speaker:
    """Says responses of the book; the words are chosen by the NLG class."""

    def __init__(self, dispatcher: CollectingDispatcher) -> None:
        self._dispatcher = dispatcher

    def say(self, response: str, facts: dict[str, str] | None = None, **more: str) -> None:
        """Utter one response with these facts."""
        self._dispatcher.utter_message(response=response, **{**(facts or {}), **more})

    def repeat(self, response: str, facts: dict[str, str]) -> None:
        """Utter a response that was said before, with its facts."""
        self._dispatcher.utter_message(response=response, **facts)


class Step(Action, ABC):
    """One step of the talk; its name is `action_…` after the class."""

    step_name: str

    def name(self) -> str:
        """Return the name under which rules and stories know it."""
        return self.step_name

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> Events:
        """Carry the step out."""
        with turn_of(tracker.sender_id, tracker.current_state()) as context:
            context.slots = tracker.current_slot_values()
            context.active_loop = tracker.active_loop_name or ""
            return self.take(context, Speaker(dispatcher))

    @abstractmethod
    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Do the step: read the context, decide by one pure function, speak, return events."""


def set_slots(**values: Any) -> Events:
    """Return the events that set these slots."""
    return [SlotSet(name, value) for name, value in values.items()]


def end_form() -> Events:
    """Return the events that end whatever form is running."""
    return [ActiveLoop(None), SlotSet("requested_slot", None)]
