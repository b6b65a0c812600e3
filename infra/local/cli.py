"""Commands and their arguments. Ends with a code and a message, never with a traceback."""

from __future__ import annotations

import argparse
import subprocess

from infra.local import settings as local_settings
from infra.local import demo, lifecycle, operate, tools
from infra.local.console import LocalCloudError, warn
from infra.local.settings import ROOT

INTERRUPTED = 130
# These must work at once, and also when the Python environment is broken.
STANDARD_LIBRARY_ONLY = ("down", "status", "token")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m infra.local", description="The local cloud.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="start and deploy, or bring up to date what runs")
    commands.add_parser("down", help="stop everything")
    commands.add_parser("status", help="what runs")
    commands.add_parser("demo", help="drive one story through the running stack")
    commands.add_parser("environment", help="only make the Python environment").add_argument(
        "--packaging", action="store_true", help="with cargo-lambda"
    )
    log = commands.add_parser("logs", help="print the functions' logs")
    log.add_argument("--function")
    log.add_argument("--follow", action="store_true")
    invoke = commands.add_parser("invoke", help="run one function with one event file")
    invoke.add_argument("function")
    invoke.add_argument("event")
    token = commands.add_parser("token", help="print a tenant's token")
    token.add_argument("tenant")
    token.add_argument("--scope", default="crm:write")
    around = commands.add_parser("with-cloud", help="run a command with the local cloud up around it")
    around.add_argument("run", nargs=argparse.REMAINDER)
    return parser


def main(arguments: list[str]) -> int:
    """Runs one command."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except LocalCloudError as error:
        warn(f"\nerror: {error}")
        return 1
    except KeyboardInterrupt:
        warn("\ninterrupted")
        return INTERRUPTED


def _run(options: argparse.Namespace) -> int:
    if options.command in ("up", "with-cloud", "environment"):
        tools.check()
    if options.command not in STANDARD_LIBRARY_ONLY:
        tools.ensure_environment(with_packaging=getattr(options, "packaging", False))
        if options.command == "environment":
            return 0
        tools.enter_environment()
    return _carry_out(options)


def _carry_out(options: argparse.Namespace) -> int:
    settings = local_settings.load(is_hermetic=options.command == "with-cloud")
    if options.command == "up":
        with lifecycle.exclusive():
            lifecycle.up(settings)
    elif options.command == "down":
        with lifecycle.exclusive():
            lifecycle.down()
    elif options.command == "status":
        return lifecycle.status(settings)
    elif options.command == "demo":
        return demo.run(settings)
    elif options.command == "logs":
        operate.logs(settings, options.function, options.follow)
    elif options.command == "invoke":
        return operate.invoke(settings, options.function, options.event)
    elif options.command == "token":
        operate.token(settings, options.tenant, options.scope)
    elif options.command == "with-cloud":
        return _with_cloud(settings, options.run[1:] if options.run[:1] == ["--"] else options.run)
    return 0


def _with_cloud(settings: local_settings.Settings, command: list[str]) -> int:
    """Leaves the local cloud as it was found: one that already ran goes on running."""
    with lifecycle.exclusive():
        started = lifecycle.up(settings)
    try:
        with lifecycle.interruptible():
            return subprocess.run(command, cwd=ROOT, check=False).returncode
    finally:
        if started:
            with lifecycle.exclusive():
                lifecycle.down()
