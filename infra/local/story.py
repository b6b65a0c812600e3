"""One run of the demo against the running stack: calls, expectations, and the events that belong to it."""

from __future__ import annotations

import json
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Callable

from infra.local import deploy, stack, tenants
from infra.local.console import LocalCloudError, say
from infra.local.settings import Settings

TENANT = "acme"
UPSERT = "/integrations/crm/hubspot/upsert"
CONNECTION = "/integrations/crm/hubspot/connection"
EVENT_TIMEOUT_S = 30.0
BACKLOG_HIDDEN_S = 45
Event = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What the API said, and how long it took."""

    status: int
    body: dict[str, Any]
    took_ms: float


class Story:
    """Records of its own under a random name, so that every run starts with new ones."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stack = stack.read()
        self.run = secrets.token_hex(4)
        self.email = f"ada.{self.run}@example.com"
        self.correlation_id = f"demo-{self.run}"
        self.began_at = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
        self.events: list[Event] = []
        self.number = 0

    def tell(self, title: str, took_ms: float, result: str) -> None:
        """One finished step."""
        self.number += 1
        say(f"{self.number:>2}. {title:<46} {took_ms:>6.0f} ms   {result}")

    def body(self, step: str, kind: str, attributes: dict[str, Any], *ends: tuple[str, str]) -> dict[str, Any]:
        """An upsert of one of the run's records, associated with the given ends."""
        body = {
            "tenant_id": TENANT,
            "type": kind,
            "attributes": attributes,
            "idempotency_key": f"demo-{self.run}-{step}",
            "correlation_id": self.correlation_id,
        }
        associations = [{"type": end, "external_id": external_id} for end, external_id in ends]
        return {**body, "associations": associations} if associations else body

    def contact(self, company: str) -> dict[str, Any]:
        """The attributes of the run's contact."""
        return {
            "email": self.email, "phone": "(415) 555-0134", "firstname": "Ada", "lastname": "Example",
            "company": company, "lifecyclestage": "lead",
        }

    def call(self, token: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        """One call through the API gateway: a POST with a body, a GET without."""
        request = urllib.request.Request(
            self.stack["api_base_url"] + path, data=json.dumps(body).encode() if body else None,
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

    def upsert(self, token: str, body: dict[str, Any]) -> Answer:
        """One upsert."""
        return self.call(token, UPSERT, body)

    def account(self, system: str = "hubspot") -> str:
        """The tenant's account at a provider."""
        for tenant in self.stack["tenants"]:
            if tenant["tenant_id"] == TENANT:
                return tenant["systems"][system]["account_id"]
        raise LocalCloudError(f"no tenant {TENANT} in .local/stack.json")

    def change_in_portal(self, contact_id: str, properties: dict[str, str]) -> list[dict[str, Any]]:
        """Acts as a person in HubSpot's own screens; returns the webhook deliveries that followed."""
        act = {"act": "update", "type": "contact", "id": contact_id, "properties": properties}
        return self.act("hubspot", act)["deliveries"]

    def act(self, system: str, act: dict[str, Any]) -> dict[str, Any]:
        """Lets the sandbox act as a person in a provider's own screens."""
        order = {"system": system, "account": self.account(system), **act}
        return tenants.post_json(f"{self.stack['sandbox_url']}/_control/portal", order)

    def object(self, kind: str, external_id: str) -> dict[str, Any]:
        """One object as HubSpot (the sandbox) has it."""
        query = urllib.parse.urlencode({"system": "hubspot", "account": self.account(), "type": kind})
        with urllib.request.urlopen(f"{self.stack['sandbox_url']}/_control/objects?{query}", timeout=10) as response:
            objects = json.loads(response.read())
        items = objects.get("objects", []) if isinstance(objects, dict) else objects
        mine = [item for item in items if str(item.get("id")) == external_id]
        if len(mine) != 1:
            raise LocalCloudError(f"the sandbox holds {len(mine)} {kind}s with the id {external_id}, expected 1")
        return mine[0]

    def await_events(self, records: set[tuple[str | None, str]], is_enough: Callable[[list[Event]], bool]) -> float:
        """Collects this run's events, those about the given records (type, id; bookings have no
        type); others' stay in the queue, also those of earlier runs, whose records may have had the same ids.
        Returns how long it took, in milliseconds."""
        sqs = deploy.client(self.settings, "sqs")
        queue_url = self.stack["event_tap_queue_url"]
        began = time.monotonic()
        while not is_enough(self.events):
            if time.monotonic() - began > EVENT_TIMEOUT_S:
                seen = [(event["detail-type"], event["detail"].get("changed_attributes")) for event in self.events]
                raise LocalCloudError(f"an expected event is not on the bus; seen: {seen}; see `make logs`")
            # Hidden for long enough to get past all that others have left there, tests above all.
            answer = sqs.receive_message(
                QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=1, VisibilityTimeout=BACKLOG_HIDDEN_S
            )
            for message in answer.get("Messages", []):
                event = json.loads(message["Body"])
                if self._is_ours(event["detail"], records):
                    self._keep(event)
                    sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        if self.email in json.dumps(self.events):
            raise LocalCloudError("an event carries the raw email address")
        return (time.monotonic() - began) * 1000

    def _is_ours(self, detail: dict[str, Any], records: set[tuple[str | None, str]]) -> bool:
        record = (detail.get("type"), detail.get("external_id"))
        return detail.get("tenant_id") == TENANT and record in records and detail["occurred_at"] >= self.began_at

    def _keep(self, event: Event) -> None:
        """Delivery is at least once, so a repeat is dropped as any subscriber would."""
        known = {kept["detail"]["event_id"] for kept in self.events}
        if event["detail"]["event_id"] not in known:
            self.events.append(event)


def expect(answer: Answer, status: int, members: dict[str, Any]) -> None:
    """Fails the run with both sides when an answer is another than expected."""
    wrong = answer.status != status or any(answer.body.get(name) != value for name, value in members.items())
    if wrong:
        raise LocalCloudError(
            f"expected {status} {json.dumps(members)}, got {answer.status} {json.dumps(answer.body)}; "
            "`make logs` shows what the function said"
        )


def _parsed(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except ValueError:
        return {"unreadable": raw[:200].decode("utf-8", "replace")}
    return body if isinstance(body, dict) else {"unexpected": body}
