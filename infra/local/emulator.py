"""Runs MiniStack with two behaviours of AWS that version 1.5.33 leaves out.

Both concern the table's stream, and without them events would be lost here and only here:

- A stream function that answers with `batchItemFailures` has its records given again on AWS;
  MiniStack moves on as if all had gone well. The wrapper turns such an answer into a failed
  invocation, so that the batch is given again. That is coarser than AWS, which starts again at the
  first failed record: repeats are more, losses are none.
- A filter that asks for an attribute to be absent (`"lock_owner": {"S": [{"exists": false}]}`)
  matches on AWS when the whole attribute is absent; MiniStack wants the outer object to be there.
"""

from __future__ import annotations

from typing import Any

from ministack import app
from ministack.services import lambda_svc

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


def main() -> None:
    """Patches, then serves until it is told to stop."""
    lambda_svc._execute_function = _with_item_failures(lambda_svc._execute_function)
    # The original calls itself by its module's name for each level, so this covers all levels.
    lambda_svc._match_esm_filter = _with_absent_parents(lambda_svc._match_esm_filter)
    app.main()


if __name__ == "__main__":
    main()
