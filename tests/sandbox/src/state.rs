//! Everything that the sandbox remembers, shared by all handlers.

use std::sync::Arc;

use crate::accounts::{Account, AccountBook};
use crate::aws_tap::Tap;
use crate::calls::CallLog;
use crate::faults::FaultPlan;
use crate::held::HeldEvents;
use crate::oidc::Issuer;
use crate::pause::Pauses;
use crate::rates::Rates;
use crate::traffic::Traffic;
use crate::vendor::{System, Vendors};
use crate::webhooks::Deliveries;

/// The state of one sandbox process.
pub struct SandboxState {
    /// Vendor accounts.
    pub accounts: AccountBook,
    /// The vendors with their objects.
    pub vendors: Vendors,
    /// Requests received.
    pub calls: CallLog,
    /// Faults to come.
    pub faults: FaultPlan,
    /// Rate windows.
    pub rates: Rates,
    /// How hard the accounts were called.
    pub traffic: Traffic,
    /// Waits of faults.
    pub pauses: Pauses,
    /// Webhooks sent.
    pub deliveries: Deliveries,
    /// Webhook events that wait to be sent.
    pub held: HeldEvents,
    /// Token issuer.
    pub issuer: Issuer,
    /// The AWS tap, controlled from here, served on a port of its own.
    pub tap: Arc<Tap>,
}

impl SandboxState {
    /// Adds or replaces an account after the vendor has looked at it.
    pub fn put_account(&self, account: Account) -> Result<(), String> {
        let vendor = self.vendors.get(account.system);
        vendor.check_account(&account)?;
        let put = self.accounts.put(account)?;
        vendor.account_put(&put);
        Ok(())
    }

    /// Clears objects, calls, faults, limits, deliveries and held events; accounts stay.
    pub fn reset(&self, system: Option<System>, account: Option<&str>) {
        for vendor in System::ALL {
            if system.is_none_or(|wanted| wanted == vendor) {
                self.vendors.get(vendor).reset(account);
            }
        }
        self.calls.reset(system, account);
        self.faults.clear(system, account);
        self.rates.reset(system, account);
        self.traffic.reset(system, account);
        self.deliveries.reset(system, account);
        self.held.take(system, account);
        self.pauses.release();
    }
}
