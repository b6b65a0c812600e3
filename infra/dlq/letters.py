"""One dead letter as an operator sees it, and which of them a command means.

A worker that gives a message up writes the cause and the owner into its attributes. A message that
SQS itself moved, because its worker crashed too often, has none: its owner is read from the body.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

PUBLISHER_FAILURES = "event-publisher-failures"
RECEIVES_EXHAUSTED = "receives_exhausted"
NOBODY = "-"
# Anything else in a field is not shown: what a stranger has sent may hold anything.
WORD = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
DIGEST = re.compile(r"[0-9a-f]{64}")
MILLIS = re.compile(r"[0-9]{1,13}")
SHOWN = (
    "version", "account_id", "type", "object_id", "changes", "properties", "merged_ids", "record_key", "claim_key",
    "booking_id", "missing_since_ms", "from_ms", "until_ms", "began_at_ms", "drift", "since_ms", "forward_at_ms", "found",
    "occurred_at_ms", "received_at_ms", "correlation_id",
)


@dataclass(frozen=True)
class DeadLetter:
    """A message among the dead letters, held by its receipt."""

    id: str
    queue: str
    tenant: str
    system: str
    cause: str
    failed_at_ms: int
    body: str
    message: dict[str, Any]

    @property
    def is_stream_position(self) -> bool:
        """Whether it names a part of the table's stream, and no message of a queue."""
        return self.queue == PUBLISHER_FAILURES

    def refused_place(self) -> str | None:
        """Where the table keeps what an upsert wanted that waited in vain, for a replay."""
        fields = _fields(self.body)
        keys = [fields.get(name) for name in ("record_key", "claim_key")]
        if not all(isinstance(key, str) and DIGEST.fullmatch(key) for key in keys):
            return None
        return "#".join(("REFUSED", self.system, *keys))

    def group(self) -> tuple[str, str, str, str]:
        """What it is counted under."""
        return (self.queue, self.tenant, self.system, self.cause)


@dataclass(frozen=True)
class Selection:
    """What a command acts on: ids, or all that match every given field."""

    ids: tuple[str, ...] = ()
    tenant: str | None = None
    system: str | None = None
    cause: str | None = None
    queue: str | None = None
    is_all: bool = False

    def is_empty(self) -> bool:
        """Whether nothing was asked for, which must not mean everything."""
        return not (self.ids or self.is_all or any((self.tenant, self.system, self.cause, self.queue)))

    def takes(self, letter: DeadLetter) -> bool:
        """Whether a letter is meant."""
        fields = ((self.tenant, letter.tenant), (self.system, letter.system), (self.cause, letter.cause),
                  (self.queue, letter.queue))
        return (not self.ids or letter.id in self.ids) and all(wanted in (None, has) for wanted, has in fields)


def read(message: dict[str, Any], queue: str) -> DeadLetter:
    """A received message as a dead letter. `queue` is the one whose dead letters it was among."""
    attributes = message.get("MessageAttributes", {})
    sent_at_ms = int(message.get("Attributes", {}).get("SentTimestamp", 0))
    fields = _fields(message["Body"])
    if queue == PUBLISHER_FAILURES:
        return _stream_position(message, fields, sent_at_ms)

    def text(name: str) -> str | None:
        value = attributes.get(name, {}).get("StringValue")
        return value if isinstance(value, str) and WORD.fullmatch(value) else None

    def owner(name: str) -> str:
        value = text(name) or fields.get(name)
        return value if isinstance(value, str) and WORD.fullmatch(value) else NOBODY

    failed_at = text("failed_at_ms")
    return DeadLetter(
        id=text("dead_letter_id") or message["MessageId"],
        queue=text("source_queue") or queue,
        tenant=owner("tenant_id"),
        system=owner("system"),
        cause=text("cause") or RECEIVES_EXHAUSTED,
        failed_at_ms=int(failed_at) if failed_at and MILLIS.fullmatch(failed_at) else sent_at_ms,
        body=message["Body"],
        message=message,
    )


def _stream_position(message: dict[str, Any], fields: dict[str, Any], sent_at_ms: int) -> DeadLetter:
    """What Lambda writes when it gives up a batch of the stream: where it was, and why."""
    context = fields.get("requestContext")
    condition = context.get("condition") if isinstance(context, dict) else None
    words = re.findall(r"[A-Z][a-z]+", condition) if isinstance(condition, str) else []
    try:
        failed_at_ms = int(datetime.fromisoformat(fields["timestamp"].replace("Z", "+00:00")).timestamp() * 1000)
    except (KeyError, AttributeError, ValueError):
        failed_at_ms = sent_at_ms
    return DeadLetter(
        id=message["MessageId"], queue=PUBLISHER_FAILURES, tenant=NOBODY, system=NOBODY,
        cause="_".join(words).lower() or "unknown", failed_at_ms=failed_at_ms, body=message["Body"], message=message,
    )


def _fields(body: str) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def described(letter: DeadLetter) -> list[tuple[str, str]]:
    """Everything about a letter that may be shown, by name."""
    attributes = letter.message.get("MessageAttributes", {})
    rows = [(name, getattr(letter, name)) for name in ("id", "queue", "tenant", "system", "cause")]
    rows.append(("failed at", datetime.fromtimestamp(letter.failed_at_ms / 1000).isoformat(timespec="seconds")))
    for name in ("attempt", "first_enqueued_at_ms"):
        rows.append((name, _shown(attributes.get(name, {}).get("StringValue"))))
    fields = _fields(letter.body)
    position = fields.get("DDBStreamBatchInfo")
    if letter.is_stream_position and isinstance(position, dict):
        names = ("shardId", "startSequenceNumber", "endSequenceNumber", "batchSize", "approximateArrivalOfFirstRecord")
        rows += [(name, _shown(position.get(name))) for name in names]
    else:
        rows += [(f"body.{name}", _shown(fields[name])) for name in SHOWN if name in fields]
    rows.append(("body size", f"{len(letter.body.encode())} bytes" + ("" if fields else ", not a JSON object")))
    return rows


def _shown(value: Any) -> str:
    """Ids, names and numbers as they are; of anything else only that it is there."""
    if isinstance(value, list):
        return ", ".join(_shown(item) for item in value) or "none"
    if isinstance(value, bool) or value is None:
        return "-" if value is None else str(value).lower()
    if isinstance(value, int) or (isinstance(value, str) and WORD.fullmatch(value)):
        return str(value)
    return "(not shown)"
