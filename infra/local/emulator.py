"""Runs MiniStack with the behaviours of AWS that version 1.5.33 leaves out, and a fixed API id.

The table's stream; without these events would be lost here and only here:

- A stream function that answers with `batchItemFailures` has its records given again on AWS;
  MiniStack moves on as if all had gone well. The wrapper turns such an answer into a failed
  invocation, so that the batch is given again. That is coarser than AWS, which starts again at the
  first failed record: repeats are more, losses are none.
- A filter that asks for an attribute to be absent (`"lock_owner": {"S": [{"exists": false}]}`)
  matches on AWS when the whole attribute is absent; MiniStack wants the outer object to be there.

Queues:

- A mapping gets 10 messages at most and at once, whatever its `BatchSize` and its
  `MaximumBatchingWindowInSeconds` say. Here both count, so that batches are as big as on AWS.
- AWS permits `SendMessageBatch` to whoever may `SendMessage`, and knows no permission of its own for
  it; MiniStack asks for one.

The API:

- Its id is random, unless a tag names it, and SAM puts an HTTP API's tags where MiniStack does not
  look. The functions' `PublicBaseUrl` holds the id and must be known before the deployment.
"""

from __future__ import annotations

import time
from typing import Any

from ministack import app
from ministack.core import iam_actions
from ministack.services import apigateway, lambda_svc, sqs

from infra.local.settings import API_ID

STREAM_SOURCES = ("aws:dynamodb", "aws:kinesis")


def _is_stream_batch(event: Any) -> bool:
    records = event.get("Records") if isinstance(event, dict) else None
    return bool(records) and records[0].get("eventSource") in STREAM_SOURCES


def _failed_items(result: Any) -> list[Any]:
    body = result.get("body") if isinstance(result, dict) else None
    return (body.get("batchItemFailures") or []) if isinstance(body, dict) else []


def _with_item_failures(execute: Any) -> Any:
    def execute_function(func: dict, event: Any) -> dict:
        result = execute(func, event)
        failed = _failed_items(result) if _is_stream_batch(event) else []
        if not failed or result.get("error"):
            return result
        body = {"errorType": "BatchItemFailures", "errorMessage": f"{len(failed)} records failed"}
        return {**result, "error": True, "body": body}

    return execute_function


def _with_absent_parents(matches: Any) -> Any:
    def matches_filter(record: Any, pattern: Any) -> bool:
        if isinstance(record, dict) and isinstance(pattern, dict):
            absent = {key: {} for key, inner in pattern.items() if isinstance(inner, dict) and key not in record}
            record = {**record, **absent}
        return matches(record, pattern)

    return matches_filter


def _window_s(queue_arn: str) -> float:
    """For how long the mapping of a queue collects messages."""
    windows = [
        mapping.get("MaximumBatchingWindowInSeconds") or 0
        for mapping in lambda_svc._esms.values()
        if mapping.get("EventSourceArn") == queue_arn
    ]
    return max(windows, default=0)


def _is_complete(queue: dict, batch_size: int) -> bool:
    """Whether a batch is full, or its first message has waited for the whole window."""
    now = time.time()
    waiting = [message["visible_at"] for message in queue["messages"] if message["visible_at"] <= now]
    window_s = _window_s(queue["attributes"].get("QueueArn", ""))
    return len(waiting) >= batch_size or (bool(waiting) and now - min(waiting) >= window_s)


def _receive_for_mapping(queue_url: str, batch_size: int) -> list[dict]:
    with sqs._queues_lock:
        queue = sqs._get_q(queue_url)
        sqs._expire_retained(queue)
        sqs._dlq_sweep(queue)
        for message in queue["messages"]:
            sqs._ensure_msg_fields(message)
        if not _is_complete(queue, batch_size):
            return []
        return sqs._collect_msgs(queue, batch_size, int(queue["attributes"].get("VisibilityTimeout", "30")))


def _with_fixed_id(resolve: Any) -> Any:
    def custom_api_id(tags: Any, existing: Any) -> str | None:
        return resolve(tags, existing) or (API_ID if apigateway.find_api_scope(API_ID) is None else None)

    return custom_api_id


def _with_single_actions(extract: Any) -> Any:
    def extract_iam_action(service: str, *request: Any) -> str | None:
        action = extract(service, *request)
        return action.removesuffix("Batch") if action and service == "sqs" else action

    return extract_iam_action


def main() -> None:
    """Patches, then serves until it is told to stop."""
    lambda_svc._execute_function = _with_item_failures(lambda_svc._execute_function)
    # The original calls itself by its module's name for each level, so this covers all levels.
    lambda_svc._match_esm_filter = _with_absent_parents(lambda_svc._match_esm_filter)
    sqs._receive_messages_for_esm = _receive_for_mapping
    iam_actions.extract_iam_action = _with_single_actions(iam_actions.extract_iam_action)
    apigateway._resolve_custom_api_id = _with_fixed_id(apigateway._resolve_custom_api_id)
    app.main()


if __name__ == "__main__":
    main()
