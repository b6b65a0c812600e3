"""The demo tenants' accounts at the providers: for each system how one is drawn, how the sandbox keeps
it, how it is connected, and what real credentials in `.env` take its place.

Tokens, keys and secrets are drawn anew at every start; they live in the sandbox and in Secrets Manager
only. A new system is one class here and its name in `ALL`.
"""

from __future__ import annotations

import secrets
import uuid
from typing import Any

from infra.local.settings import Settings

Account = dict[str, str]
# What a private app for this project is given: the objects, their associations and, for the unique
# properties of companies and deals, the schemas. `oauth` tells the portal of a token.
HUBSPOT_SCOPES = ["oauth"] + [
    f"crm.{what}.{kind}.{right}"
    for what in ("objects", "schemas")
    for kind in ("contacts", "companies", "deals")
    for right in ("read", "write")
]


class DemoSystem:
    """One provider, as the local cloud sets accounts of it up."""

    name: str
    kind: str
    # What of an account `.local/stack.json` shows besides its id.
    shown: tuple[str, ...] = ()
    # `.env` keys of real credentials, with the member of the account that each one is.
    real_keys: dict[str, str] = {}

    @property
    def connection_path(self) -> str:
        """The route of its connections."""
        return f"/integrations/{self.kind}/{self.name}/connection"

    def draw(self, settings: Settings, number: int) -> Account:
        """An account of the tenant of that number."""
        raise NotImplementedError

    def sandbox_account(self, account: Account) -> dict[str, Any]:
        """The account as the sandbox keeps it; without an address nothing is delivered."""
        raise NotImplementedError

    def connection(self, account: Account) -> dict[str, str]:
        """What connects the account, but for the tenant."""
        raise NotImplementedError

    def real(self, settings: Settings) -> Account:
        """The members of an account that real credentials replace; none without all of them."""
        values = {member: settings.value(key) for key, member in self.real_keys.items()}
        return values if values and all(values.values()) else {}


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
        return _with_address(account, {
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
        return _with_address(account, {name: account[name] for name in members})

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


class Acuity(DemoSystem):
    """Acuity, by a user's id and key. Its webhook is registered by the connection call."""

    name = "acuity"
    kind = "booking"
    shown = ("user_id", "webhook_secret")
    real_keys = {"ACUITY_USER_ID": "user_id", "ACUITY_KEY": "webhook_secret"}

    def draw(self, settings: Settings, number: int) -> Account:
        # The key is what webhooks are signed with.
        account_id = f"2051500{number}"
        return {"account_id": account_id, "user_id": account_id, "webhook_secret": secrets.token_hex(16)}

    def sandbox_account(self, account: Account) -> dict[str, Any]:
        return {
            "account": account["account_id"],
            "user_id": account["user_id"],
            "api_key": account["webhook_secret"],
        }

    def connection(self, account: Account) -> dict[str, str]:
        return {"auth": "api_key", "user_id": account["user_id"], "api_key": account["webhook_secret"]}


ALL: tuple[DemoSystem, ...] = (Hubspot(), Salesforce(), Pipedrive(), Acuity())


def _with_address(account: Account, members: dict[str, Any]) -> dict[str, Any]:
    """Where webhooks go is known only after the deployment."""
    address = {"webhook_url": account["webhook_url"]} if account.get("webhook_url") else {}
    return {"account": account["account_id"], **members, **address}


def _organization_id(case_sensitive: str) -> str:
    """Salesforce's id of 18 characters: each of the last three tells which of five are upper case."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
    case_sensitive = case_sensitive.ljust(15, "A")
    parts = (case_sensitive[at:at + 5] for at in (0, 5, 10))
    bits = (sum(1 << place for place, letter in enumerate(part) if letter.isupper()) for part in parts)
    return case_sensitive + "".join(alphabet[bit] for bit in bits)
