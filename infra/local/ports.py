"""Says whether a port is free and, where the system tells, who holds it."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from infra.local.console import LocalCloudError
from infra.local.settings import Port

LISTEN = "0A"


def is_free(number: int) -> bool:
    """Whether a server could listen there on the loopback address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: an address in TIME_WAIT after a stop is no reason to refuse.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError:
            return False
    return True


def require_free(ports: tuple[Port, ...]) -> None:
    """Refuses to start with one message for all busy ports."""
    numbers = [port.number for port in ports]
    if len(set(numbers)) != len(numbers):
        raise LocalCloudError(f"two ports are the same: {', '.join(f'{p.variable}={p.number}' for p in ports)}")
    busy = [port for port in ports if not is_free(port.number)]
    if not busy:
        return
    lines = [
        f"port {port.number} ({port.role}) is busy: {holder(port.number)}; "
        f"stop that, or choose another port with {port.variable}=<port>"
        for port in busy
    ]
    raise LocalCloudError("\n".join(lines))


def holder(number: int) -> str:
    """The process that listens on a port, as far as this user may see it."""
    inodes = _listening_inodes(number)
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            links = [os.readlink(link) for link in (entry / "fd").iterdir()]
            if any(link == f"socket:[{inode}]" for inode in inodes for link in links):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                return f"held by process {entry.name} ({command.strip()[:80]})"
        except OSError:
            continue
    return "held by a process that this user can't see"


def _listening_inodes(number: int) -> set[str]:
    found: set[str] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            fields = row.split()
            if fields[3] == LISTEN and int(fields[1].rsplit(":", 1)[1], 16) == number:
                found.add(fields[9])
    return found
