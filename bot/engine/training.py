"""Train the model for the present data; know whether there is one already.

A model belongs to a fingerprint of everything it is made from. `models/manifest.json` holds, for
the newest model, that fingerprint and the file's SHA-256; only a file that fits is ever loaded.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from bot.errors import UsageError
from bot.nlu.fingerprint import DIALOGUE_FILES, LANGUAGE_FILES, POLICY_FILES, hash_of
from bot.settings import ROOT

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Model:
    """A trained model that may be loaded."""

    file: str
    sha256: str
    fingerprint: str


def fingerprint() -> str:
    """Return the hash of everything the model is made from."""
    return hash_of(*DIALOGUE_FILES, *LANGUAGE_FILES, *POLICY_FILES, "requirements/*.txt")


def find_model(models_dir: Path) -> Path | None:
    """Return the model for the present data, or None when it has to be trained.

    Raises:
        UsageError: the file is not the one that was trained.
    """
    try:
        model = Model(**json.loads((models_dir / MANIFEST).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    path = models_dir / model.file
    if model.fingerprint != fingerprint() or not path.is_file():
        return None
    if _sha256(path) != model.sha256:
        raise UsageError(
            f"{path} is not the model that was trained here; delete it and run ./prelude train"
        )
    return path


def train(models_dir: Path) -> Path:
    """Train, and note the new model in the manifest; returns its path.

    Raises:
        UsageError: Rasa refused the data; its own message says where.
    """
    os.environ["LOG_LEVEL"] = "ERROR"  # Rasa's own switch for its many progress bars
    models_dir.mkdir(parents=True, exist_ok=True)
    with (models_dir / "training.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = find_model(models_dir)  # another process may have trained it meanwhile
        return found or _train(models_dir)


def _train(models_dir: Path) -> Path:
    """Train in a temporary folder; put model and manifest in place only when done."""
    from rasa.model_training import train as rasa_train

    from bot.engine.patches import quick_data_reading, quick_packaging

    digest = fingerprint()
    name = f"prelude-{digest[:12]}.tar.gz"
    with tempfile.TemporaryDirectory(dir=models_dir) as folder:
        with quick_data_reading(), quick_packaging():
            result = rasa_train(
                domain=str(ROOT / "domain.yml"),
                config=str(ROOT / "config.yml"),
                training_files=[str(ROOT / "data")],
                output=folder,
                fixed_model_name=name,
            )
        if result.code != 0 or result.model is None:
            raise UsageError("training failed; the lines above say why")
        path = Path(result.model).replace(models_dir / name)
        model = Model(file=name, sha256=_sha256(path), fingerprint=digest)
        manifest = Path(folder) / MANIFEST
        manifest.write_text(json.dumps(asdict(model), indent=2) + "\n")
        manifest.replace(models_dir / MANIFEST)
    for old in models_dir.glob("prelude-*.tar.gz"):
        if old != path:
            old.unlink()
    return path


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
