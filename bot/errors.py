"""The one error family of Prelude.

Errors are raised narrow, deep inside, and caught once, at the edge (web, command line). Each
class carries a stable `code` (for programs) and an HTTP `status`; the message is for people and
says what is wrong and how to mend it.
"""

from __future__ import annotations


class BotError(Exception):
    """Base of every error that Prelude raises on purpose."""

    code = "error"
    status = 500


class UsageError(BotError):
    """The caller asked for something that makes no sense."""

    code = "usage"
    status = 400


class ConflictingMessageError(BotError):
    """A client message id came again with another text (promise 2)."""

    code = "conflicting_message"
    status = 409


class MessageTooLongError(BotError):
    """A frame or message is longer than the service stores (promise 20)."""

    code = "message_too_long"
    status = 413


class PictureRefusedError(BotError):
    """An upload is no picture that the service takes; the message says what is allowed."""

    code = "picture_refused"
    status = 415


class PictureTooLargeError(PictureRefusedError):
    """A picture has too many bytes or pixels (promise 20)."""

    code = "picture_too_large"
    status = 413


class RateLimitedError(BotError):
    """Somebody does something too often; `retry_after_seconds` says when it may work again."""

    code = "rate_limited"
    status = 429

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class NotAllowedError(BotError):
    """The caller may not do this: wrong token, wrong owner, wrong role."""

    code = "not_allowed"
    status = 403


class IdentityRefusedError(NotAllowedError):
    """A shop's customer is not who the page says, or the conversation is another's."""

    code = "identity_refused"


class MissingScopeError(NotAllowedError):
    """A token of the REST API was not given for this."""

    code = "missing_scope"


class NotAuthenticatedError(BotError):
    """No token of the REST API, or one that opens nothing (any more); never says which."""

    code = "not_authenticated"
    status = 401


class NotFoundError(BotError):
    """The named thing does not exist."""

    code = "not_found"
    status = 404


class StaleTurnError(BotError):
    """The conversation moved on while its turn was computed; the result is thrown away."""

    code = "stale_turn"
    status = 409


class VersionConflictError(BotError):
    """Somebody else changed the row meanwhile; read it again, then change it."""

    code = "version_conflict"
    status = 412


class StorageUnavailableError(BotError):
    """The database is locked, full, read-only or gone; nothing was saved."""

    code = "storage_unavailable"
    status = 503


class EngineError(BotError):
    """The dialogue engine failed, hung, died or returned nonsense."""

    code = "engine_failed"
    status = 503


class ShopDataError(BotError):
    """A file of the shop or of the book is wrong; `problems` lists every place."""

    code = "shop_data"
    status = 400

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class AuditError(BotError):
    """The audit trail is not what was written (promise 25)."""

    code = "audit_broken"
    status = 500


class AlreadyRunningError(BotError):
    """Another process already serves this shop's embedded database."""

    code = "already_running"
    status = 409
