"""SQS, DynamoDB, a stream and a function in memory, as far as the command sees them."""

from __future__ import annotations

import io
import json
import uuid
from typing import Any


class FakeSqs:
    """Queues whose messages have a visibility, on a clock that the test moves. `fail_on` names an
    operation that breaks."""

    def __init__(self) -> None:
        self.now = 0.0
        self.queues: dict[str, list[dict[str, Any]]] = {}
        self.log: list[str] = []
        self.fail_on = ""
        self.hides_first_look = False

    def put(self, url: str, body: str, message_id: str = "", **attributes: str) -> str:
        message = {
            "MessageId": message_id or str(uuid.uuid4()), "Body": body, "Attributes": {"SentTimestamp": "1000"},
            "MessageAttributes": {
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
            },
            "visible_at": 0.0,
        }
        self.queues.setdefault(url, []).append(message)
        return message["MessageId"]

    def visible(self, url: str) -> list[dict[str, Any]]:
        return [message for message in self.queues.get(url, []) if message["visible_at"] <= self.now]

    def _called(self, name: str) -> None:
        self.log.append(name)
        if self.fail_on == name:
            raise RuntimeError(name)

    def receive_message(self, QueueUrl: str, MaxNumberOfMessages: int, VisibilityTimeout: int, **_more: Any) -> Any:
        self._called("receive")
        if self.hides_first_look:
            self.hides_first_look = False
            return {}
        taken = self.visible(QueueUrl)[:MaxNumberOfMessages]
        for message in taken:
            message["visible_at"] = self.now + VisibilityTimeout
            message["ReceiptHandle"] = f"receipt {message['MessageId']}"
        return {"Messages": [dict(message) for message in taken]} if taken else {}

    def get_queue_attributes(self, QueueUrl: str, AttributeNames: list[str]) -> Any:
        return {"Attributes": {AttributeNames[0]: str(len(self.visible(QueueUrl)))}}

    def _by_receipt(self, url: str, receipt: str) -> dict[str, Any]:
        return next(message for message in self.queues[url] if message.get("ReceiptHandle") == receipt)

    def delete_message(self, QueueUrl: str, ReceiptHandle: str) -> None:
        self._called("delete")
        self.queues[QueueUrl].remove(self._by_receipt(QueueUrl, ReceiptHandle))

    def change_message_visibility_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> Any:
        assert 0 < len(Entries) <= 10
        for entry in Entries:
            message = self._by_receipt(QueueUrl, entry["ReceiptHandle"])
            message["visible_at"] = self.now + entry["VisibilityTimeout"]
        return {}

    def send_message(self, QueueUrl: str, MessageBody: str, MessageAttributes: dict[str, Any]) -> Any:
        self._called("send")
        self.put(QueueUrl, MessageBody)
        self.queues[QueueUrl][-1]["MessageAttributes"] = MessageAttributes
        return {}


class FakeTable:
    """Remembers what was written and deleted."""

    def __init__(self, log: list[str]) -> None:
        self.items: list[dict[str, str]] = []
        self.deleted: list[tuple[str, str]] = []
        self.log = log

    def put_item(self, TableName: str, Item: dict[str, Any]) -> None:
        self.log.append("audit")
        self.items.append({name: value["S"] for name, value in Item.items()})

    def delete_item(self, TableName: str, Key: dict[str, Any]) -> None:
        self.deleted.append((Key["pk"]["S"], Key["sk"]["S"]))


class FakeStreams:
    """A shard whose records are numbered from 1, with zeros before, and found by the exact text."""

    def __init__(self, records: list[dict[str, Any]]) -> None:
        self.records = records

    def get_shard_iterator(self, SequenceNumber: str, **_more: Any) -> Any:
        assert any(it["dynamodb"]["SequenceNumber"] == SequenceNumber for it in self.records)
        return {"ShardIterator": SequenceNumber}

    def get_records(self, ShardIterator: str, Limit: int) -> Any:
        start = int(ShardIterator)
        page = [it for it in self.records if start <= int(it["dynamodb"]["SequenceNumber"]) < start + 2]
        return {"Records": page, "NextShardIterator": str(start + 2)}


class FakeFunctions:
    """A function that answers with item failures for the sequence numbers it is told to."""

    def __init__(self, failing: tuple[str, ...] = ()) -> None:
        self.failing = failing
        self.events: list[dict[str, Any]] = []

    def invoke(self, FunctionName: str, Payload: bytes) -> Any:
        event = json.loads(Payload)
        self.events.append(event)
        numbers = [record["dynamodb"]["SequenceNumber"] for record in event["Records"]]
        failures = [{"itemIdentifier": number} for number in numbers if number in self.failing]
        return {"Payload": io.BytesIO(json.dumps({"batchItemFailures": failures}).encode())}
