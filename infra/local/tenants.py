"""The demo tenants: their provider accounts, their connections, and their tokens.

They are connected as any tenant is, by calls of the API. What real credentials there are in `.env`
connects tenant acme, and goes to the connection call only.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from infra.local import demo_accounts, deploy
from infra.local.console import LocalCloudError
from infra.local.settings import STAGE, Settings

CONNECTIONS_SCOPE = "connections:manage"
# Where the template looks for our own apps.
APP_SECRETS = f"integrations/{STAGE}/apps"


@dataclass(frozen=True)
class DemoTenant:
    """One tenant with its accounts, by system."""

    tenant_id: str
    default_region: str
    accounts: dict[str, demo_accounts.Account]

    def sandbox_accounts(self) -> list[dict[str, Any]]:
        """The accounts as the sandbox keeps them."""
        return [
            {"system": system.name, **system.sandbox_account(self.accounts[system.name])}
            for system in demo_accounts.ALL
        ]

    def public(self) -> dict[str, Any]:
        """The tenant as `.local/stack.json` shows it. Addresses that a connection call has registered
        have tokens, which the sandbox tells (`/_control/hooks`)."""
        systems = {}
        for system in demo_accounts.ALL:
            account = self.accounts[system.name]
            shown = {name: account[name] for name in system.shown if name in account}
            systems[system.name] = {"account_id": account["account_id"], **shown}
        return {"tenant_id": self.tenant_id, "systems": systems}


def demo(settings: Settings) -> list[DemoTenant]:
    """Two tenants, so that whatever crosses from one to the other can be seen."""
    return [
        DemoTenant(tenant_id, region, {it.name: it.draw(settings, number) for it in demo_accounts.ALL})
        for number, (tenant_id, region) in enumerate((("acme", "US"), ("globex", "GB")), start=1)
    ]


def connect(settings: Settings, tenants: list[DemoTenant]) -> list[DemoTenant]:
    """Connects each tenant by the API, acme with the real credentials where there are some; returns
    them with what the answers told of their accounts."""
    for system in demo_accounts.ALL:
        app = system.app({**tenants[0].accounts[system.name], **system.real(settings)})
        if app:
            _keep_app(settings, system.name, app)
    return [
        DemoTenant(tenant.tenant_id, tenant.default_region, {
            system.name: _connect(settings, tenant, system) for system in demo_accounts.ALL
        })
        for tenant in tenants
    ]


def _keep_app(settings: Settings, system: str, app: dict[str, Any]) -> None:
    """Puts our app where the functions look for it, as an operator does on AWS."""
    client = deploy.client(settings, "secretsmanager")
    name, value = f"{APP_SECRETS}/{system}", json.dumps(app)
    try:
        client.create_secret(Name=name, SecretString=value)
    except client.exceptions.ResourceExistsException:
        client.put_secret_value(SecretId=name, SecretString=value)


def _connect(settings: Settings, tenant: DemoTenant, system: demo_accounts.DemoSystem) -> demo_accounts.Account:
    account = tenant.accounts[system.name]
    real = system.real(settings)
    if not _is_connected(tenant, system, real):
        return account
    account = {**account, **real}
    answer = system.connect(_calls(settings, tenant, system), account)
    told = {name: str(answer[name]) for name in ("account_id", "webhook_url") if answer.get(name)}
    return {**account, **told}


def _is_connected(tenant: DemoTenant, system: demo_accounts.DemoSystem, real: demo_accounts.Account) -> bool:
    """The vendor's own service knows no account of the sandbox."""
    return not real or (tenant.tenant_id == "acme" and not system.is_real_app)


def _calls(settings: Settings, tenant: DemoTenant, system: demo_accounts.DemoSystem) -> demo_accounts.Calls:
    bearer = token(settings, tenant.tenant_id, CONNECTIONS_SCOPE)
    url = f"{settings.api_base_url}{system.connection_path}"

    def put(body: dict[str, str]) -> dict[str, Any]:
        body = {"tenant_id": tenant.tenant_id, "default_region": tenant.default_region, **body}
        return call_json(url, body, method="PUT", bearer=bearer)

    def rotate(body: dict[str, str]) -> dict[str, Any]:
        return call_json(f"{url}/rotate", {"tenant_id": tenant.tenant_id, **body}, bearer=bearer)

    def control(path: str, body: dict[str, Any]) -> dict[str, Any]:
        return post_json(f"{settings.sandbox_url}/_control/{path}", body)

    return demo_accounts.Calls(put, rotate, control)


def real_secrets(settings: Settings) -> list[str]:
    """Every real credential that there is."""
    return [value for system in demo_accounts.ALL for value in system.real(settings).values()]


def has_real(settings: Settings, name: str) -> bool:
    """Whether there are real credentials of a system."""
    return any(system.real(settings) for system in demo_accounts.ALL if system.name == name)


def enter_addresses(settings: Settings, tenants: list[DemoTenant]) -> None:
    """Has the sandbox told where webhooks go that people enter at the provider, which is known only now. Real
    credentials never go there."""
    for tenant in tenants:
        for system in demo_accounts.ALL:
            if not system.real(settings):
                system.enter_address(_calls(settings, tenant, system), tenant.accounts[system.name])


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
