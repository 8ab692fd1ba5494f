"""Named points at which the crash tests kill the server (design decision 1).

In normal running `reach` is one dictionary look-up. With `PRELUDE_KILL_AT=name` the process dies
by SIGKILL when it gets there, with `name:2` when it gets there the second time; a point inside the
engine worker takes the web process with it, as a power cut would.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

KILL_POINTS = (
    "t1_before_insert",
    "t1_before_commit",
    "t1_after_commit",
    "ack_sent",
    "attempt_before_commit",
    "attempt_after_commit",
    "engine_received",
    "engine_between_steps",
    "engine_computed",
    "t2_before_commit",
    "t2_after_commit",
    "push_partial",
)


_passed: Counter[str] = Counter()


def reach(name: str) -> None:
    """Die here if the crash test asked for it."""
    wanted = os.environ.get("PRELUDE_KILL_AT")
    if wanted is None or wanted.partition(":")[0] != name:
        return
    _passed[name] += 1
    if _passed[name] < int(wanted.partition(":")[2] or 1):
        return
    if name.startswith("engine_"):
        os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
