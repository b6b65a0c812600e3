"""Publishes again what event-publisher had to give up.

A failure names a part of the table's stream, without its records. As long as the stream still has
them, 24 hours, they are read and given to the function once more, as Lambda gave them. Events that
went out before go out again under the same id; an older version that comes late is one that
subscribers drop anyway.
"""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any, Iterator

from infra.dlq.letters import DeadLetter

PAGE = 100
PAGES_MAX = 2_000
# An invocation takes 6 MB; records are up to 800 KB with both images.
PAYLOAD_MAX_BYTES = 4_000_000
FORGOTTEN = ("TrimmedDataAccessException", "ResourceNotFoundException")


class NotPublished(Exception):
    """Why a part of the stream could not be published again, for the operator."""


class StreamReplay:
    """The stream to read from and the function to give to."""

    def __init__(self, streams: Any, functions: Any, function_name: str) -> None:
        self._streams = streams
        self._functions = functions
        self._function_name = function_name

    def publish(self, letter: DeadLetter) -> int:
        """Gives the records of one failure to the function; returns how many there were."""
        try:
            position = json.loads(letter.body)["DDBStreamBatchInfo"]
            arn, shard = position["streamArn"], position["shardId"]
            # Numbers are compared as such and asked for as they came: they may begin with zeros.
            first, last = str(position["startSequenceNumber"]), int(position["endSequenceNumber"])
        except (ValueError, KeyError, TypeError) as error:
            raise NotPublished("its body names no part of a stream") from error
        records = [record for record in self._read(arn, shard, first, last) if _is_published(record)]
        for batch in _batches([{**record, "eventSourceARN": arn} for record in records]):
            self._invoke(batch)
        return len(records)

    def _read(self, arn: str, shard: str, first: str, last: int) -> Iterator[dict[str, Any]]:
        from botocore.exceptions import ClientError

        try:
            iterator = self._streams.get_shard_iterator(
                StreamArn=arn, ShardId=shard, ShardIteratorType="AT_SEQUENCE_NUMBER", SequenceNumber=first
            )["ShardIterator"]
            for _page in range(PAGES_MAX):
                page = self._streams.get_records(ShardIterator=iterator, Limit=PAGE)
                for record in page["Records"]:
                    if int(record["dynamodb"]["SequenceNumber"]) > last:
                        return
                    yield record
                    if int(record["dynamodb"]["SequenceNumber"]) == last:
                        return
                iterator = page.get("NextShardIterator")
                if not iterator:
                    return
        except ClientError as error:
            if error.response["Error"]["Code"] in FORGOTTEN:
                raise NotPublished("the stream has forgotten its records (it keeps 24 hours)") from error
            raise
        raise NotPublished("the stream did not come to the end of the failed part")

    def _invoke(self, batch: list[dict[str, Any]]) -> None:
        payload = json.dumps({"Records": batch}, default=_as_lambda_writes).encode()
        answer = self._functions.invoke(FunctionName=self._function_name, Payload=payload)
        said = json.loads(answer["Payload"].read() or b"null")
        failures = said.get("batchItemFailures", []) if isinstance(said, dict) else []
        if answer.get("FunctionError") or failures:
            raise NotPublished(f"event-publisher failed on {len(failures) or len(batch)} of {len(batch)} records again")


def _is_published(record: dict[str, Any]) -> bool:
    """The filter of the function's event source in template.yaml."""
    image = record["dynamodb"].get("NewImage", {})
    entity = image.get("entity", {}).get("S")
    is_stored = "version" in image and "lock_owner" not in image
    return record["eventName"] != "REMOVE" and (entity == "Audit" or (entity == "CrmRecord" and is_stored))


def _batches(records: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    size_bytes = 0
    for record in records:
        record_bytes = len(json.dumps(record, default=_as_lambda_writes))
        if batch and (size_bytes + record_bytes > PAYLOAD_MAX_BYTES or len(batch) == PAGE):
            yield batch
            batch, size_bytes = [], 0
        batch.append(record)
        size_bytes += record_bytes
    if batch:
        yield batch


def _as_lambda_writes(value: Any) -> Any:
    """The SDK reads times and binary values into Python's own; Lambda's JSON has seconds and base64."""
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    raise TypeError(f"not expected in a stream record: {type(value).__name__}")
