"""One story through the running stack, told step by step with times; fails where it goes wrong."""

from __future__ import annotations

import json
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

from infra.local import deploy, stack, tenants
from infra.local.console import LocalCloudError, say
from infra.local.settings import Settings

TENANT = "acme"
OTHER_TENANT = "globex"
PATH = "/integrations/crm/hubspot/upsert"
EVENT_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Answer:
    """What the API said, and how long it took."""

    status: int
    body: dict[str, Any]
    took_ms: float


class Story:
    """The calls of one run: a contact of its own, so that every run starts with a new one."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stack = stack.read()
        self.run = secrets.token_hex(4)
        self.email = f"ada.{self.run}@example.com"
        self.number = 0

    def tell(self, title: str, took_ms: float, result: str) -> None:
        """One finished step."""
        self.number += 1
        say(f"{self.number}. {title:<52} {took_ms:>6.0f} ms   {result}")

    def body(self, step: str, company: str) -> dict[str, Any]:
        """An upsert of the run's contact."""
        return {
            "tenant_id": TENANT,
            "type": "contact",
            "attributes": {
                "email": self.email, "phone": "(415) 555-0134", "firstname": "Ada", "lastname": "Example",
                "company": company, "lifecyclestage": "lead",
            },
            "idempotency_key": f"demo-{self.run}-{step}",
            "correlation_id": f"demo-{self.run}",
        }

    def call(self, token: str, body: dict[str, Any]) -> Answer:
        """One call through the API gateway."""
        request = urllib.request.Request(
            self.stack["api_base_url"] + PATH, data=json.dumps(body).encode(), method="POST",
            headers={"content-type": "application/json", "authorization": f"Bearer {token}"},
        )
        started = time.monotonic()
        try:
            with urllib.request.urlopen(request, timeout=40) as response:
                status, raw = response.status, response.read()
        except urllib.error.HTTPError as error:
            status, raw = error.code, error.read()
        except OSError as error:
            raise LocalCloudError(f"the API does not answer ({error}); `make status` tells what runs") from error
        return Answer(status, _parsed(raw), (time.monotonic() - started) * 1000)


