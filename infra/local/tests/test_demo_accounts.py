"""The demo tenants are connected as people would do it, and real credentials go nowhere else."""

from __future__ import annotations

import unittest
from typing import Any
from unittest import mock

from infra.local import demo_accounts, tenants
from infra.local.settings import Port, Settings

CONSENT = {"authorize_url": "http://sandbox/square/oauth2/authorize?client_id=c&state=s.1%2B2&session=false"}
CONNECTED = {"account_id": "MLDEMO0000001", "webhook_url": "http://api/webhooks/booking/square"}


def settings(**dotenv: str) -> Settings:
    """Settings without an environment of their own."""
    ports = [Port(role, role.upper(), number) for role, number in (("aws", 1), ("sandbox", 2), ("tap", 3))]
    return Settings(*ports, dotenv=dotenv)


def system(name: str) -> demo_accounts.DemoSystem:
    """The system of that name."""
    return next(it for it in demo_accounts.ALL if it.name == name)


class Recorded:
    """Calls that are written down in their order, with scripted answers to connecting."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.made: list[tuple[str, dict[str, Any]]] = []
        self._answers = list(answers)

    def calls(self) -> demo_accounts.Calls:
        """As the systems take them."""
        return demo_accounts.Calls(self._connect, lambda body: self._note("rotate", body), self._note)

    def _connect(self, body: dict[str, str]) -> dict[str, Any]:
        self._note("connect", body)
        return self._answers.pop(0)

    def _note(self, what: str, body: dict[str, Any]) -> dict[str, Any]:
        self.made.append((what, body))
        return {}


class DemoAccountsTest(unittest.TestCase):
    """What each system does to be connected."""

    def test_square_gives_a_consent_between_its_two_calls(self) -> None:
        square = system("square")
        account = square.draw(settings(), 1)
        recorded = Recorded(CONSENT, CONNECTED)
        self.assertEqual(square.connect(recorded.calls(), account), CONNECTED)
        (first, begin), (second, consent), (third, finish) = recorded.made
        self.assertEqual([first, second, third], ["connect", "oauth", "connect"])
        self.assertEqual(begin, {"auth": "oauth"})
        self.assertEqual((consent["account"], consent["act"]), (account["account_id"], "add_code"))
        self.assertEqual(finish, {"auth": "oauth", "code": consent["code"], "state": "s.1+2"})

    def test_square_has_one_application_for_all_tenants_and_a_grant_for_each(self) -> None:
        square = system("square")
        one, other = (square.draw(settings(), number) for number in (1, 2))
        self.assertEqual(square.app(one), square.app(other))
        self.assertNotEqual(one["refresh_token"], other["refresh_token"])
        self.assertNotEqual(one["account_id"], other["account_id"])
        entry = square.sandbox_account(one)
        self.assertEqual(entry["oauth"]["client_secret"], square.app(one)["client_secret"])
        self.assertEqual(entry["webhook_secret"], square.app(one)["webhook_signature_key"])

    def test_vagaro_gives_the_token_after_the_address_was_entered(self) -> None:
        vagaro = system("vagaro")
        account = vagaro.draw(settings(), 1)
        self.assertNotIn("webhook_secret", vagaro.connection(account))
        self.assertNotIn("webhook_url", vagaro.sandbox_account(account))
        recorded = Recorded()
        vagaro.enter_address(recorded.calls(), {**account, "webhook_url": "http://api/webhooks/booking/vagaro/t"})
        (first, entered), (second, given) = recorded.made
        self.assertEqual([first, second], ["accounts", "rotate"])
        self.assertEqual(entered["webhook_url"], "http://api/webhooks/booking/vagaro/t")
        self.assertEqual(given, {"webhook_secret": entered["webhook_secret"]})

    def test_address_is_entered_only_where_people_enter_it(self) -> None:
        entered = set()
        for it in demo_accounts.ALL:
            recorded = Recorded()
            it.enter_address(recorded.calls(), {**it.draw(settings(), 1), "webhook_url": "http://api/hook"})
            entered |= {it.name for what, _ in recorded.made if what == "accounts"}
        self.assertEqual(entered, {"hubspot", "salesforce", "square", "vagaro"})


class RealCredentialsTest(unittest.TestCase):
    """What becomes of credentials of `.env`."""

    def connections(self, **dotenv: str) -> tuple[list[str], list[str]]:
        """The tenants that are connected to a system, and the bodies that the sandbox is told."""
        given = settings(**dotenv)
        answers = {"access_token": "t", "account_id": "a", "webhook_url": "u", **CONSENT}
        with mock.patch.object(tenants, "call_json", return_value=answers) as call, \
                mock.patch.object(tenants, "_keep_app"), mock.patch.dict("os.environ", clear=True):
            tenants.enter_addresses(given, tenants.connect(given, tenants.demo(given)))
        made = [(each.args[0], each.args[1], each.kwargs.get("method")) for each in call.call_args_list]
        connected = [f"{url.split('/')[-2]} {body['tenant_id']}" for url, body, method in made if method == "PUT"]
        return connected, [str(body) for url, body, _ in made if "/_control/" in url]

    def test_of_a_tenants_account_connect_acme_alone_and_stay_out_of_the_sandbox(self) -> None:
        real = {"VAGARO_REGION": "us07", "VAGARO_CLIENT_ID": "real-id", "VAGARO_CLIENT_SECRET": "real-secret"}
        connected, told = self.connections(**real)
        self.assertIn("vagaro acme", connected)
        self.assertNotIn("vagaro globex", connected)
        self.assertIn("acuity globex", connected)
        self.assertFalse([body for body in told if "real-secret" in body])

    def test_of_an_application_connect_nobody(self) -> None:
        real = {"SQUARE_CLIENT_ID": "i", "SQUARE_CLIENT_SECRET": "real-secret", "SQUARE_REDIRECT_URI": "https://a/cb"}
        connected, told = self.connections(**real)
        self.assertFalse([pair for pair in connected if pair.startswith("square")])
        self.assertFalse([body for body in told if "real-secret" in body])


if __name__ == "__main__":
    unittest.main()
