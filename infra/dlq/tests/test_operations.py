"""Replay and discard: what is sent, what is taken off, what is given back, and in which order."""

from __future__ import annotations

import json
import unittest
from typing import Any

from infra.dlq.holding import VISIBILITY_S, Holding
from infra.dlq.letters import Selection
from infra.dlq.operations import DeadLetters, Pace, Queues, discard, replay
from infra.dlq.stream import StreamReplay
from infra.dlq.tests.fakes import FakeFunctions, FakeSqs, FakeStreams, FakeTable
from infra.dlq.trail import Trail

SOURCE, DEAD, POSITIONS = "q/crm-changes", "q/crm-changes-dlq", "q/failures"
QUEUES = Queues({"crm-changes": SOURCE}, {"crm-changes": DEAD, "event-publisher-failures": POSITIONS})
BODY = json.dumps({"version": 1, "tenant_id": "globex", "system": "hubspot", "object_id": "17"})


class World:
    """One deployment in memory."""

    def __init__(self) -> None:
        self.sqs = FakeSqs()
        self.table = FakeTable(self.sqs.log)
        self.said: list[str] = []
        self.functions = FakeFunctions()
        self.stream_records: list[dict[str, Any]] = []

    def bury(self, tenant: str = "acme", cause: str = "provider_rejected", letter_id: str = "d-1") -> None:
        self.sqs.put(
            DEAD, BODY, cause=cause, tenant_id=tenant, system="hubspot", source_queue="crm-changes",
            failed_at_ms="5000", dead_letter_id=letter_id, attempt="6", first_enqueued_at_ms="1",
        )

    def _parts(self) -> tuple[Trail, Pace]:
        return Trail(self.table, "table", "ann", "dlq-run"), Pace(100.0, sleep=lambda _s: None)

    def replay(self, **selection: Any) -> int:
        trail, pace = self._parts()
        stream = StreamReplay(FakeStreams(self.stream_records), self.functions, "publisher")
        with DeadLetters(self.sqs, QUEUES) as dead:
            return replay(dead, Selection(**selection), trail, stream, pace, self.said.append)

    def discard(self, reason: str, **selection: Any) -> int:
        trail, pace = self._parts()
        with DeadLetters(self.sqs, QUEUES) as dead:
            return discard(dead, Selection(**selection), trail, reason, pace, self.said.append)


def sent(world: World) -> list[dict[str, str]]:
    """The attributes of what is on the source queue, by name."""
    messages = world.sqs.queues.get(SOURCE, [])
    return [{name: value["StringValue"] for name, value in it["MessageAttributes"].items()} for it in messages]


class Replay(unittest.TestCase):
    def test_replay_starts_afresh_and_keeps_body_and_id(self) -> None:
        world = World()
        world.bury()
        self.assertEqual(world.replay(is_all=True), 0)
        self.assertEqual(world.sqs.queues[DEAD], [])
        self.assertEqual(world.sqs.queues[SOURCE][0]["Body"], BODY)
        (attributes,) = sent(world)
        self.assertGreater(int(attributes.pop("first_enqueued_at_ms")), 1_000_000)
        self.assertEqual(attributes, {"attempt": "0", "dead_letter_id": "d-1"})

    def test_replay_of_what_sqs_moved_takes_the_message_id_for_ever(self) -> None:
        world = World()
        message_id = world.sqs.put(DEAD, BODY)
        world.replay(cause="receives_exhausted", tenant="globex")
        self.assertEqual(sent(world)[0]["dead_letter_id"], message_id)

    def test_replay_of_a_replay_that_failed_again_works(self) -> None:
        world = World()
        world.bury()
        world.replay(ids=("d-1",))
        again = sent(world)[0]
        world.sqs.queues[SOURCE].clear()
        world.bury(letter_id=again["dead_letter_id"])
        self.assertEqual(world.replay(ids=("d-1",)), 0)
        self.assertEqual(sent(world)[0]["dead_letter_id"], "d-1")

    def test_replay_sends_before_it_deletes_and_writes_the_entry_first(self) -> None:
        world = World()
        world.bury()
        world.replay(is_all=True)
        acts = [act for act in world.sqs.log if act != "receive"]
        self.assertEqual(acts, ["audit", "send", "delete"])

    def test_replay_that_crashes_between_leaves_the_letter_visible(self) -> None:
        world = World()
        world.bury()
        world.sqs.fail_on = "delete"
        with self.assertRaises(RuntimeError):
            world.replay(is_all=True)
        self.assertEqual(len(world.sqs.visible(DEAD)), 1)
        self.assertEqual(len(world.sqs.queues[SOURCE]), 1)

    def test_replay_gives_back_at_once_what_was_not_meant(self) -> None:
        world = World()
        for number in range(25):
            world.bury(tenant="acme" if number % 5 else "globex", letter_id=f"d-{number}")
        world.replay(tenant="globex")
        self.assertEqual(len(sent(world)), 5)
        self.assertEqual(len(world.sqs.visible(DEAD)), 20)

    def test_replay_selects_by_all_fields_given(self) -> None:
        world = World()
        world.bury(letter_id="a", cause="internal")
        world.bury(letter_id="b", cause="too_old")
        world.bury(letter_id="c", cause="internal", tenant="globex")
        world.replay(tenant="acme", cause="internal", system="hubspot", queue="crm-changes")
        self.assertEqual([attributes["dead_letter_id"] for attributes in sent(world)], ["a"])

    def test_replay_of_an_unknown_id_says_so_and_counts_as_failed(self) -> None:
        world = World()
        world.bury()
        self.assertEqual(world.replay(ids=("nope",)), 1)
        self.assertIn("nope: no such dead letter, or another command has it in hand", world.said)
        self.assertEqual(sent(world), [])

    def test_replay_leaves_a_letter_of_an_unknown_queue(self) -> None:
        world = World()
        world.sqs.put(DEAD, BODY, dead_letter_id="x", source_queue="elsewhere")
        world.bury()
        self.assertEqual(world.replay(is_all=True), 1)
        self.assertEqual(len(world.sqs.visible(DEAD)), 1)
        self.assertEqual(len(sent(world)), 1)


