"""msgspec dies when two threads meet a type for the first time; the loader's `convert` does not."""

from __future__ import annotations

import subprocess
import sys

from bot.settings import ROOT

TIMES = 8
CODE = """
import sys, threading
from bot.knowledge.book import BOOK_DIR
from bot.knowledge.customer_rules import read_customer_rules
sys.setswitchinterval(1e-6)
start = threading.Barrier(8)
def work():
    start.wait()
    read_customer_rules(BOOK_DIR / "customers.yml")
threads = [threading.Thread(target=work) for _ in range(8)]
for each in threads: each.start()
for each in threads: each.join()
"""


def test_files_are_read_by_threads_that_meet_their_types_together() -> None:
    for _ in range(TIMES):
        done = subprocess.run(
            [sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-500:]
