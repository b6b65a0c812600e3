"""The demo tenants' accounts at the providers: for each system how one is drawn, how the sandbox keeps
it, how it is connected, and what real credentials in `.env` take its place.

Tokens, keys and secrets are drawn anew at every start; they live in the sandbox and in Secrets Manager
only. A new system is one class beside the others of its kind and its name in `ALL`.
"""

from __future__ import annotations

from infra.local.demo_bookings import Acuity, Square, Vagaro
from infra.local.demo_crms import Hubspot, Pipedrive, Salesforce
from infra.local.demo_system import Account, Calls, DemoSystem

__all__ = ["ALL", "Account", "Calls", "DemoSystem"]

ALL: tuple[DemoSystem, ...] = (Hubspot(), Salesforce(), Pipedrive(), Acuity(), Square(), Vagaro())
