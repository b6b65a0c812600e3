"""The booking part of the demo: an import from Acuity, then changes there by signed webhook, each of
them one event on the bus."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta, timezone
from typing import Any

from infra.local import tenants
from infra.local.console import LocalCloudError, say
from infra.local.story import TENANT, Story, expect

CONNECTION = "/integrations/booking/acuity/connection"
IMPORT = "/integrations/booking/acuity/import"
# Far enough ahead that no run meets the appointments of the runs before it, one a minute.
DAYS_AHEAD = 30


def run(story: Story) -> None:
    """Tells the booking part of the story."""
    say(f"\nTenant {TENANT}, appointments from Acuity:\n")
    story.events = []
    token = tenants.token(story.settings, TENANT, f"booking:import {tenants.CONNECTIONS_SCOPE}")
    _show_connection(story, token)
    starts_at = datetime.now(timezone.utc).replace(second=0, microsecond=0) + timedelta(days=DAYS_AHEAD)
    booking_id = _book(story, starts_at)
    _import(story, token, starts_at, booking_id)
    _change(story, booking_id, "reschedule", {"datetime": _moment(starts_at + timedelta(hours=3))}, {"start_time", "end_time"})
    _change(story, booking_id, "cancel", {}, {"status", "reason"})


def _show_connection(story: Story, token: str) -> None:
    answer = story.call(token, CONNECTION)
    expect(answer, 200, {"status": "connected", "auth": "api_key"})
    webhook = answer.body["webhook"]
    if webhook.get("status") != "registered":
        raise LocalCloudError(f"the webhook is not registered at Acuity: {json.dumps(webhook)}")
    story.tell("the connection that `make up` has made", answer.took_ms,
               f"200 connected, account {answer.body['account_id']}, webhook registered by us")


def _book(story: Story, starts_at: datetime) -> str:
    """Somebody books while no webhook gets through: only an import can find it."""
    began = time.monotonic()
    person = {"firstName": "Ada", "lastName": "Example", "email": story.email, "phone": "(415) 555-0134"}
    act = {"act": "create", "properties": {"datetime": _moment(starts_at), **person}, "deliver": {"drop_percent": 100}}
    booking_id = str(story.act("acuity", act)["ids"][0])
    story.tell("somebody books at Acuity, the webhook is lost", (time.monotonic() - began) * 1000, f"appointment {booking_id}")
    return booking_id


def _import(story: Story, token: str, starts_at: datetime, booking_id: str) -> None:
    window = {"since": _moment(starts_at - timedelta(days=1), "Z"), "until": _moment(starts_at + timedelta(days=1), "Z")}
    first, took_ms = _import_all(story, token, window)
    if first["imported"] < 1:
        raise LocalCloudError(f"the import should have found the appointment: {json.dumps(first)}")
    story.tell("import of the two days around it", took_ms, f"200 {_shown(first)}")

    def is_enough(events: list[dict[str, Any]]) -> bool:
        return any(event["detail"]["external_id"] == booking_id for event in events)

    took_ms = story.await_events({(None, booking_id)}, is_enough)
    detail = _last(story, "booking.imported")
    story.tell("table stream, event-publisher, bus", took_ms,
               f"1 event booking.imported, {detail['status']}, client by rule {detail.get('client_rule')}")
    again, took_ms = _import_all(story, token, window)
    if again["imported"] or again["updated"] or again["skipped_duplicates"] < 1:
        raise LocalCloudError(f"the second import should have found nothing new: {json.dumps(again)}")
    story.tell("the same import again", took_ms, f"200 {_shown(again)}: no write, no event")


def _import_all(story: Story, token: str, window: dict[str, str]) -> tuple[dict[str, int], float]:
    """Follows the cursors to the end; returns the sums."""
    sums = {"imported": 0, "updated": 0, "skipped_duplicates": 0}
    body: dict[str, Any] = {"tenant_id": TENANT, "correlation_id": story.correlation_id, **window}
    took_ms = 0.0
    while True:
        answer = story.call(token, IMPORT, body)
        expect(answer, 200, {})
        took_ms += answer.took_ms
        sums = {name: count + answer.body[name] for name, count in sums.items()}
        if answer.body["next_cursor"] is None:
            return sums, took_ms
        body["cursor"] = answer.body["next_cursor"]


def _change(story: Story, booking_id: str, act: str, properties: dict[str, str], changed: set[str]) -> None:
    """A person changes the appointment in Acuity: webhook, queue, read, table, event."""
    began = time.monotonic()
    done = story.act("acuity", {"act": act, "id": booking_id, **({"properties": properties} if properties else {})})
    statuses = [delivery["first_status"] for delivery in done["deliveries"]]
    if not statuses or any(status is None or not 200 <= status < 300 for status in statuses):
        raise LocalCloudError(f"Acuity's notification was answered {statuses or 'never'}; `make logs FN=webhook-acuity`")
    story.tell(f"a person's {act} at Acuity", (time.monotonic() - began) * 1000, f"signed webhook, answered {statuses[0]}")
    known = len(story.events)
    took_ms = story.await_events({(None, booking_id)}, lambda events: len(events) > known)
    detail = _last(story, "booking.updated")
    if set(detail["changed"]) != changed:
        raise LocalCloudError(f"expected a change of {sorted(changed)}, saw {detail['changed']}")
    story.tell("queue, booking-sync, table stream, bus", took_ms,
               f"1 event booking.updated, version {detail['version']}: {', '.join(sorted(changed))}")


def _last(story: Story, detail_type: str) -> dict[str, Any]:
    event = story.events[-1]
    if event["detail-type"] != detail_type:
        raise LocalCloudError(f"expected {detail_type}, saw {event['detail-type']}")
    return event["detail"]


def _moment(at: datetime, offset: str = "+0000") -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S") + offset


def _shown(sums: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sums.items())
