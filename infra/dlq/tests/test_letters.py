"""What is shown of a dead letter, and what never is."""

from __future__ import annotations

import io
import json
import unittest
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

from infra.dlq import cli
from infra.dlq.deployment import queues_of
from infra.dlq.letters import Selection, described, read


def message(body: str, **attributes: str) -> dict[str, Any]:
    return {
        "MessageId": "m-1", "Body": body, "Attributes": {"SentTimestamp": "7000"},
        "MessageAttributes": {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
    }


class Letters(unittest.TestCase):
    def test_letter_of_a_worker_is_read_from_its_attributes(self) -> None:
        letter = read(
            message("{}", dead_letter_id="d", cause="too_old", tenant_id="acme", system="hubspot", failed_at_ms="9",
                    source_queue="crm-pushes"), "crm-changes",
        )
        self.assertEqual((letter.id, letter.failed_at_ms), ("d", 9))
        self.assertEqual(letter.group(), ("crm-pushes", "acme", "hubspot", "too_old"))

    def test_letter_of_sqs_is_read_from_its_body(self) -> None:
        letter = read(message('{"tenant_id": "acme", "system": "hubspot"}'), "crm-changes")
        self.assertEqual((letter.id, letter.failed_at_ms), ("m-1", 7000))
        self.assertEqual(letter.group(), ("crm-changes", "acme", "hubspot", "receives_exhausted"))

    def test_letters_of_bookings_show_what_they_are_about(self) -> None:
        change = {"tenant_id": "acme", "system": "acuity", "booking_id": "54321", "missing_since_ms": 5}
        sweep = {"tenant_id": "acme", "system": "acuity", "from_ms": 1, "until_ms": 2, "position": "{\"day\": 1}", "drift": 3}
        for body, queue, expected in ((change, "booking-changes", {"booking_id", "missing_since_ms"}),
                                      (sweep, "booking-sweeps", {"from_ms", "until_ms", "drift"})):
            letter = read(message(json.dumps(body)), queue)
            self.assertEqual(letter.group(), (queue, "acme", "acuity", "receives_exhausted"))
            shown = {name.removeprefix("body."): text for name, text in described(letter) if name.startswith("body.")}
            self.assertEqual(shown, {name: str(body[name]) for name in expected})

    def test_letter_of_a_crm_sweep_shows_what_it_is_about(self) -> None:
        sweep = {"tenant_id": "acme", "system": "pipedrive", "account_id": "7700", "since_ms": 1, "until_ms": 2,
                 "type": "contact", "position": "{\"after\": 1}", "forward_at_ms": 3, "found": 4}
        letter = read(message(json.dumps(sweep)), "crm-sweeps")
        self.assertEqual(letter.group(), ("crm-sweeps", "acme", "pipedrive", "receives_exhausted"))
        shown = {name.removeprefix("body."): text for name, text in described(letter) if name.startswith("body.")}
        expected = {"account_id", "since_ms", "until_ms", "type", "forward_at_ms", "found"}
        self.assertEqual(shown, {name: str(sweep[name]) for name in expected})

    def test_letter_shows_no_words_of_a_stranger(self) -> None:
        person = "ada@example.com"
        bodies = [
            json.dumps({"tenant_id": person, "system": [person], "object_id": person, "email": person, "changes": [person]}),
            person, json.dumps([person]), json.dumps({"requestContext": {"condition": person}}),
            json.dumps({"requestContext": person, "timestamp": person, "DDBStreamBatchInfo": person}),
        ]
        for body in bodies:
            for queue in ("crm-changes", "event-publisher-failures"):
                letter = read(message(body, cause=person, tenant_id=person, failed_at_ms=person), queue)
                shown = io.StringIO()
                with redirect_stdout(shown):
                    cli._list([letter], True)
                    cli._show([letter], letter.id)
                self.assertNotIn("ada", shown.getvalue() + str(described(letter)), body)

    def test_failure_of_the_publisher_tells_its_condition_and_time(self) -> None:
        body = {"requestContext": {"condition": "RetryAttemptsExhausted"}, "timestamp": "2026-11-22T00:00:01.500Z"}
        letter = read(message(json.dumps(body)), "event-publisher-failures")
        self.assertEqual(letter.cause, "retry_attempts_exhausted")
        self.assertEqual(letter.failed_at_ms, 1_795_305_601_500)


class Command(unittest.TestCase):
    def test_selection_of_nothing_is_not_everything(self) -> None:
        self.assertTrue(Selection().is_empty())
        for arguments in (["replay"], ["discard", "--reason", "because"]):
            with redirect_stderr(io.StringIO()):
                self.assertEqual(cli.main(arguments), 2)

    def test_discard_wants_a_reason(self) -> None:
        for arguments in (["discard", "--all"], ["discard", "--all", "--reason", "  "]):
            with self.assertRaises(SystemExit), redirect_stderr(io.StringIO()):
                cli.main(arguments)

    def test_queues_of_a_stage_are_found_by_their_outputs(self) -> None:
        base = "https://sqs.eu-west-1.amazonaws.com/1/integrations-dev-"
        queues = queues_of({
            "CrmChangesQueueUrl": f"{base}crm-changes", "CrmChangesDlqUrl": f"{base}crm-changes-dlq",
            "EventPublisherFailuresUrl": f"{base}event-publisher-failures", "TableName": "integrations-dev",
        }, "dev")
        self.assertEqual(queues.sources, {"crm-changes": f"{base}crm-changes"})
        self.assertEqual(set(queues.dead), {"crm-changes", "event-publisher-failures"})


if __name__ == "__main__":
    unittest.main()
