"""Arguments of `make backfill`: checked, then the tool is built and takes over."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from infra.backfill import place
from infra.local.artifacts import binary
from infra.local.console import LocalCloudError, warn
from infra.local.settings import ROOT

TOOL = "booking-backfill"
FAILED = 1
INTERRUPTED = 130
USAGE = "usage: make backfill TENANT=acme SYSTEM=vagaro CSV=export.csv ARGS='--as-of 2026-01-31T09:00:00Z' [STAGE=dev]"


def main(arguments: list[str]) -> int:
    """The tool's exit code: 0 all rows done, 2 some are bad, 1 failed."""
    try:
        return _run(arguments)
    except LocalCloudError as error:
        warn(f"error: {error}")
    except KeyboardInterrupt:
        warn("interrupted; what was stored stays, and the same command goes on from there")
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001: the SDK's errors share no other base, and a traceback helps nobody
        warn(f"error: {type(error).__name__}: {error}")
    return FAILED


def _run(arguments: list[str]) -> int:
    wanted = checked(dict(os.environ))
    found = place.find(os.environ.get("STAGE", ""))
    build()
    command = [str(binary(TOOL)), *wanted, "--operator", found.operator, *arguments]
    return subprocess.run(command, env=found.environment, check=False).returncode


def checked(environment: dict[str, str]) -> list[str]:
    """The tool's arguments out of what `make` was given."""
    given = {name: environment.get(name, "").strip() for name in ("TENANT", "SYSTEM", "CSV")}
    missing = [name for name, value in given.items() if not value]
    if missing:
        raise LocalCloudError(f"{' and '.join(missing)} missing; {USAGE}")
    file = Path(given["CSV"]).expanduser()
    if not file.is_file():
        raise LocalCloudError(f"CSV={given['CSV']}: there is no such file")
    return ["--tenant", given["TENANT"], "--system", given["SYSTEM"], "--csv", str(file.resolve())]


def build() -> None:
    """Builds the tool in the everyday profile. Standard output is left to the tool's summary."""
    warn(f"-> cargo build {TOOL} (minutes the first time)")
    command = ["cargo", "build", "--locked", "--quiet", "-p", TOOL]
    done = subprocess.run(command, cwd=ROOT, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    if done.returncode != 0:
        raise LocalCloudError("the build failed, see above")
