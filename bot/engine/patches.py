"""Our patches of Rasa 3.6.21, which is frozen upstream. Each is named and tested.

`speed_up_action_validation`: `RemoteAction._validate_action_result` re-checks its JSON schema at
every call, four fifths of a turn; the validator is built once here.

`quick_data_reading`: Rasa reads each file of training messages several times with a YAML reader in
pure Python, checks it against a schema, and copies every message five times over when it merges the
files, three fifths of a training; libyaml reads it here, and messages are shared. Our tests check
the messages, and `rasa data validate` does it Rasa's way.

`quick_packaging`: Rasa packs a model with gzip's hardest level; the default one is four times as
fast and its file no larger.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import rasa.shared.utils.io
import yaml
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for
from rasa.core.actions.action import RemoteAction
from rasa.engine.storage import local_model_storage
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.formats.rasa_yaml import RasaYAMLReader
from rasa.shared.nlu.training_data.message import Message

GZIP_DEFAULT_LEVEL = 6
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


@contextmanager
def quick_data_reading() -> Iterator[None]:
    """Read each file of training messages once, with libyaml, and copy none, while training.

    A message's hash, by which Rasa drops equal ones, is of text and intent then, not of all that
    hangs on it; what is equal is still decided by everything.
    """
    known: dict[str, Any] = {}
    hash_of_message = Message.__hash__
    read, validate = rasa.shared.utils.io.read_yaml, RasaYAMLReader.validate

    def quick(content: str, reader_type: str | list[str] = "safe") -> Any:
        if reader_type != "safe" or not is_nlu_file(content):
            return read(content, reader_type)
        if content not in known:
            known[content] = yaml.load(content, yaml.CSafeLoader) or {}  # noqa: S506
        return known[content]

    rasa.shared.utils.io.read_yaml = quick
    Message.__hash__ = lambda self: hash((self.get(TEXT), self.get(INTENT)))
    Message.__deepcopy__ = lambda self, memo: self
    RasaYAMLReader.validate = lambda self, string: None
    try:
        yield
    finally:
        rasa.shared.utils.io.read_yaml = read
        Message.__hash__ = hash_of_message
        del Message.__deepcopy__
        RasaYAMLReader.validate = validate


@contextmanager
def quick_packaging() -> Iterator[None]:
    """Pack a model with gzip's default level."""
    original = local_model_storage.TarSafe

    class QuickTar(original):  # type: ignore[misc, valid-type]
        @classmethod
        def gzopen(cls, name: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
            if mode == "w":
                options.setdefault("compresslevel", GZIP_DEFAULT_LEVEL)
            return super().gzopen(name, mode, *args, **options)

    local_model_storage.TarSafe = QuickTar
    try:
        yield
    finally:
        local_model_storage.TarSafe = original


def is_nlu_file(content: str) -> bool:
    """Tell whether a YAML text holds training messages and nothing else."""
    keys = [line.partition(":")[0] for line in content.splitlines() if line[:1].isalpha()]
    return "nlu" in keys and set(keys) <= {"nlu", "version"}
