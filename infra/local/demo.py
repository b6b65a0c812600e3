"""One story through the running stack, told step by step with times; fails where it goes wrong.

Out: a company, a contact and a deal from the API into HubSpot. Back: a change in the portal by signed
webhook into the table. Then appointments, see `booking_story`. All end as events on the bus.
"""

from __future__ import annotations

import json
import time
import urllib.parse

from infra.local import booking_story, tenants
from infra.local.console import LocalCloudError, say
from infra.local.settings import Settings
from infra.local.story import CONNECTION, TENANT, UPSERT, Answer, Story, expect

OTHER_TENANT = "globex"
NEW_PHONE = "+14155550199"


def run(settings: Settings) -> int:
    """Tells the story."""
    story = Story(settings)
    started = time.monotonic()
    say(f"\nTenant {TENANT}, to HubSpot and back, from the HTTP call to the event on the bus:\n")
    token = _fetch_token(story)
    _show_connection(story, token, "the connection that `make up` has made")
    ids = _create_three(story, token)
    _repeat_and_replay(story, token, ids)
    _update(story, token, ids)
    _await_outbound(story, ids)
    if tenants.has_real(settings, "hubspot"):
        say("   (real HubSpot: look at the records in your portal; its webhooks can't reach this machine)")
    else:
        _change_in_portal(story, ids["contact"])
    _show_connection(story, token, "the connection afterwards")
    _refuse_other_tenant(story)
    booking_story.run(story)
    say(f"\nThe last event as a subscriber gets it:\n{json.dumps(story.events[-1], indent=2)}")
    say(f"\nAll as expected, {time.monotonic() - started:.1f} s. Times include the emulator's own polling.")
    _print_commands(story)
    return 0


def _fetch_token(story: Story) -> str:
    began = time.monotonic()
    scope = f"crm:write {tenants.CONNECTIONS_SCOPE}"
    token = tenants.token(story.settings, TENANT, scope)
    story.tell("token from the development issuer", (time.monotonic() - began) * 1000, f"scope {scope}, tenant {TENANT}")
    return token


def _show_connection(story: Story, token: str, title: str) -> None:
    answer = story.call(token, CONNECTION)
    expect(answer, 200, {"status": "connected"})
    shown = [f"{name} {value}" for name, value in answer.body.items() if isinstance(value, (str, int)) and value != TENANT]
    story.tell(title, answer.took_ms, f"200 {', '.join(shown[:6])}")


def _create_three(story: Story, token: str) -> dict[str, str]:
    """A company, a contact that works there, a deal with both; their HubSpot ids by type."""
    ids: dict[str, str] = {}

    def create(kind: str, answer: Answer, what: str) -> None:
        expect(answer, 200, {"status": "created"})
        ids[kind] = str(answer.body["external_id"])
        story.tell(f"create a {kind}", answer.took_ms, f"200 created, HubSpot id {ids[kind]}{what}")

    company = {"domain": f"{story.run}.example.com", "name": "Analytical Engines"}
    create("company", story.upsert(token, story.body("company", "company", company)), "")
    contact = story.body("create", "contact", story.contact("Analytical Engines"), ("company", ids["company"]))
    create("contact", story.upsert(token, contact), ", at that company")
    deal = {"reference": f"demo-{story.run}", "name": "One engine", "amount": "1200", "stage": "appointmentscheduled"}
    ends = (("contact", ids["contact"]), ("company", ids["company"]))
    create("deal", story.upsert(token, story.body("deal", "deal", deal, *ends)), ", with both")
    return ids


def _repeat_and_replay(story: Story, token: str, ids: dict[str, str]) -> None:
    company = ("company", ids["company"])
    body = story.body("again", "contact", story.contact("Analytical Engines"), company)
    again = story.upsert(token, body)
    expect(again, 200, {"status": "noop", "external_id": ids["contact"]})
    story.tell("the same contact under another key", again.took_ms, "200 noop: no call to HubSpot, no event")
    replay = story.upsert(token, story.body("create", "contact", story.contact("Analytical Engines"), company))
    expect(replay, 200, {"status": "created", "external_id": ids["contact"]})
    story.tell("the first call once more, same key", replay.took_ms, "200 created: the stored answer, nothing done")
    key = urllib.parse.urlencode({"idempotency_key": f"demo-{story.run}-create"})
    asked = story.call(token, f"{UPSERT}?{key}")
    expect(asked, 200, {"status": "created", "external_id": ids["contact"]})
    story.tell("what became of that key", asked.took_ms, "200 created")


