"""Takes all dead letters of one queue in hand, and gives back at once what was not acted on.

SQS shows a message to one reader at a time, for a while. Here that while is short and is renewed
before it ends, so that a command that is killed gives its letters back within two minutes.
"""

from __future__ import annotations

import time
from typing import Any, Callable

VISIBILITY_S = 120
RENEW_AFTER_S = 60.0
PER_CALL = 10
LOOKS_MAX = 5
HELD_MAX = 20_000


class Holding:
    """The messages of one queue while a command works on them; a context that ends by giving back."""

    def __init__(self, sqs: Any, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._sqs = sqs
        self._url = url
        self._clock = clock
        # Receipt by message id, with the time at which it was taken or renewed.
        self._held: dict[str, tuple[str, float]] = {}

    def __enter__(self) -> Holding:
        return self

    def __exit__(self, *_error: object) -> None:
        self.release()

    def take_all(self) -> list[dict[str, Any]]:
        """Everything that can be seen now. SQS may answer empty while it still has some, so the
        end is believed only when its own count says so too, or after a few looks."""
        taken: dict[str, dict[str, Any]] = {}
        empty_looks = 0
        while empty_looks < LOOKS_MAX and len(taken) < HELD_MAX:
            answer = self._sqs.receive_message(
                QueueUrl=self._url, MaxNumberOfMessages=PER_CALL, VisibilityTimeout=VISIBILITY_S, WaitTimeSeconds=1,
                MessageSystemAttributeNames=["All"], MessageAttributeNames=["All"],
            )
            messages = answer.get("Messages", [])
            for message in messages:
                self._held[message["MessageId"]] = (message["ReceiptHandle"], self._clock())
                taken[message["MessageId"]] = message
            self.renew()
            if messages:
                continue
            empty_looks += 1
            if self._count() == 0:
                break
        return list(taken.values())

    def _count(self) -> int:
        name = "ApproximateNumberOfMessages"
        answer = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=[name])
        return int(answer["Attributes"][name])

    def delete(self, message_id: str) -> None:
        """Takes a letter off the queue for good."""
        receipt, _since = self._held[message_id]
        self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=receipt)
        del self._held[message_id]

    def renew(self) -> None:
        """Keeps in hand what would be given back soon. Called between two acts."""
        now = self._clock()
        due = [key for key, (_receipt, since) in self._held.items() if now - since >= RENEW_AFTER_S]
        self._change_visibility(due, VISIBILITY_S)
        for key in due:
            self._held[key] = (self._held[key][0], now)

    def release(self) -> None:
        """Lets every reader see again what is left."""
        self._change_visibility(list(self._held), 0)
        self._held.clear()

    def _change_visibility(self, keys: list[str], visibility_s: int) -> None:
        for start in range(0, len(keys), PER_CALL):
            entries = [
                {"Id": str(number), "ReceiptHandle": self._held[key][0], "VisibilityTimeout": visibility_s}
                for number, key in enumerate(keys[start : start + PER_CALL])
            ]
            # One that can't be changed is visible already or gone; both are what was wanted.
            self._sqs.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
