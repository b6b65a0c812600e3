"""What stays of an act in the table: an audit entry, and the health route's count of dead letters.

The items are those of shared/aws/src/dynamo (audit.rs, item.rs); the stream publishes the audit
entries of tenants. Acts on letters that belong to nobody are entries of the operator, which the
stream leaves alone.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Callable

from infra.dlq.letters import NOBODY, DeadLetter

REPLAYED = "dead_letter_replayed"
DISCARDED = "dead_letter_discarded"
REASON_MAX_CHARS = 500


def _now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass
class Trail:
    """Writes entries for one run of the command."""

    dynamodb: Any
    table: str
    operator: str
    run_id: str
    now: Callable[[], datetime] = _now

    def record(self, action: str, letter: DeadLetter, reason: str = "") -> None:
        """Written before the act, so that none goes without; a failed act may leave one too many."""
        at = self.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        audit_id = str(uuid.uuid4())
        owner = letter.tenant
        fields = {
            "pk": "OPERATOR" if owner == NOBODY else f"T#{owner}",
            "sk": f"AUDIT#{at}#{audit_id}",
            "entity": "OperatorAudit" if owner == NOBODY else "Audit",
            "audit_id": audit_id,
            "action": action,
            "route": f"dead letters of {letter.queue}",
            "correlation_id": self.run_id,
            "occurred_at": at,
            "operator": self.operator,
            "dead_letter_id": letter.id,
            "cause": letter.cause,
            **({} if owner == NOBODY else {"tenant_id": owner}),
            **({"reason": reason} if reason else {}),
        }
        self.dynamodb.put_item(TableName=self.table, Item={name: {"S": value} for name, value in fields.items()})

    def forget(self, letter: DeadLetter) -> None:
        """The tenant's health no longer counts the letter, and what it wanted of a provider is kept no
        longer: those values are for a replay only. One that SQS moved was never counted."""
        if NOBODY in (letter.tenant, letter.system):
            return
        for place in (f"DEAD#{letter.system}#{letter.id}", letter.refused_place()):
            if place:
                key = {"pk": {"S": f"T#{letter.tenant}"}, "sk": {"S": place}}
                self.dynamodb.delete_item(TableName=self.table, Key=key)
