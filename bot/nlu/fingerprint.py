"""Hashes by which Rasa's training cache sees that our own files have changed."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from bot.settings import ROOT

LANGUAGE_FILES = (
    "bot/language/*.py",
    "bot/nlu/*.py",
    "bot/knowledge/book/lexicon/*.yml",
    "bot/knowledge/book/language.yml",
    "bot/knowledge/book/entities.yml",
    "bot/knowledge/book/signs.yml",
    "bot/knowledge/entity_patterns.py",
)
POLICY_FILES = ("bot/engine/*_policy.py",)
DIALOGUE_FILES = ("config.yml", "domain.yml", "data/**/*.yml")


def hash_of(*patterns: str) -> str:
    """Return the SHA-256 over the project's files that match, names included."""
    digest = hashlib.sha256()
    for pattern in patterns:
        for path in sorted(ROOT.glob(pattern)):
            digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def hash_of_language() -> str:
    """Return the hash of every file that decides how a message is read."""
    return hash_of(*LANGUAGE_FILES)
