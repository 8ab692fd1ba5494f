"""Rasa's tracker, rebuilt for every turn from a snapshot; there is no SQL here.

A snapshot holds slots and active loop as they were four turns ago, and the events since. So
latency does not grow with a conversation, and forms and stories still see what they need. The
slots that mirror the database are set from the turn's facts at every `retrieve`; `save` only
stages (design decision 2).
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.constants import (
    ACTION_LISTEN_NAME,
    ACTION_SESSION_START_NAME,
    REQUESTED_SLOT,
)
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import (
    ActionExecuted,
    ActiveLoop,
    BotUttered,
    Event,
    SessionStarted,
    SlotSet,
    UserUttered,
)
from rasa.shared.core.trackers import DialogueStateTracker

from bot.dialogue.case_talk import projected_case
from bot.dialogue.ledger import projected_state
from bot.dialogue.turn import TurnRequest
from bot.errors import EngineError

SNAPSHOT_VERSION = 1
TURNS_KEPT = 4
MESSAGE_SLOTS: dict[str, Any] = {
    "refusal": "none",
    "named_product": None,
    "named_day": None,
    "desk": "unknown",
    "signal": "none",
    "complaint_urgent": False,
    "complaint_vented": False,
    "named_remedy": None,
    "call_back_declined": False,
}


class SnapshotTrackerStore(TrackerStore):
    """Gives the tracker of the one turn that is being computed."""

    def __init__(self, domain: Domain | None = None) -> None:
        """Start with no turn."""
        super().__init__(domain)
        self._request: TurnRequest | None = None
        self._drops_form = False
        self.staged: DialogueStateTracker | None = None

    @property
    def domain(self) -> Domain:
        """The domain of the loaded model."""
        return self._domain

    @domain.setter
    def domain(self, domain: Domain | None) -> None:
        self._domain = domain or Domain.empty()
        self._domain_fingerprint = self._domain.fingerprint()

    def begin(self, request: TurnRequest, *, drops_form: bool = False) -> None:
        """Prepare for one turn; a form that was walked away from is closed first."""
        self._request = request
        self._drops_form = drops_form
        self.staged = None

    async def retrieve(self, sender_id: str) -> DialogueStateTracker | None:
        """Rebuild the tracker of the turn's conversation.

        Raises:
            EngineError: asked outside a turn, or for another conversation.
        """
        if self.staged is not None and self.staged.sender_id == sender_id:
            return self.staged
        request = self._request
        if request is None or request.conversation_id != sender_id:
            raise EngineError("the tracker was asked for outside its turn")
        tracker = self.init_tracker(sender_id)
        for event in self._events(request):
            tracker.update(event, self.domain)
        if self._drops_form and tracker.active_loop_name:
            tracker.update(ActiveLoop(None), self.domain)
            tracker.update(SlotSet(REQUESTED_SLOT, None), self.domain)
        for event in self._projections(request, tracker):
            tracker.update(event, self.domain)
        return tracker

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Stage the tracker; T2 writes its snapshot."""
        self.staged = tracker

    def pack(self, tracker: DialogueStateTracker) -> str:
        """Return the snapshot of a tracker as JSON."""
        events = [event for event in tracker.events if not isinstance(event, BotUttered)]
        cut = _start_of_last_turns(events)
        before = self.init_tracker(tracker.sender_id)
        for event in events[:cut]:
            before.update(event, self.domain)
        kept = [*_state_as_events(before), *events[cut:]]
        return json.dumps(
            {
                "version": SNAPSHOT_VERSION,
                "domain": self._domain_fingerprint,
                "events": [_slim(event.as_dict()) for event in kept],
            },
            ensure_ascii=False,
            separators=(",", ":"),
        )

    def _events(self, request: TurnRequest) -> list[Event]:
        """Return the events of the snapshot, as far as this model's domain knows them.

        Of a snapshot of another version only what the database says too is left.
        """
        data = json.loads(request.snapshot) if request.snapshot is not None else {}
        if data.get("version") != SNAPSHOT_VERSION:
            return [
                ActionExecuted(ACTION_SESSION_START_NAME),
                SessionStarted(),
                *self._projections(request, self.init_tracker(request.conversation_id)),
                ActionExecuted(ACTION_LISTEN_NAME),
            ]
        events = [_event_of(each) for each in data["events"]]
        if data["domain"] == self._domain_fingerprint:
            return events
        return [each for each in events if self._is_known(each)]

    def _is_known(self, event: Event) -> bool:
        """Return whether the domain has what an event of another model's domain names."""
        if isinstance(event, UserUttered):
            return event.intent_name in self.domain.intents
        if isinstance(event, SlotSet):
            return any(slot.name == event.key for slot in self.domain.slots)
        if isinstance(event, ActiveLoop):
            return event.name is None or event.name in self.domain.form_names
        if isinstance(event, ActionExecuted) and event.action_name is not None:
            return event.action_name in self.domain.action_names_or_texts
        return True

    def _projections(self, request: TurnRequest, tracker: DialogueStateTracker) -> list[Event]:
        """Return slot events for what the database says otherwise than the tracker."""
        state, truth = projected_state(request.facts.ledger)
        wanted = {
            **MESSAGE_SLOTS,
            "objection_state": state,
            # No rule asks for it later, and a slot that moves between turns hides their stories.
            **({"objection_truth": truth} if state in ("open", "probed") else {}),
            **projected_case(request.facts.open_case),
            "missed": request.facts.missed_last_turn,
        }
        return [
            SlotSet(name, value)
            for name, value in wanted.items()
            if tracker.get_slot(name) != value
        ]


@lru_cache(maxsize=64)
def _class_of(type_name: str) -> type[Event]:
    """Return the class of an event; Rasa itself walks all subclasses for every single one."""
    found: type[Event] = Event.resolve_by_type(type_name, default=Event)
    return found


def _event_of(data: dict[str, Any]) -> Event:
    return _class_of(data["event"])._from_parameters(data)


def _start_of_last_turns(events: list[Event]) -> int:
    """Return the index of the `action_listen` before the fourth last message."""
    said = [index for index, event in enumerate(events) if isinstance(event, UserUttered)]
    if len(said) <= TURNS_KEPT:
        return 0
    index = said[-TURNS_KEPT]
    while index > 0 and not isinstance(events[index], ActionExecuted):
        index -= 1
    return index


def _state_as_events(tracker: DialogueStateTracker) -> list[Event]:
    """Return the events that set up a tracker's slots and loop."""
    if not tracker.events:
        return []
    events: list[Event] = [ActionExecuted(ACTION_SESSION_START_NAME), SessionStarted()]
    events += [
        SlotSet(name, slot.value)
        for name, slot in tracker.slots.items()
        if slot.value != slot.initial_value
    ]
    if tracker.active_loop_name:
        events.append(ActiveLoop(tracker.active_loop_name))
    return events


def _slim(event: dict[str, Any]) -> dict[str, Any]:
    """Leave out of a message's event what no policy reads."""
    if event.get("event") != "user":
        return event
    parse = event.get("parse_data") or {}
    intent = parse.get("intent") or {}
    return {
        "event": "user",
        "timestamp": event.get("timestamp"),
        "text": event.get("text"),
        "parse_data": {
            "text": event.get("text"),
            "intent": {"name": intent.get("name"), "confidence": intent.get("confidence")},
            "entities": [],
        },
    }
