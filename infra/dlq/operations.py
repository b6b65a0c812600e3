"""List, replay and discard, over the dead letters of all queues.

A letter is sent before it is taken off the dead letters: a crash in between leaves it twice, and
workers don't mind a repeat; the other way round it would be lost.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Callable

from infra.dlq.holding import Holding
from infra.dlq.letters import DeadLetter, Selection, read
from infra.dlq.stream import NotPublished, StreamReplay
from infra.dlq.trail import DISCARDED, REPLAYED, Trail

Say = Callable[[str], None]
# What a worker adds for the operator; a message that is worked on again starts without.
ONLY_AMONG_DEAD = ("cause", "tenant_id", "system", "failed_at_ms", "source_queue")
PROGRESS_EVERY = 25


@dataclass(frozen=True)
class Queues:
    """Addresses by the name of the queue that is worked on, for example `crm-changes`."""

    sources: dict[str, str]
    dead: dict[str, str]


class DeadLetters:
    """All dead letters of a deployment, in hand for one command; a context."""

    def __init__(self, sqs: Any, queues: Queues, only_queue: str | None = None) -> None:
        self._sqs = sqs
        self._queues = queues
        self._only_queue = only_queue
        self._stack = ExitStack()
        self._holdings: dict[str, Holding] = {}
        self.letters: list[DeadLetter] = []

    def __enter__(self) -> DeadLetters:
        with ExitStack() as opened:
            for name, url in sorted(self._queues.dead.items()):
                if self._only_queue in (None, name):
                    holding = opened.enter_context(Holding(self._sqs, url))
                    for message in holding.take_all():
                        self._holdings[message["MessageId"]] = holding
                        self.letters.append(read(message, name))
            # Only now, so that a failure above gives back what was taken.
            self._stack = opened.pop_all()
        self.letters.sort(key=lambda letter: letter.failed_at_ms)
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    def renew(self) -> None:
        """Keeps all letters in hand while the command waits."""
        for holding in set(self._holdings.values()):
            holding.renew()

    def send_back(self, letter: DeadLetter) -> None:
        """Puts a letter onto the queue it came from, as if it had never been tried."""
        url = self._queues.sources.get(letter.queue)
        if url is None:
            raise NotPublished(f"there is no queue {letter.queue}")
        attributes = {
            name: {key: value for key, value in attribute.items() if key in ("DataType", "StringValue", "BinaryValue")}
            for name, attribute in letter.message.get("MessageAttributes", {}).items()
            if name not in ONLY_AMONG_DEAD
        }
        attributes["attempt"] = {"DataType": "Number", "StringValue": "0"}
        attributes["first_enqueued_at_ms"] = {"DataType": "Number", "StringValue": str(int(time.time() * 1000))}
        attributes["dead_letter_id"] = {"DataType": "String", "StringValue": letter.id}
        self._sqs.send_message(QueueUrl=url, MessageBody=letter.body, MessageAttributes=attributes)

    def delete(self, letter: DeadLetter) -> None:
        """Takes a letter off for good."""
        message_id = letter.message["MessageId"]
        self._holdings[message_id].delete(message_id)


class Pace:
    """At most so many acts in a second, evenly."""

    def __init__(self, per_second: float, sleep: Callable[[float], None] = time.sleep,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._gap_s = 1 / per_second
        self._sleep = sleep
        self._clock = clock
        self._next_at = clock()

    def wait(self) -> None:
        """Returns when the next act may begin."""
        ahead_s = self._next_at - self._clock()
        if ahead_s > 0:
            self._sleep(ahead_s)
        self._next_at = max(self._next_at, self._clock()) + self._gap_s


def replay(dead: DeadLetters, selection: Selection, trail: Trail, stream: StreamReplay, pace: Pace, say: Say) -> int:
    """Works the selected letters again; returns how many could not be."""

    def act(letter: DeadLetter) -> None:
        trail.record(REPLAYED, letter)
        if letter.is_stream_position:
            say(f"{letter.id}: {stream.publish(letter)} records given to event-publisher again")
        else:
            dead.send_back(letter)
        dead.delete(letter)

    return _each(dead, selection, act, pace, say, "replayed")


def discard(dead: DeadLetters, selection: Selection, trail: Trail, reason: str, pace: Pace, say: Say) -> int:
    """Gives the selected letters up for good; returns how many could not be."""

    def act(letter: DeadLetter) -> None:
        trail.record(DISCARDED, letter, reason)
        trail.forget(letter)
        dead.delete(letter)

    return _each(dead, selection, act, pace, say, "discarded")


def _each(dead: DeadLetters, selection: Selection, act: Callable[[DeadLetter], None], pace: Pace, say: Say,
          done: str) -> int:
    chosen = [letter for letter in dead.letters if selection.takes(letter)]
    missing = [wanted for wanted in selection.ids if all(letter.id != wanted for letter in chosen)]
    for wanted in missing:
        say(f"{wanted}: no such dead letter, or another command has it in hand")
    failed = len(missing)
    succeeded = 0
    for letter in chosen:
        pace.wait()
        dead.renew()
        try:
            act(letter)
        except NotPublished as error:
            failed += 1
            say(f"{letter.id}: left where it is, {error}")
            continue
        succeeded += 1
        if succeeded % PROGRESS_EVERY == 0:
            say(f"{done} {succeeded} of {len(chosen)}")
    say(f"{done} {succeeded}, left {len(dead.letters) - succeeded}")
    return failed
