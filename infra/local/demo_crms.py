"""The demo tenants' accounts at the CRMs."""

from __future__ import annotations

import secrets
import uuid
from typing import Any

from infra.local.demo_system import Account, DemoSystem, with_address
from infra.local.settings import Settings

# What a private app for this project is given: the objects, their associations and, for the unique
# properties of companies and deals, the schemas. `oauth` tells the portal of a token.
HUBSPOT_SCOPES = ["oauth"] + [
    f"crm.{what}.{kind}.{right}"
    for what in ("objects", "schemas")
    for kind in ("contacts", "companies", "deals")
    for right in ("read", "write")
]


class Hubspot(DemoSystem):
    """HubSpot, by a private app."""

    name = "hubspot"
    kind = "crm"
    shown = ("webhook_url", "webhook_secret")
    real_keys = {"HUBSPOT_TOKEN": "access_token"}

    def draw(self, settings: Settings, number: int) -> Account:
        # A private app signs with its own secret, and each portal has an app of its own.
        own_secret = settings.value("WEBHOOK_SECRET_HUBSPOT") if number == 1 else ""
        return {
            "account_id": f"6251500{number}",
            "access_token": f"pat-na1-{secrets.token_hex(4)}-{uuid.uuid4()}",
            "webhook_secret": own_secret or str(uuid.uuid4()),
        }

    def sandbox_account(self, account: Account) -> dict[str, Any]:
        return with_address(account, {
            "access_token": account["access_token"],
            "scopes": HUBSPOT_SCOPES,
            "webhook_secret": account["webhook_secret"],
        })

    def connection(self, account: Account) -> dict[str, str]:
        return {
            "auth": "private_app",
            "access_token": account["access_token"],
            "webhook_secret": account["webhook_secret"],
        }


class Salesforce(DemoSystem):
    """Salesforce, by an app of the tenant's own with client credentials."""

    name = "salesforce"
    kind = "crm"
    shown = ("domain", "webhook_url", "webhook_secret")
    real_keys = {
        "SALESFORCE_DOMAIN": "domain",
        "SALESFORCE_CLIENT_ID": "client_id",
        "SALESFORCE_CLIENT_SECRET": "client_secret",
    }

    def draw(self, settings: Settings, number: int) -> Account:
        return {
            "account_id": _organization_id(f"00D5e00000000d{number}"),
            "domain": f"demo{number}",
            "client_id": f"3MVG9{secrets.token_hex(20)}",
            "client_secret": secrets.token_hex(32),
            "webhook_secret": str(uuid.uuid4()),
        }

    def sandbox_account(self, account: Account) -> dict[str, Any]:
        members = ("domain", "client_id", "client_secret", "webhook_secret")
        return with_address(account, {name: account[name] for name in members})

    def connection(self, account: Account) -> dict[str, str]:
        members = ("domain", "client_id", "client_secret", "webhook_secret")
        return {"auth": "client_credentials", **{name: account[name] for name in members}}


class Pipedrive(DemoSystem):
    """Pipedrive, by a user's API token. Webhooks are registered by the connection call."""

    name = "pipedrive"
    kind = "crm"
    shown = ("domain",)
    real_keys = {"PIPEDRIVE_DOMAIN": "domain", "PIPEDRIVE_TOKEN": "api_token"}

    def draw(self, settings: Settings, number: int) -> Account:
        return {
            "account_id": f"1351500{number}",
            "domain": f"demo{number}",
            "api_token": secrets.token_hex(20),
        }

    def sandbox_account(self, account: Account) -> dict[str, Any]:
        members = {name: account[name] for name in ("domain", "api_token")}
        return {"account": account["account_id"], **members}

    def connection(self, account: Account) -> dict[str, str]:
        return {"auth": "api_token", "domain": account["domain"], "api_token": account["api_token"]}


def _organization_id(case_sensitive: str) -> str:
    """Salesforce's id of 18 characters: each of the last three tells which of five are upper case."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
    case_sensitive = case_sensitive.ljust(15, "A")
    parts = (case_sensitive[at:at + 5] for at in (0, 5, 10))
    bits = (sum(1 << place for place, letter in enumerate(part) if letter.isupper()) for part in parts)
    return case_sensitive + "".join(alphabet[bit] for bit in bits)
