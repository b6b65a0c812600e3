"""What the local cloud must know of a provider to set accounts of it up: one class per system, in
`demo_crms` and `demo_bookings`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable

from infra.local.settings import Settings

Account = dict[str, str]


@dataclass(frozen=True)
class Calls:
    """The calls about one tenant's account of one system; each must succeed, and tells its answer."""

    # Of the API, with a token of the tenant: PUT of the connection, POST of its rotation.
    connect: Callable[[dict[str, str]], dict[str, Any]]
    rotate: Callable[[dict[str, str]], dict[str, Any]]
    # Of the sandbox's control API: its path and a body.
    control: Callable[[str, dict[str, Any]], dict[str, Any]]


class DemoSystem:
    """One provider, as the local cloud sets accounts of it up."""

    name: str
    kind: str
    # What of an account `.local/stack.json` shows besides its id.
    shown: tuple[str, ...] = ()
    # `.env` keys of real credentials, with the member of the account that each one is.
    real_keys: dict[str, str] = {}
    # Whether those are our app's: then nobody is connected by them alone.
    is_real_app: bool = False

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
        """What connects the account, but for the tenant and its region."""
        raise NotImplementedError

    def app(self, account: Account) -> dict[str, Any]:
        """Our own app at the provider, as its secret is stored, out of any tenant's account; empty where there
        is none."""
        return {}

    def connect(self, calls: Calls, account: Account) -> dict[str, Any]:
        """Connects the account; returns what the answer tells."""
        return calls.connect(self.connection(account))

    def enter_address(self, calls: Calls, account: Account) -> None:
        """Enters where webhooks go, if people do so at the provider: that is known only now. Elsewhere the
        connection call has registered it."""
        if "webhook_url" in self.shown:
            calls.control("accounts", {"system": self.name, **self.sandbox_account(account)})

    def real(self, settings: Settings) -> Account:
        """The members of an account that real credentials replace; none without all of them."""
        values = {member: settings.value(key) for key, member in self.real_keys.items()}
        return values if values and all(values.values()) else {}


def with_address(account: Account, members: dict[str, Any]) -> dict[str, Any]:
    """The members of a sandbox account, with the address of its webhooks once that is known, which is after the
    deployment."""
    address = {"webhook_url": account["webhook_url"]} if account.get("webhook_url") else {}
    return {"account": account["account_id"], **members, **address}
