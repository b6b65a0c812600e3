"""What the person at the terminal sees: steps with their times, and failures that say what to do."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import contextmanager
from typing import Iterator

HEARTBEAT_S = 15.0


class LocalCloudError(Exception):
    """A failure with a message for the person at the terminal; never shown as a traceback."""


def say(text: str = "") -> None:
    """One line, at once, also when the output is a pipe."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # Nobody reads any more (`make up | head`). The work goes on, and so does the cleaning up.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def warn(text: str) -> None:
    """One line on the error stream."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def step(title: str) -> Iterator[None]:
    """Names a step, shows a sign of life while it runs, and ends with its time."""
    started = time.monotonic()
    done = threading.Event()

    def heartbeat() -> None:
        while not done.wait(HEARTBEAT_S):
            say(f"   … {title}: {time.monotonic() - started:.0f} s so far")

    say(f"-> {title}")
    threading.Thread(target=heartbeat, daemon=True).start()
    try:
        yield
    except BaseException:
        done.set()
        say(f"   failed after {time.monotonic() - started:.1f} s: {title}")
        raise
    done.set()
    say(f"   done in {time.monotonic() - started:.1f} s")
