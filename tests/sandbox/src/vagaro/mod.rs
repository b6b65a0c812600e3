//! Vagaro as its thin documentation and public code describe it: tokens of an hour, appointments by
//! id or customer and never by date, results and refusals in one envelope, webhooks that tell whole
//! appointments under a static token. Its facts and doubts are in README.md.

mod appointment;
mod callers;
mod customer;
mod errors;
mod events;
mod export;
mod generated;
mod hooks;
mod ids;
mod intake;
mod limits;
mod members;
mod portal_acts;
mod reads;
mod recording;
mod routes;
mod settings;
mod store;
mod tokens;

use std::sync::Mutex;

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::accounts::{Account, AccountBook};
use crate::clock::{now, now_ms};
use crate::lock::locked;
use crate::rates::{Policy, Usage};
use crate::vendor::{
    Answer, Caller, FaultDetails, HookAct, OauthAct, Outcome, PortalOrder, PortalOutcome,
    SignedWebhook, Summary, Vendor, VendorRequest, WebhookOrder,
};
use crate::webhooks::Target;
pub use errors::Statuses;
use errors::{Refusal, found};
pub use export::csv;
use generated::Order;
use intake::RecordType;
use routes::{Route, RouteError};
pub use settings::Location;
use store::{Draft, Merchant, Merchants};
use tokens::Tokens;

/// The simulated Vagaro.
#[derive(Default)]
pub struct Vagaro {
    merchants: Mutex<Merchants>,
    tokens: Tokens,
}

fn is_for_token(request: &VendorRequest) -> bool {
    routes::parse(&request.method, &request.path).is_ok_and(|call| call.route == Route::Token)
}

