"""The booking part of the demo: an import from Acuity, then changes there by signed webhook; the same person
at Square by import, and at Vagaro by webhook. Each is one event on the bus."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta, timezone
from typing import Any

from infra.local import tenants
from infra.local.console import LocalCloudError, say
from infra.local.story import TENANT, Story, expect

NAMES = {"acuity": "Acuity", "square": "Square", "vagaro": "Vagaro"}
PHONE = "(415) 555-0134"
LOST: dict[str, Any] = {"deliver": {"drop_percent": 100}}
# Far enough ahead that no run meets the appointments of the runs before it, one a minute.
DAYS_AHEAD = 30


def run(story: Story) -> None:
    """Tells the booking part of the story, of each system that the sandbox plays."""
    token = tenants.token(story.settings, TENANT, f"booking:import {tenants.CONNECTIONS_SCOPE}")
    starts_at = datetime.now(timezone.utc).replace(second=0, microsecond=0) + timedelta(days=DAYS_AHEAD)
    for system, tell in (("acuity", _tell_of_acuity), ("square", _tell_of_square), ("vagaro", _tell_of_vagaro)):
        if tenants.has_real(story.settings, system):
            say(f"\n(real {NAMES[system]}: connect and import by hand; its webhooks can't reach this machine)")
            continue
        say(f"\nTenant {TENANT}, appointments from {NAMES[system]}:\n")
        story.events = []
        tell(story, token, starts_at)


def _tell_of_acuity(story: Story, token: str, starts_at: datetime) -> None:
    """An import, a webhook that says what to look at, and the same once more."""
    _show_connection(story, token, "acuity", {"auth": "api_key"})
    person = {"firstName": "Ada", "lastName": "Example", "email": story.email, "phone": PHONE}
    booking_id = _book(story, "acuity", {"datetime": _moment(starts_at, "+0000"), **person})
    _import(story, token, "acuity", starts_at, booking_id)
    later = {"datetime": _moment(starts_at + timedelta(hours=3), "+0000")}
    _change(story, booking_id, "reschedule", later, {"start_time", "end_time"})
    _change(story, booking_id, "cancel", {}, {"status", "reason"})


def _tell_of_square(story: Story, token: str, starts_at: datetime) -> None:
    """An import: spans of 31 days, and who booked by one more call."""
    _show_connection(story, token, "square", {"auth": "oauth"})
    customer = {"given_name": "Ada", "family_name": "Example", "email_address": story.email, "phone_number": PHONE}
    booking_id = _book(story, "square", {"start_at": _moment(starts_at), "customer": customer})
    _import(story, token, "square", starts_at, booking_id)


def _tell_of_vagaro(story: Story, token: str, starts_at: datetime) -> None:
    """A webhook that says all but who booked: Vagaro has no list by date."""
    _show_connection(story, token, "vagaro", {"auth": "client_credentials"})
    customer = {
        "customerFirstName": "Ada", "customerLastName": "Example", "email": story.email, "mobilePhone": PHONE,
    }
    began = time.monotonic()
    booked = story.act("vagaro", {"act": "create", "properties": {"startTime": _moment(starts_at), "customer": customer}})
    status = _answered("vagaro", booked)
    story.tell("somebody books at Vagaro", (time.monotonic() - began) * 1000, f"webhook with our token, answered {status}")
    booking_id = str(booked["ids"][0])
    took_ms = story.await_events({(None, booking_id)}, lambda events: len(events) > 0)
    detail = _last(story, "booking.imported")
    story.tell("queue, booking-sync, table stream, bus", took_ms,
               f"1 event booking.imported, {detail['status']}, client by rule {detail.get('client_rule')}")


def _show_connection(story: Story, token: str, system: str, members: dict[str, str]) -> None:
    answer = story.call(token, f"/integrations/booking/{system}/connection")
    expect(answer, 200, {"status": "connected", **members})
    webhook = answer.body["webhook"]
    if webhook.get("status", "registered") != "registered":
        raise LocalCloudError(f"the webhook is not registered at {NAMES[system]}: {json.dumps(webhook)}")
    how = "webhook registered by us" if "status" in webhook else "webhook entered at the provider"
    story.tell("the connection that `make up` has made", answer.took_ms,
               f"200 connected, account {answer.body['account_id']}, {how}")


def _book(story: Story, system: str, properties: dict[str, Any]) -> str:
    """Somebody books while no webhook gets through: only an import can find it."""
    began = time.monotonic()
    booking_id = str(story.act(system, {"act": "create", "properties": properties, **LOST})["ids"][0])
    story.tell(f"somebody books at {NAMES[system]}, the webhook is lost", (time.monotonic() - began) * 1000,
               f"appointment {booking_id}")
    return booking_id


def _import(story: Story, token: str, system: str, starts_at: datetime, booking_id: str) -> None:
    window = {"since": _moment(starts_at - timedelta(days=1)), "until": _moment(starts_at + timedelta(days=1))}
    path = f"/integrations/booking/{system}/import"
    first, took_ms = _import_all(story, token, path, window)
    if first["imported"] < 1:
        raise LocalCloudError(f"the import should have found the appointment: {json.dumps(first)}")
    story.tell("import of the two days around it", took_ms, f"200 {_shown(first)}")

    def is_enough(events: list[dict[str, Any]]) -> bool:
        return any(event["detail"]["external_id"] == booking_id for event in events)

    took_ms = story.await_events({(None, booking_id)}, is_enough)
    detail = _last(story, "booking.imported")
    story.tell("table stream, event-publisher, bus", took_ms,
               f"1 event booking.imported, {detail['status']}, client by rule {detail.get('client_rule')}")
    again, took_ms = _import_all(story, token, path, window)
    if again["imported"] or again["updated"] or again["skipped_duplicates"] < 1:
        raise LocalCloudError(f"the second import should have found nothing new: {json.dumps(again)}")
    story.tell("the same import again", took_ms, f"200 {_shown(again)}: no write, no event")


def _import_all(story: Story, token: str, path: str, window: dict[str, str]) -> tuple[dict[str, int], float]:
    """Follows the cursors to the end; returns the sums."""
    sums = {"imported": 0, "updated": 0, "skipped_duplicates": 0}
    body: dict[str, Any] = {"tenant_id": TENANT, "correlation_id": story.correlation_id, **window}
    took_ms = 0.0
    while True:
        answer = story.call(token, path, body)
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
    status = _answered("acuity", done)
    story.tell(f"a person's {act} at Acuity", (time.monotonic() - began) * 1000, f"signed webhook, answered {status}")
    known = len(story.events)
    took_ms = story.await_events({(None, booking_id)}, lambda events: len(events) > known)
    detail = _last(story, "booking.updated")
    if set(detail["changed"]) != changed:
        raise LocalCloudError(f"expected a change of {sorted(changed)}, saw {detail['changed']}")
    story.tell("queue, booking-sync, table stream, bus", took_ms,
               f"1 event booking.updated, version {detail['version']}: {', '.join(sorted(changed))}")


def _answered(system: str, done: dict[str, Any]) -> int:
    """What our webhook's function said to what an act has caused."""
    statuses = [delivery["first_status"] for delivery in done["deliveries"]]
    if not statuses or any(status is None or not 200 <= status < 300 for status in statuses):
        said = statuses or "never"
        raise LocalCloudError(f"{NAMES[system]}'s notification was answered {said}; `make logs FN=webhook-{system}`")
    return statuses[0]


def _last(story: Story, detail_type: str) -> dict[str, Any]:
    event = story.events[-1]
    if event["detail-type"] != detail_type:
        raise LocalCloudError(f"expected {detail_type}, saw {event['detail-type']}")
    return event["detail"]


def _moment(at: datetime, offset: str = "Z") -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S") + offset


def _shown(sums: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sums.items())
