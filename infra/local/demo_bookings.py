"""The demo tenants' accounts at the booking systems."""

from __future__ import annotations

import secrets
import urllib.parse
from typing import Any

from infra.local.demo_system import Account, Calls, DemoSystem, with_address
from infra.local.settings import Settings


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


class Square(DemoSystem):
    """Square, by a seller's consent to our one application. Its key signs the webhooks of all sellers."""

    name = "square"
    kind = "booking"
    shown = ("webhook_url", "webhook_secret")
    real_keys = {
        "SQUARE_CLIENT_ID": "client_id",
        "SQUARE_CLIENT_SECRET": "client_secret",
        "SQUARE_REDIRECT_URI": "redirect_uri",
    }
    is_real_app = True

    def __init__(self) -> None:
        self._application = {
            "client_id": f"sq0idp-{secrets.token_urlsafe(16)}",
            "client_secret": f"sq0csp-{secrets.token_urlsafe(32)}",
            "redirect_uri": "https://platform.example.com/square/callback",
            "webhook_secret": secrets.token_urlsafe(16),
        }

    def draw(self, settings: Settings, number: int) -> Account:
        refresh_token = f"EQAAE{secrets.token_urlsafe(40)}"
        return {"account_id": f"MLDEMO000000{number}", "refresh_token": refresh_token, **self._application}

    def sandbox_account(self, account: Account) -> dict[str, Any]:
        members = ("client_id", "client_secret", "redirect_uri", "refresh_token")
        return with_address(account, {
            "oauth": {name: account[name] for name in members},
            "webhook_secret": account["webhook_secret"],
        })

    def app(self, account: Account) -> dict[str, Any]:
        members = ("client_id", "client_secret", "redirect_uri")
        return {**{name: account[name] for name in members}, "webhook_signature_key": account["webhook_secret"]}

    def connection(self, account: Account) -> dict[str, str]:
        return {"auth": "oauth"}

    def connect(self, calls: Calls, account: Account) -> dict[str, Any]:
        """Both steps of a consent, with what a browser would do between them."""
        consent = calls.connect(self.connection(account))
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(consent["authorize_url"]).query)
        code = f"sq0cgp-{secrets.token_urlsafe(16)}"
        calls.control("oauth", {"system": self.name, "account": account["account_id"], "act": "add_code", "code": code})
        return calls.connect({**self.connection(account), "code": code, "state": query["state"][0]})


class Vagaro(DemoSystem):
    """Vagaro, by the id and the secret of a business. The address is entered there, and the token that Vagaro
    shows for it is given to us."""

    name = "vagaro"
    kind = "booking"
    shown = ("domain", "webhook_url", "webhook_secret")
    real_keys = {
        "VAGARO_REGION": "domain",
        "VAGARO_CLIENT_ID": "client_id",
        "VAGARO_CLIENT_SECRET": "client_secret",
    }

    def draw(self, settings: Settings, number: int) -> Account:
        return {
            # Opaque as Vagaro's own are, with all that paths and queries would have to escape.
            "account_id": f"ZGVtbw~YnVzaW5lc3M+{number}/Q==",
            "domain": f"us0{number}",
            "client_id": secrets.token_hex(16),
            "client_secret": secrets.token_hex(32),
            "webhook_secret": secrets.token_urlsafe(32),
        }

    def sandbox_account(self, account: Account) -> dict[str, Any]:
        members = ("client_id", "client_secret", "webhook_secret")
        return with_address(account, {"region": account["domain"], **{name: account[name] for name in members}})

    def connection(self, account: Account) -> dict[str, str]:
        members = ("domain", "client_id", "client_secret")
        return {"auth": "client_credentials", **{name: account[name] for name in members}}

    def enter_address(self, calls: Calls, account: Account) -> None:
        super().enter_address(calls, account)
        calls.rotate({"webhook_secret": account["webhook_secret"]})
