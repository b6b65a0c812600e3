"""The demo tenants: their provider accounts, their connections, and their tokens.

They are connected as any tenant is, by calls of the API. Access tokens and API keys are made anew at
every start; tokens live in the sandbox and in Secrets Manager only. A real HubSpot token, or a real
Acuity key, comes from `.env` and goes to the connection call only.
"""

from __future__ import annotations

import json
import secrets
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass, replace
from typing import Any

from infra.local.console import LocalCloudError
from infra.local.settings import Settings

# What a private app for this project is given: the objects, their associations and, for the unique
# properties of companies and deals, the schemas. `oauth` tells the portal of a token.
SCOPES = ["oauth"] + [
    f"crm.{what}.{kind}.{right}"
    for what in ("objects", "schemas")
    for kind in ("contacts", "companies", "deals")
    for right in ("read", "write")
]
HUBSPOT_CONNECTION_PATH = "/integrations/crm/hubspot/connection"
ACUITY_CONNECTION_PATH = "/integrations/booking/acuity/connection"
CONNECTIONS_SCOPE = "connections:manage"


@dataclass(frozen=True)
class DemoTenant:
    """One tenant with its HubSpot and its Acuity account."""

    tenant_id: str
    account_id: str
    default_region: str
    access_token: str
    webhook_secret: str
    acuity_account_id: str
    acuity_key: str

    def sandbox_accounts(self) -> list[dict[str, Any]]:
        """The accounts as the sandbox keeps them."""
        acuity = {
            "system": "acuity",
            "account": self.acuity_account_id,
            "user_id": self.acuity_account_id,
            "api_key": self.acuity_key,
        }
        return [self.hubspot_account(), acuity]

    def hubspot_account(self, webhook_url: str | None = None) -> dict[str, Any]:
        """The HubSpot account; without an address nothing is delivered."""
        account: dict[str, Any] = {
            "system": "hubspot",
            "account": self.account_id,
            "access_token": self.access_token,
            "scopes": SCOPES,
            "webhook_secret": self.webhook_secret,
        }
        return {**account, "webhook_url": webhook_url} if webhook_url else account

    def public(self, webhook_url: str) -> dict[str, Any]:
        """The tenant as `.local/stack.json` shows it."""
        hubspot = {
            "account_id": self.account_id,
            "webhook_url": webhook_url,
            "webhook_secret": self.webhook_secret,
        }
        # The key is what webhooks are signed with; the address with its token is in the sandbox.
        acuity = {
            "account_id": self.acuity_account_id,
            "user_id": self.acuity_account_id,
            "webhook_secret": self.acuity_key,
        }
        return {"tenant_id": self.tenant_id, "systems": {"hubspot": hubspot, "acuity": acuity}}


def demo(settings: Settings) -> list[DemoTenant]:
    """Two tenants, so that whatever crosses from one to the other can be seen."""
    # A private app signs with its own secret, and each portal has an app of its own.
    own_secret = settings.value("WEBHOOK_SECRET_HUBSPOT") or str(uuid.uuid4())
    return [
        DemoTenant("acme", "62515001", "US", _access_token(), own_secret, "20515001", secrets.token_hex(16)),
        DemoTenant("globex", "62515002", "GB", _access_token(), str(uuid.uuid4()), "20515002", secrets.token_hex(16)),
    ]


def _access_token() -> str:
    return f"pat-na1-{secrets.token_hex(4)}-{uuid.uuid4()}"


def connect(settings: Settings, tenants: list[DemoTenant]) -> list[DemoTenant]:
    """Connects each tenant by the API, acme with the real credentials where there are some; returns
    them with the accounts that those turned out to belong to."""
    return [_connect_acuity(settings, _connect_hubspot(settings, tenant)) for tenant in tenants]


def _connect_acuity(settings: Settings, tenant: DemoTenant) -> DemoTenant:
    """The vendor's own service knows no key of the sandbox."""
    user_id, key = tenant.acuity_account_id, tenant.acuity_key
    if settings.has_real_acuity:
        if tenant.tenant_id != "acme":
            return tenant
        user_id, key = settings.acuity_user_id, settings.acuity_key
    body = {
        "tenant_id": tenant.tenant_id,
        "auth": "api_key",
        "user_id": user_id,
        "api_key": key,
        "default_region": tenant.default_region,
    }
    account_id = _put(settings, ACUITY_CONNECTION_PATH, tenant, body)
    return replace(tenant, acuity_account_id=account_id or tenant.acuity_account_id)


def _connect_hubspot(settings: Settings, tenant: DemoTenant) -> DemoTenant:
    real = settings.hubspot_token if tenant.tenant_id == "acme" else ""
    body = {
        "tenant_id": tenant.tenant_id,
        "auth": "private_app",
        "access_token": real or tenant.access_token,
        "webhook_secret": tenant.webhook_secret,
        "default_region": tenant.default_region,
    }
    return replace(tenant, account_id=_put(settings, HUBSPOT_CONNECTION_PATH, tenant, body) or tenant.account_id)


def _put(settings: Settings, path: str, tenant: DemoTenant, body: dict[str, Any]) -> str:
    """Connects, and returns the account."""
    bearer = token(settings, tenant.tenant_id, CONNECTIONS_SCOPE)
    answer = call_json(f"{settings.api_base_url}{path}", body, method="PUT", bearer=bearer)
    return str(answer.get("account_id", ""))


def register_webhook_url(settings: Settings, tenants: list[DemoTenant], url: str) -> None:
    """Tells the sandbox where HubSpot sends webhooks, which is known only after the deployment. At
    Acuity the connection call has registered its own."""
    for tenant in tenants:
        post_json(f"{settings.sandbox_url}/_control/accounts", tenant.hubspot_account(url))


def token(settings: Settings, tenant_id: str, scope: str = "crm:write", **more: Any) -> str:
    """A tenant's token from the development issuer."""
    answer = post_json(f"{settings.issuer}/token", {"tenant_id": tenant_id, "scope": scope, **more})
    return answer["access_token"]


def post_json(url: str, body: dict[str, Any]) -> dict[str, Any]:
    """A POST to one of our own local services, which must succeed."""
    return call_json(url, body)


def call_json(url: str, body: dict[str, Any] | None, method: str = "POST", bearer: str = "") -> dict[str, Any]:
    """A call to one of our own local services, which must succeed. A refusal is shown: none repeats
    what was sent."""
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {bearer}"} if bearer else {})
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.loads(response.read() or b"{}")
    except urllib.error.HTTPError as error:
        said = error.read(500).decode("utf-8", "replace")
        raise LocalCloudError(f"{method} {url} answered {error.code}: {said}") from error
    except (urllib.error.URLError, OSError) as error:
        raise LocalCloudError(f"{url} does not answer ({error}); is the local cloud up? `make status` tells") from error
