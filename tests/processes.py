"""Commands as processes of their own, with a limit that a busy machine does not reach.

A command that reaches it all the same tells where it hangs: it is ended by SIGABRT, upon which
`faulthandler` writes the stack of each of its threads.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

LIMIT_SECONDS = 600.0
DYING_SECONDS = 30.0


def run_command(
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    stdin: str | None = None,
    seconds: float = LIMIT_SECONDS,
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end.

    Raises:
        AssertionError: it did not end in time; with all that it wrote, and its stacks.
    """
    with subprocess.Popen(
        command,
        cwd=cwd,
        env={**env, "PYTHONFAULTHANDLER": "1"},
        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            out, err = process.communicate(stdin, timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)
            try:
                out, err = process.communicate(timeout=DYING_SECONDS)
            finally:
                process.kill()
            raise AssertionError(
                f"{' '.join(command)} did not end within {seconds:g} s\n{out}\n{err}"
            ) from None
    return subprocess.CompletedProcess(command, process.returncode, out, err)
