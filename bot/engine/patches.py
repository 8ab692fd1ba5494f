"""Our patches of Rasa 3.6.21, which is frozen upstream. Each is named and tested.

`speed_up_action_validation`: `RemoteAction._validate_action_result` re-checks its JSON schema at
every call, four fifths of a turn; the validator is built once here.
"""

from __future__ import annotations

import hashlib
import inspect
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for
from rasa.core.actions.action import RemoteAction

PATCHED_SOURCE_SHA256 = "f8cdb4be6812396167ced74161b2ccd65c5ea676ad86d7d359d8c322d9d8dc42"


def source_hash_of_validation() -> str:
    """Return the hash of the method that is replaced; a test compares it."""
    source = inspect.getsource(_original)
    return hashlib.sha256(source.encode()).hexdigest()


_original = RemoteAction._validate_action_result


def speed_up_action_validation() -> None:
    """Check the results of actions with a validator that is built once."""
    schema = RemoteAction.action_response_format_spec()
    validator_class = validator_for(schema, default=Draft202012Validator)
    validator_class.check_schema(schema)
    validator = validator_class(schema)

    def validate(self: RemoteAction, result: dict[str, Any]) -> bool:
        validator.validate(result)
        return True

    RemoteAction._validate_action_result = validate


def restore_action_validation() -> None:
    """Put Rasa's own method back (for benches and tests)."""
    RemoteAction._validate_action_result = _original
