"""Arguments and output of `make dlq`."""

from __future__ import annotations

import argparse
import os
import time
import uuid
from collections import defaultdict

from infra.dlq import deployment, letters
from infra.dlq.letters import DeadLetter, Selection
from infra.dlq.operations import DeadLetters, Pace, discard, replay
from infra.dlq.stream import StreamReplay
from infra.dlq.trail import REASON_MAX_CHARS, Trail
from infra.local.console import LocalCloudError, say, warn

INTERRUPTED = 130
RATE_MAX = 100.0


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 < rate <= RATE_MAX:
        raise argparse.ArgumentTypeError(f"between 0 and {RATE_MAX:.0f} in a second")
    return rate


def _reason(text: str) -> str:
    if not text.strip() or len(text) > REASON_MAX_CHARS:
        raise argparse.ArgumentTypeError(f"1 to {REASON_MAX_CHARS} characters, without personal data")
    return text.strip()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make dlq", description="Dead letters of a stage (STAGE=dev; local without).")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("list", help="count them by queue, tenant, system and cause").add_argument(
        "--ids", action="store_true", help="with the ids of all"
    )
    commands.add_parser("show", help="what is known of one, without personal data").add_argument("id")
    for name, text in (("replay", "work them again"), ("discard", "give them up for good")):
        command = commands.add_parser(name, help=text)
        command.add_argument("ids", nargs="*", metavar="id")
        for field in ("tenant", "system", "cause", "queue"):
            command.add_argument(f"--{field}")
        command.add_argument("--all", action="store_true", dest="is_all")
        command.add_argument("--rate", type=_rate, default=5.0, help="per second, 5 unless told")
        if name == "discard":
            command.add_argument("--reason", type=_reason, required=True, help="goes into the audit entry")
    return parser


def main(arguments: list[str]) -> int:
    """Runs one command: 0 when all went as asked, 1 when something was left."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except LocalCloudError as error:
        warn(f"error: {error}")
    except KeyboardInterrupt:
        warn("interrupted; what was not acted on is visible again")
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001: the SDK's errors share no other base, and a traceback helps nobody
        warn(f"error: {type(error).__name__}: {error}")
    return 1


def _run(options: argparse.Namespace) -> int:
    if options.command in ("replay", "discard"):
        return _act(options)
    stage = deployment.find(os.environ.get("STAGE", ""))
    with DeadLetters(stage.client("sqs"), stage.queues) as dead:
        if options.command == "show":
            return _show(dead.letters, options.id)
        _list(dead.letters, getattr(options, "ids", False))
    return 0


def _act(options: argparse.Namespace) -> int:
    selection = Selection(
        tuple(options.ids), options.tenant, options.system, options.cause, options.queue, options.is_all
    )
    if selection.is_empty():
        warn("which? Give ids, --tenant, --system, --cause, --queue or --all")
        return 2
    stage = deployment.find(os.environ.get("STAGE", ""))
    if options.queue and options.queue not in stage.queues.dead:
        warn(f"no queue {options.queue!r}; there are: {', '.join(sorted(stage.queues.dead))}")
        return 2
    trail = Trail(stage.client("dynamodb"), stage.table, stage.operator, run_id=f"dlq-{uuid.uuid4()}")
    pace = Pace(options.rate)
    with DeadLetters(stage.client("sqs"), stage.queues, options.queue) as dead:
        if options.command == "discard":
            return min(1, discard(dead, selection, trail, options.reason, pace, say))
        stream = StreamReplay(stage.client("dynamodbstreams"), stage.client("lambda"), stage.publisher)
        return min(1, replay(dead, selection, trail, stream, pace, say))


def _show(all_letters: list[DeadLetter], wanted: str) -> int:
    found = [letter for letter in all_letters if letter.id == wanted]
    if not found:
        warn(f"{wanted}: no such dead letter, or another command has it in hand")
        return 1
    for letter in found:
        for name, value in letters.described(letter):
            say(f"{name:<24} {value}")
        say()
    return 0


def _list(all_letters: list[DeadLetter], with_ids: bool) -> None:
    if not all_letters:
        say("no dead letters")
        return
    groups: dict[tuple[str, str, str, str], list[DeadLetter]] = defaultdict(list)
    for letter in all_letters:
        groups[letter.group()].append(letter)
    rows = [("QUEUE", "TENANT", "SYSTEM", "CAUSE", "COUNT", "OLDEST", "ID OF THE OLDEST")]
    for group, members in sorted(groups.items()):
        rows.append((*group, str(len(members)), age(members[0].failed_at_ms), members[0].id))
        if with_ids:
            rows += [("",) * 6 + (member.id,) for member in members[1:]]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def age(since_ms: int) -> str:
    """How long ago, in the two largest units that matter."""
    minutes = max(0, int(time.time() - since_ms / 1000)) // 60
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes // 60 % 24} h"
