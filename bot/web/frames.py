"""What a customer's client may send (docs/protocol.md): one JSON object a text frame."""

from __future__ import annotations

from typing import Annotated, Union

import msgspec
from msgspec import Meta, Struct

from bot.errors import MessageTooLongError, UsageError
from bot.services.reception import PageContext
from bot.services.survey import SurveyAnswer

MAX_PAGE = 50
MAX_SEQ = 2**62  # what both databases take as a number


class Context(Struct, frozen=True, forbid_unknown_fields=True):
    """What the customer looks at: product id, address of the page, product ids of the cart."""

    product: str = ""
    page: str = ""
    cart: list[str] = []

    def as_page_context(self) -> PageContext:
        """Return it as the services know it."""
        return PageContext(self.product, self.page, tuple(self.cart))


class Hello(Struct, tag="hello", frozen=True, forbid_unknown_fields=True):
    """First frame: start, or resume with id, token and the last `seq` seen."""

    conversation: str = ""
    token: str = ""
    after: int = 0
    epoch: str = ""
    recent: Annotated[int, Meta(ge=0, le=500)] = 0
    identity: str = ""
    context: Context | None = None


class Say(Struct, tag="message", frozen=True, forbid_unknown_fields=True):
    """A customer's message; `id` is the client's own."""

    id: str
    text: str = ""
    option_id: str = ""
    picture: str = ""


class History(Struct, tag="history", frozen=True, forbid_unknown_fields=True):
    """Show what was said before `before`."""

    before: Annotated[int, Meta(ge=-MAX_SEQ, le=MAX_SEQ)]
    limit: Annotated[int, Meta(ge=1, le=MAX_PAGE)] = MAX_PAGE


class Look(Context, tag="context", frozen=True, forbid_unknown_fields=True):
    """The customer looks at something else now."""


class End(Struct, tag="end", frozen=True, forbid_unknown_fields=True):
    """The customer ends the talk."""


class Rate(Struct, tag="rate", frozen=True, forbid_unknown_fields=True):
    """The answer to the survey."""

    score: int
    expectation: str = ""
    again: str = ""
    comment: str = ""

    def as_answer(self) -> SurveyAnswer:
        """Return it as the services know it."""
        return SurveyAnswer(self.score, self.expectation, self.again, self.comment)


class Ping(Struct, tag="ping", frozen=True, forbid_unknown_fields=True):
    """Is anybody there?"""


Frame = Union[Hello, Say, History, Look, End, Rate, Ping]
_decoder = msgspec.json.Decoder(Frame)


def decode_frame(data: str | bytes, max_bytes: int) -> Frame:
    """Return the frame that a client sent.

    Raises:
        MessageTooLongError: more than `max_bytes` as UTF-8.
        UsageError: not a frame of this protocol.
    """
    size = len(data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data)
    if size > max_bytes:
        raise MessageTooLongError(f"a frame may have {max_bytes} bytes; this one has {size}")
    try:
        frame: Frame = _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise UsageError(f"this frame is not understood: {error}") from error
    if _has_nul(msgspec.to_builtins(frame)):
        raise UsageError("a text may not hold the character U+0000; PostgreSQL cannot store it")
    return frame


def _has_nul(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_has_nul, value.values()))
    if isinstance(value, list):
        return any(map(_has_nul, value))
    return isinstance(value, str) and "\0" in value