def _update(story: Story, token: str, ids: dict[str, str]) -> None:
    changed = story.upsert(token, story.body("update", "contact", story.contact("Difference Engines")))
    expect(changed, 200, {"status": "updated", "external_id": ids["contact"]})
    story.tell("another company name", changed.took_ms, "200 updated")


def _await_outbound(story: Story, ids: dict[str, str]) -> None:
    """One event for each of the three records, and one for the update."""
    took_ms = story.await_events(set(ids.items()), lambda events: len(events) >= 4)
    changes = sorted((event["detail"]["type"], event["detail"]["change"]) for event in story.events)
    wanted = [("company", "created"), ("contact", "created"), ("contact", "updated"), ("deal", "created")]
    if changes != wanted or any(event["detail-type"] != "crm.synced" for event in story.events):
        raise LocalCloudError(f"expected the events {wanted}, saw {changes}")
    story.tell("table stream, event-publisher, bus", took_ms, "4 events crm.synced, no personal data")


def _change_in_portal(story: Story, contact_id: str) -> None:
    """A person edits the contact in HubSpot: webhook, queue, read, table, event."""
    began = time.monotonic()
    deliveries = story.change_in_portal(contact_id, {"phone": NEW_PHONE})
    statuses = [delivery["first_status"] for delivery in deliveries]
    if not statuses or any(status is None or not 200 <= status < 300 for status in statuses):
        raise LocalCloudError(f"HubSpot's notification was answered {statuses or 'never'}; `make logs FN=webhook-hubspot`")
    story.tell("a person edits the contact's phone in HubSpot", (time.monotonic() - began) * 1000,
               f"signed webhook, answered {statuses[0]}")

    def is_enough(events: list[dict]) -> bool:
        return any(event["detail"]["changed_attributes"] == ["phone"] for event in events)

    took_ms = story.await_events({("contact", contact_id)}, is_enough)
    version = story.events[-1]["detail"]["version"]
    story.tell("queue, crm-sync, table stream, bus", took_ms, f"1 event crm.synced, version {version}: phone")
    properties = story.object("contact", contact_id)["properties"]
    shown = {name: properties.get(name) for name in ("phone", "company", "lifecyclestage")}
    story.tell("the contact in HubSpot (sandbox)", 0, json.dumps(shown))


def _refuse_other_tenant(story: Story) -> None:
    foreign = tenants.token(story.settings, OTHER_TENANT)
    answer = story.upsert(foreign, story.body("foreign", "contact", story.contact("Analytical Engines")))
    expect(answer, 403, {"error_code": "tenant_mismatch"})
    story.tell(f"{OTHER_TENANT}'s token for {TENANT}'s contact", answer.took_ms, "403 tenant_mismatch")


def _print_commands(story: Story) -> None:
    body = story.body("by-hand", "contact", story.contact("Your own words"))
    body.pop("correlation_id")
    sample = json.dumps(body, separators=(",", ":"))
    base_url = story.stack["api_base_url"]
    act = json.dumps({"system": "hubspot", "account": story.account(), "act": "create", "type": "contact",
                      "properties": {"email": f"grace.{story.run}@example.com"}}, separators=(",", ":"))
    say(
        "\nBy hand:\n\n"
        f"curl -sS -i -X POST '{base_url}{UPSERT}' \\\n"
        f"  -H \"authorization: Bearer $(make -s token TENANT={TENANT})\" \\\n"
        "  -H 'content-type: application/json' \\\n"
        f"  -d '{sample}'\n\n"
        f"curl -sS '{base_url}{CONNECTION}' \\\n"
        f"  -H \"authorization: Bearer $(make -s token TENANT={TENANT} SCOPE={tenants.CONNECTIONS_SCOPE})\"\n\n"
        f"curl -sS '{story.stack['sandbox_url']}/_control/portal' \\\n"
        f"  -H 'content-type: application/json' -d '{act}'\n\n"
        "make logs                                  what the functions said\n"
        "make dlq                                   what was given up: nothing, if all went well\n"
        "make invoke FN=crm-upsert EVENT=events/crm-upsert/create_contact.json\n"
        "make down                                  stop everything\n"
    )