/// Lets an order draft what it wants, and takes all of it over, or nothing.
fn drafted<T>(
    account: &Account,
    merchant: &mut Merchant,
    order: impl FnOnce(&mut Draft<'_>) -> Result<T, String>,
) -> Result<T, String> {
    let mut draft = Draft::of(merchant, &account.account);
    let done = order(&mut draft)?;
    let changes = draft.into_changes();
    merchant.apply(changes);
    Ok(done)
}

impl Vagaro {
    fn route(&self, account: &Account, request: &VendorRequest) -> Result<Answer, Refusal> {
        let call = routes::parse(&request.method, &request.path).map_err(|error| match error {
            RouteError::NotFound => Refusal::not_found(),
            RouteError::MethodNotAllowed => Refusal::method_not_allowed(),
        })?;
        let mut merchants = locked(&self.merchants);
        let merchant = merchants.of(&account.account);
        Ok(match call.route {
            Route::Token => callers::mint(&self.tokens, account, request, now_ms())?,
            Route::Locations => found(&reads::all_locations(account)),
            Route::Appointments => found(&reads::appointments(merchant, request)?),
            Route::Customers => found(&reads::customers(account, merchant, request)?),
        })
    }
}

impl Vendor for Vagaro {
    fn check_account(&self, account: &Account) -> Result<(), String> {
        settings::check(account)?;
        hooks::check_room(locked(&self.merchants).of(&account.account), account)
    }

    fn account_put(&self, account: &Account) {
        hooks::put_of_entry(locked(&self.merchants).of(&account.account), account);
    }

    fn identify(&self, accounts: &AccountBook, request: &VendorRequest) -> Caller {
        callers::identify(accounts, &self.tokens, request, now_ms())
    }

    fn describe(&self, request: &VendorRequest) -> Summary {
        recording::summary(request)
    }

    fn policies(&self, account: &Account, request: &VendorRequest) -> Vec<Policy> {
        if is_for_token(request) { Vec::new() } else { limits::policies(account) }
    }

    fn all_policies(&self, account: &Account) -> Vec<Policy> {
        limits::policies(account)
    }

    fn over_limit(&self, _: &Policy) -> Answer {
        Refusal::rate_limit().plain()
    }

    fn refuse(&self, account: &Account, _: &VendorRequest, _: &Policy) -> Answer {
        Refusal::rate_limit().answer(account)
    }

    /// The vendor documents none.
    fn limit_headers(&self, _: &Account, _: &[Usage]) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    fn handle(&self, account: &Account, request: &VendorRequest) -> Outcome {
        let answer = self.route(account, request);
        Outcome::unchanged(answer.unwrap_or_else(|refusal| refusal.answer(account)))
    }

    fn error_answer(&self, status: StatusCode, details: &FaultDetails) -> Answer {
        errors::for_status(status, details)
    }

    fn reset(&self, account: Option<&str>) {
        locked(&self.merchants).reset(account);
    }

    fn seed(&self, account: &Account, objects: &[Value]) -> Result<Vec<String>, String> {
        let mut merchants = locked(&self.merchants);
        drafted(account, merchants.of(&account.account), |draft| {
            intake::read(draft, account, objects, now())
        })
    }

    fn generate(&self, account: &Account, order: &Value) -> Result<Vec<String>, String> {
        let order = Order::deserialize(order).map_err(|error| format!("generate: {error}"))?;
        order.check()?;
        let mut merchants = locked(&self.merchants);
        drafted(account, merchants.of(&account.account), |draft| order.make(draft, account, now()))
    }

    /// Appointments have their `customer` besides, which no answer of the vendor's has.
    fn objects(&self, account: &Account, object_type: Option<&str>) -> Result<Vec<Value>, String> {
        let mut merchants = locked(&self.merchants);
        let merchant = merchants.of(&account.account);
        let customers = &merchant.customers;
        let customer = |id: &String| customers.get(id).map(|one| one.row(&account.account));
        Ok(match RecordType::from_name(object_type)? {
            RecordType::Customer => customers.values().map(|it| it.row(&account.account)).collect(),
            RecordType::Appointment => {
                let rows = merchant.appointments.values().map(|appointment| {
                    let mut row = appointment.row();
                    row["customer"] =
                        appointment.customer_id.as_ref().and_then(customer).unwrap_or_default();
                    row
                });
                rows.collect()
            }
        })
    }

    fn act(&self, account: &Account, order: &PortalOrder) -> Result<PortalOutcome, String> {
        portal_acts::run(account, locked(&self.merchants).of(&account.account), order, now())
    }

    fn oauth(&self, account: &Account, act: Option<&OauthAct>) -> Result<Value, String> {
        if let Some(act) = act {
            self.tokens.act(account, act, now_ms())?;
        }
        Ok(self.tokens.state(account, now_ms()))
    }

    fn hooks(
        &self,
        account: &Account,
        id: Option<u64>,
        act: Option<&HookAct>,
    ) -> Result<Value, String> {
        let mut merchants = locked(&self.merchants);
        let merchant = merchants.of(&account.account);
        if let Some(act) = act {
            hooks::act(merchant, id, act)?;
        }
        Ok(hooks::told(merchant))
    }

    fn webhook_events(
        &self,
        account: &Account,
        order: &WebhookOrder,
    ) -> Result<Vec<Value>, String> {
        events::ordered(account, locked(&self.merchants).of(&account.account), order)
    }

    /// The envelope has room for one.
    fn events_per_webhook(&self) -> usize {
        1
    }

    fn webhook_target(&self, account: &Account, events: &[Value]) -> Option<Target> {
        events::target(account, locked(&self.merchants).of(&account.account), events.first()?)
    }

    fn retries_webhook(&self, status: Option<u16>) -> bool {
        events::is_tried_again(status)
    }

    fn webhook_retries_ms(&self) -> Option<&'static [u64]> {
        Some(&events::RETRIES_MS)
    }

    fn webhook_tried(&self, target: &Target, events: &[Value], attempt: u32, status: Option<u16>) {
        let mut merchants = locked(&self.merchants);
        let merchant = merchants.of(&target.account);
        for lost in events.iter().filter_map(|event| events::dropped(event, attempt, status)) {
            merchant.note_dropped(lost);
        }
    }

    fn sign_webhook(&self, target: &Target, events: &[Value], _: u32) -> SignedWebhook {
        events::request(&target.secret, events.first().unwrap_or(&Value::Null))
    }
}
