"""Looking into the running local cloud: function logs, single invocations, tokens."""

from __future__ import annotations

import base64
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

from infra.local import deploy, stack, tenants
from infra.local.console import LocalCloudError, say, warn
from infra.local.settings import ROOT, Settings

POLL_S = 1.0
Place = tuple[str, str, int]
PLATFORM_LINES = ("START RequestId", "END RequestId", "REPORT RequestId")


def logs(settings: Settings, only: str | None, follow: bool) -> None:
    """Prints the functions' own lines, oldest first, and with `follow` those to come."""
    deployed = _functions(only)
    client = deploy.client(settings, "logs")
    functions = deploy.client(settings, "lambda")
    groups = {
        name: functions.get_function_configuration(FunctionName=physical)["LoggingConfig"]["LogGroup"]
        for name, physical in deployed.items()
    }
    seen: set[Place] = set()
    while True:
        for at_ms, name, line in sorted(_new_lines(client, groups, seen), key=lambda line: line[0]):
            say(f"{time.strftime('%H:%M:%S', time.localtime(at_ms / 1000))} {name}: {line}")
        if not follow:
            return
        time.sleep(POLL_S)


def _new_lines(client: Any, groups: dict[str, str], seen: set[Place]) -> list[tuple[int, str, str]]:
    """Lines not shown yet. MiniStack gives its log events no id, so their place is what they are known by."""
    lines: list[tuple[int, str, str]] = []
    for name, group in groups.items():
        position: Counter[str] = Counter()
        for page in client.get_paginator("filter_log_events").paginate(logGroupName=group):
            for event in page["events"]:
                stream = event["logStreamName"]
                position[stream] += 1
                place = (group, stream, position[stream])
                if place in seen or event["message"].startswith(PLATFORM_LINES):
                    continue
                seen.add(place)
                lines.append((event["timestamp"], name, event["message"]))
    return lines


def invoke(settings: Settings, name: str, event_file: str) -> int:
    """Runs a deployed function with one event file and prints what it answers."""
    physical = _functions(name)[name]
    path = Path(event_file) if Path(event_file).is_absolute() else ROOT / event_file
    if not path.is_file():
        folder = ROOT / "events" / name
        known = ", ".join(str(file.relative_to(ROOT)) for file in sorted(folder.glob("*.json"))) or "none"
        raise LocalCloudError(f"no event file {event_file}; those of {name}: {known}")
    payload = path.read_bytes()
    try:
        json.loads(payload)
    except ValueError as error:
        raise LocalCloudError(f"{event_file} is not JSON: {error}") from error
    answer = deploy.client(settings, "lambda").invoke(FunctionName=physical, Payload=payload, LogType="Tail")
    for line in base64.b64decode(answer.get("LogResult", "")).decode("utf-8", "replace").splitlines():
        if not line.startswith(PLATFORM_LINES):
            warn(line)
    _show(answer["Payload"].read())
    return 1 if answer.get("FunctionError") else 0


def _show(payload: bytes) -> None:
    try:
        say(json.dumps(json.loads(payload), indent=2, ensure_ascii=False))
    except ValueError:
        say(payload.decode("utf-8", "replace"))


def _functions(only: str | None) -> dict[str, str]:
    deployed: dict[str, str] = stack.read()["functions"]
    if only is None:
        return deployed
    if only not in deployed:
        raise LocalCloudError(f"no function {only!r}; there are: {', '.join(sorted(deployed))}")
    return {only: deployed[only]}


def token(settings: Settings, tenant_id: str, scope: str) -> None:
    """Prints a tenant's token and nothing else, for use in a command."""
    known = [tenant["tenant_id"] for tenant in stack.read()["tenants"]]
    if tenant_id not in known:
        raise LocalCloudError(f"no demo tenant {tenant_id!r}; there are: {', '.join(known)}")
    say(tenants.token(settings, tenant_id, scope))