class Discard(unittest.TestCase):
    def test_discard_is_audited_uncounted_and_gone(self) -> None:
        world = World()
        world.bury()
        self.assertEqual(world.discard("portal was deleted", ids=("d-1",)), 0)
        self.assertEqual(world.sqs.queues[DEAD], [])
        self.assertEqual(world.table.deleted, [("T#acme", "DEAD#hubspot#d-1")])
        (entry,) = world.table.items
        self.assertEqual(entry["pk"], "T#acme")
        self.assertRegex(entry["sk"], r"^AUDIT#\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z#[0-9a-f-]{36}$")
        expected = {
            "entity": "Audit", "tenant_id": "acme", "action": "dead_letter_discarded", "operator": "ann",
            "reason": "portal was deleted", "dead_letter_id": "d-1", "cause": "provider_rejected",
            "route": "dead letters of crm-changes", "correlation_id": "dlq-run",
        }
        self.assertEqual({name: entry[name] for name in expected}, expected)

    def test_discard_of_a_waiting_upsert_forgets_what_it_wanted(self) -> None:
        world = World()
        record, claim = "ab" * 32, "cd" * 32
        body = json.dumps({"version": 1, "record_key": record, "claim_key": claim})
        world.sqs.put(
            DEAD, body, cause="provider_rejected", tenant_id="acme", system="hubspot", source_queue="crm-changes",
            dead_letter_id="d-2",
        )
        world.discard("sent again under another key", ids=("d-2",))
        self.assertIn(("T#acme", f"REFUSED#hubspot#{record}#{claim}"), world.table.deleted)

    def test_discard_of_what_belongs_to_nobody_is_the_operators_own_entry(self) -> None:
        world = World()
        world.sqs.put(DEAD, "not json", cause="malformed", source_queue="crm-changes")
        world.discard("noise", cause="malformed")
        (entry,) = world.table.items
        self.assertEqual((entry["pk"], entry["entity"]), ("OPERATOR", "OperatorAudit"))
        self.assertNotIn("tenant_id", entry)
        self.assertEqual(world.table.deleted, [])


class Stream(unittest.TestCase):
    def failed(self, first: str, last: str) -> World:
        world = World()
        position = {"shardId": "s", "startSequenceNumber": first, "endSequenceNumber": last, "streamArn": "arn"}
        body = {"requestContext": {"condition": "RetryAttemptsExhausted"}, "DDBStreamBatchInfo": position}
        world.sqs.put(POSITIONS, json.dumps(body))
        images: list[dict[str, Any]] = [
            {"entity": {"S": "CrmRecord"}, "version": {"N": "1"}},
            {"entity": {"S": "CrmRecord"}, "version": {"N": "1"}, "lock_owner": {"S": "x"}},
            {"entity": {"S": "IdempotencyClaim"}},
            {"entity": {"S": "Audit"}},
            {"entity": {"S": "CrmRecord"}, "version": {"N": "2"}},
            {"entity": {"S": "CrmRecord"}, "version": {"N": "3"}},
        ]
        world.stream_records = [
            {"eventName": "MODIFY", "dynamodb": {"SequenceNumber": f"000{number}", "NewImage": image}}
            for number, image in enumerate(images, 1)
        ]
        return world

    def test_stream_part_is_published_again_without_what_the_filter_drops(self) -> None:
        world = self.failed("0001", "0005")
        self.assertEqual(world.replay(cause="retry_attempts_exhausted"), 0)
        (event,) = world.functions.events
        self.assertEqual([it["dynamodb"]["SequenceNumber"] for it in event["Records"]], ["0001", "0004", "0005"])
        self.assertEqual(world.sqs.queues[POSITIONS], [])

    def test_stream_part_that_fails_again_stays(self) -> None:
        world = self.failed("0001", "0005")
        world.functions.failing = ("0004",)
        self.assertEqual(world.replay(is_all=True), 1)
        self.assertEqual(len(world.sqs.visible(POSITIONS)), 1)


class Hold(unittest.TestCase):
    def test_holding_believes_an_empty_answer_only_when_the_count_agrees(self) -> None:
        world = World()
        world.bury()
        world.sqs.hides_first_look = True
        with Holding(world.sqs, DEAD) as holding:
            self.assertEqual(len(holding.take_all()), 1)

    def test_holding_renews_what_would_be_given_back_soon(self) -> None:
        world = World()
        world.bury()
        with Holding(world.sqs, DEAD, clock=lambda: world.sqs.now) as holding:
            holding.take_all()
            for _minute in range(10):
                world.sqs.now += VISIBILITY_S - 50
                holding.renew()
                self.assertEqual(world.sqs.visible(DEAD), [])
        self.assertEqual(len(world.sqs.visible(DEAD)), 1)

    def test_pace_spreads_acts_evenly(self) -> None:
        now = [0.0]
        slept: list[float] = []

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            now[0] += seconds

        pace = Pace(5.0, sleep=sleep, clock=lambda: now[0])
        for _act in range(11):
            pace.wait()
        self.assertAlmostEqual(sum(slept), 2.0)


if __name__ == "__main__":
    unittest.main()
