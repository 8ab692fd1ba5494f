"""Make Rasa and TensorFlow quiet; call it before the first import of Rasa."""

from __future__ import annotations

import logging
import os
import warnings

import structlog

from bot.knowledge.masked_logs import mask_event


def quiet_rasa() -> None:
    """Configure logging before Rasa does: warnings only, never a customer's text."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")
    os.environ.setdefault("RASA_TELEMETRY_ENABLED", "false")
    # Rasa switches warnings on again after whatever filter is set; nobody here can mend them.
    warnings.showwarning = lambda *_, **__: None
    logging.getLogger().setLevel(logging.WARNING)
    for name in ("rasa", "rasa_sdk", "matplotlib", "tensorflow"):
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        processors=[
            structlog.processors.add_log_level,
            mask_event,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )
