"""`./prelude train`, and making sure that there is a model before something needs one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import typer
from rich.console import Console

from bot.bootstrap import find_trained_model
from bot.errors import UsageError
from bot.settings import ROOT, Settings, load_settings

console = Console(stderr=True)
QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    "RASA_TELEMETRY_ENABLED": "false",
    "PYTHONWARNINGS": "ignore",
}
TRAIN_SCRIPT = "import sys; from bot.bootstrap import train_model; train_model(sys.argv[1])"


def train(
    force: bool = typer.Option(False, "--force", help="Train even if nothing changed."),
) -> None:
    """Train the model for the present data, if there is none yet."""
    settings = load_settings()
    if force:
        (settings.models_dir / "manifest.json").unlink(missing_ok=True)
    path = ensure_model(settings)
    console.print(f"model: {path.name}")


def ensure_model(settings: Settings) -> Path:
    """Return the model for the present data; train it first when there is none.

    Raises:
        UsageError: training failed.
    """
    found = find_trained_model(settings)
    if found is not None:
        return found
    settings.models_dir.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with console.status(
        "training the model (two to three minutes, once for this data) …"
    ) as status:
        lines = _run_training(settings.models_dir, status.update, started)
    path = find_trained_model(settings)
    if path is None:
        raise UsageError("training failed:\n" + "\n".join(lines[-25:]))
    console.print(f"trained the model in {time.monotonic() - started:.0f} s")
    return path


def _run_training(models_dir: Path, tell: object, started: float) -> list[str]:
    """Train in a process of its own (Rasa keeps global state); show what it is doing."""
    process = subprocess.Popen(
        [sys.executable, "-c", TRAIN_SCRIPT, str(models_dir)],
        cwd=ROOT,
        env={**os.environ, **QUIET},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    lines: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line.rstrip())
        match = re.search(r"(?:Starting to train|Restored) component '(\w+)'", line)
        if match and callable(tell):
            tell(f"training the model: {match.group(1)} ({time.monotonic() - started:.0f} s)")
    process.wait()
    return lines