def _parsed(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except ValueError:
        return {"unreadable": raw[:200].decode("utf-8", "replace")}
    return body if isinstance(body, dict) else {"unexpected": body}


def _expect(answer: Answer, status: int, members: dict[str, Any]) -> None:
    wrong = answer.status != status or any(answer.body.get(name) != value for name, value in members.items())
    if wrong:
        raise LocalCloudError(
            f"expected {status} {json.dumps(members)}, got {answer.status} {json.dumps(answer.body)}; "
            "`make logs` shows what the function said"
        )


def run(settings: Settings) -> int:
    """Tells the story."""
    story = Story(settings)
    started = time.monotonic()
    say(f"\nOne contact of tenant {TENANT}, from the HTTP call to the event on the bus:\n")
    token = _fetch_token(story)
    external_id = _create_repeat_and_replay(story, token)
    _update(story, token, external_id)
    events = _await_events(story)
    _show_contact(story, external_id)
    _refuse_other_tenant(story)
    say(f"\nThe last event as a subscriber gets it:\n{json.dumps(events[-1], indent=2)}")
    say(f"\nAll as expected, {time.monotonic() - started:.1f} s. Times include the emulator's own polling.")
    _print_commands(story)
    return 0


def _fetch_token(story: Story) -> str:
    began = time.monotonic()
    token = tenants.token(story.settings, TENANT)
    story.tell("token from the development issuer", (time.monotonic() - began) * 1000, f"scope crm:write, tenant {TENANT}")
    return token


def _create_repeat_and_replay(story: Story, token: str) -> str:
    first = story.call(token, story.body("create", "Analytical Engines"))
    _expect(first, 200, {"status": "created"})
    story.tell("create a contact", first.took_ms, f"200 created, HubSpot id {first.body['external_id']}")
    again = story.call(token, story.body("again", "Analytical Engines"))
    _expect(again, 200, {"status": "noop", "external_id": first.body["external_id"]})
    story.tell("the same contact under another key", again.took_ms, "200 noop: no call to HubSpot, no event")
    replay = story.call(token, story.body("create", "Analytical Engines"))
    _expect(replay, 200, first.body)
    story.tell("the first call once more, same key", replay.took_ms, "200 created: the stored answer, nothing done")
    return str(first.body["external_id"])


def _update(story: Story, token: str, external_id: str) -> None:
    changed = story.call(token, story.body("update", "Difference Engines"))
    _expect(changed, 200, {"status": "updated", "external_id": external_id})
    story.tell("another company name", changed.took_ms, "200 updated")


def _await_events(story: Story) -> list[dict[str, Any]]:
    """The two events of this run. Events of others are left in the queue."""
    sqs = deploy.client(story.settings, "sqs")
    queue_url = story.stack["event_tap_queue_url"]
    began = time.monotonic()
    found: list[dict[str, Any]] = []
    while len(found) < 2 and time.monotonic() - began < EVENT_TIMEOUT_S:
        answer = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in answer.get("Messages", []):
            event = json.loads(message["Body"])
            if event["detail"].get("correlation_id") == f"demo-{story.run}":
                found.append(event)
                sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
    if [event["detail-type"] for event in found] != ["crm.synced", "crm.synced"]:
        raise LocalCloudError(f"expected two crm.synced events on the bus, saw {len(found)}; see `make logs`")
    if story.email in json.dumps(found):
        raise LocalCloudError("an event carries the raw email address")
    story.tell("table stream, event-publisher, bus", (time.monotonic() - began) * 1000, "2 events crm.synced, no personal data")
    return found


def _show_contact(story: Story, external_id: str) -> None:
    if story.settings.hubspot_token:
        say("   (real HubSpot: look at the contact in your portal)")
        return
    account = _account(story, TENANT)
    query = urllib.parse.urlencode({"system": "hubspot", "account": account, "type": "contact"})
    began = time.monotonic()
    with urllib.request.urlopen(f"{story.stack['sandbox_url']}/_control/objects?{query}", timeout=10) as response:
        objects = json.loads(response.read())
    items = objects.get("objects", []) if isinstance(objects, dict) else objects
    mine = [item for item in items if str(item.get("id")) == external_id]
    if len(mine) != 1:
        raise LocalCloudError(f"the sandbox holds {len(mine)} contacts with the id {external_id}, expected 1")
    properties = mine[0]["properties"]
    shown = {name: properties.get(name) for name in ("phone", "company", "lifecyclestage")}
    story.tell("the contact in HubSpot (sandbox)", (time.monotonic() - began) * 1000, json.dumps(shown))


def _account(story: Story, tenant_id: str) -> str:
    for tenant in story.stack["tenants"]:
        if tenant["tenant_id"] == tenant_id:
            return tenant["systems"]["hubspot"]["account_id"]
    raise LocalCloudError(f"no tenant {tenant_id} in .local/stack.json")


def _refuse_other_tenant(story: Story) -> None:
    foreign = tenants.token(story.settings, OTHER_TENANT)
    answer = story.call(foreign, story.body("foreign", "Analytical Engines"))
    _expect(answer, 403, {"error_code": "tenant_mismatch"})
    story.tell(f"{OTHER_TENANT}'s token for {TENANT}'s contact", answer.took_ms, "403 tenant_mismatch")


def _print_commands(story: Story) -> None:
    body = {**story.body("by-hand", "Your own words"), "correlation_id": None}
    body.pop("correlation_id")
    sample = json.dumps(body, separators=(",", ":"))
    say(
        "\nBy hand:\n\n"
        f"curl -sS -i -X POST '{story.stack['api_base_url']}{PATH}' \\\n"
        f"  -H \"authorization: Bearer $(make -s token TENANT={TENANT})\" \\\n"
        "  -H 'content-type: application/json' \\\n"
        f"  -d '{sample}'\n\n"
        "make logs                                  what the functions said\n"
        "make invoke FN=crm-upsert EVENT=events/crm-upsert/create_contact.json\n"
        "make down                                  stop everything\n"
    )
