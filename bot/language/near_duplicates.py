"""Find training messages that teach nothing new: equal, or nearly equal, to another one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from bot.language.normalise import fold, fold_without_particles

JACCARD_LIMIT = 0.6
SHORTEST_COMPARED = 6


@dataclass(frozen=True)
class Duplicate:
    """Two messages, by place in the list, that are too alike."""

    first: int
    second: int
    reason: str


def find_duplicates(messages: Sequence[tuple[str, str]]) -> list[Duplicate]:
    """Return the pairs of too similar messages, in the order of the later one.

    Args:
        messages: (intent, text). Equal texts are found across intents; near ones (character
            trigram Jaccard above 0.6, from six characters on) within an intent.
    """
    found: list[Duplicate] = []
    seen: dict[str, int] = {}
    keys_of: dict[str, list[tuple[int, str]]] = {}
    for index, (intent, text) in enumerate(messages):
        key = duplicate_key(text)
        if key in seen:
            found.append(Duplicate(seen[key], index, "equal"))
            continue
        seen[key] = index
        if len(key) >= SHORTEST_COMPARED:
            keys_of.setdefault(intent, []).append((index, key))
    for keys in keys_of.values():
        found.extend(_near(keys))
    return sorted(found, key=lambda each: (each.second, each.first))


def duplicate_key(text: str) -> str:
    """Return what two typings of the same message have in common."""
    return fold_without_particles(text) or fold(text) or text.strip()


def _near(keys: Sequence[tuple[int, str]]) -> Iterator[Duplicate]:
    """Yield each message that is near to an earlier one that is itself kept, once."""
    columns: dict[str, int] = {}
    rows, places = [], []
    for row, (_, key) in enumerate(keys):
        grams = {key[start : start + 3] for start in range(len(key) - 2)}
        rows += [row] * len(grams)
        places += [columns.setdefault(gram, len(columns)) for gram in sorted(grams)]
    shape = (len(keys), len(columns))
    held = csr_matrix((np.ones(len(rows), dtype=np.int32), (rows, places)), shape=shape)
    sizes = np.asarray(held.sum(axis=1)).ravel()
    shared = (held @ held.T).tocoo()
    union = sizes[shared.row] + sizes[shared.col] - shared.data
    share = shared.data / union
    is_near = (shared.col < shared.row) & (share > JACCARD_LIMIT)
    dropped: set[int] = set()
    order = np.lexsort((shared.col[is_near], shared.row[is_near]))
    near = zip(
        shared.row[is_near][order], shared.col[is_near][order], share[is_near][order], strict=True
    )
    for later, earlier, value in near:
        if later not in dropped and earlier not in dropped:
            dropped.add(int(later))
            reason = f"trigram Jaccard {value:.2f}"
            yield Duplicate(keys[earlier][0], keys[later][0], reason)
