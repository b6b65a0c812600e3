"""Starts and stops the two long-lived processes, each the leader of its own process group.

MiniStack runs every function as a child in its group, so stopping a group stops the functions too,
also after MiniStack itself has crashed. What a pid file names is believed only when the process
carries our marker: a process number is used again by others.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from infra.local.console import LocalCloudError, say
from infra.local.settings import LOGS, MARKER, ROOT, STATE

STOP_GRACE_S = 5.0
KILL_GRACE_S = 5.0
COLLECT_GRACE_S = 3.0


def pid_file(name: str) -> Path:
    """Where the process number of one part is kept."""
    return STATE / f"{name}.pid"


def log_file(name: str) -> Path:
    """Where one part writes."""
    return LOGS / f"{name}.log"


def start(name: str, command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Starts a part in a session of its own, so that ^C at the terminal does not reach it."""
    LOGS.mkdir(parents=True, exist_ok=True)
    with log_file(name).open("wb") as log, _signals_after():
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
        )
        pid_file(name).write_text(str(process.pid), encoding="ascii")
    return process


@contextmanager
def _signals_after() -> Iterator[None]:
    """Lets ^C wait while a process is being made: one that is half made carries no mark yet."""
    received: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    previous = [signal.signal(number, lambda number, _frame: received.append(number)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, previous):
            signal.signal(number, handler)
    if received:
        raise KeyboardInterrupt


def recorded_pid(name: str) -> int | None:
    """The process number in the pid file, if there is one to read."""
    try:
        return int(pid_file(name).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def is_running(name: str) -> bool:
    """Whether the recorded process is alive and ours."""
    pid = recorded_pid(name)
    return pid is not None and pid in members()


def log_tail(name: str, lines: int = 15) -> str:
    """The last lines of a part's log, for a failure message."""
    try:
        text = log_file(name).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "(no log)"
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])


def members() -> set[int]:
    """All living processes of this checkout's local cloud."""
    if not Path("/proc/self/environ").exists():
        return _members_by_group()
    wanted = f"{MARKER}={ROOT}".encode()
    found: set[int] = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (entry / "environ").read_bytes().split(b"\0") and not _is_zombie(entry):
                found.add(int(entry.name))
        except OSError:
            continue
    found.discard(os.getpid())
    return found


def _is_zombie(entry: Path) -> bool:
    return (entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0] == "Z"


def _members_by_group() -> set[int]:
    """Where there is no /proc: the process groups that the pid files name."""
    groups = {recorded_pid(path.stem) for path in STATE.glob("*.pid")}
    listing = subprocess.run(["ps", "-A", "-o", "pid=,pgid=,stat="], capture_output=True, text=True, check=False)
    rows = (line.split() for line in listing.stdout.splitlines())
    return {int(row[0]) for row in rows if len(row) > 2 and int(row[1]) in groups and not row[2].startswith("Z")}


def stop_all() -> int:
    """Ends every process of the local cloud and returns how many there were."""
    before = members()
    for number, grace_s in ((signal.SIGTERM, STOP_GRACE_S), (signal.SIGKILL, KILL_GRACE_S)):
        for pid in members():
            _signal(pid, number)
        if _wait_until_none(grace_s):
            break
    left = members()
    if left:
        raise LocalCloudError(f"processes that can't be stopped: {', '.join(map(str, sorted(left)))}")
    _wait_until_collected(before)
    for path in STATE.glob("*.pid"):
        path.unlink(missing_ok=True)
    return len(before)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _reap() -> None:
    """Collects our own dead children, which would else count as living on systems without /proc."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def _wait_until_none(timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        _reap()
        if not members():
            return True
        time.sleep(0.05)
    return False


def _wait_until_collected(pids: set[int]) -> None:
    """Ended processes stay listed until the system's first process collects them; whoever looks
    right after a stop should see none. Not all systems collect, so this only waits a while."""
    deadline = time.monotonic() + COLLECT_GRACE_S
    while time.monotonic() < deadline and any(_is_listed(pid) for pid in pids):
        _reap()
        time.sleep(0.05)


def _is_listed(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def describe() -> None:
    """Prints each part and whether it lives."""
    for name in ("ministack", "sandbox"):
        state = f"running (process {recorded_pid(name)})" if is_running(name) else "not running"
        say(f"  {name:<10} {state}")
