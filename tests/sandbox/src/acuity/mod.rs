//! Acuity Scheduling as its documentation and public code describe it: appointments behind a date
//! window and a cap, thin signed webhooks, two rate limits. Its facts and doubts are in README.md.

mod appointment;
mod business;
mod errors;
mod events;
mod hooks;
mod intake;
mod limits;
mod listing;
mod portal_acts;
mod recording;
mod render;
mod routes;
mod store;
mod users;

use std::sync::Mutex;

use http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::accounts::{Account, AccountBook};
use crate::clock::now;
use crate::lock::locked;
use crate::rates::{Policy, Usage};
use crate::vendor::{
    Answer, Caller, FaultDetails, HookAct, OauthAct, Outcome, PortalOrder, PortalOutcome,
    SignedWebhook, Summary, Vendor, VendorRequest, WebhookOrder,
};
use crate::webhooks::Target;
use business::Business;
pub use business::{AppointmentType, Calendar, EqualStarts};
use errors::Refusal;
use events::Action;
use render::Page;
use routes::{Route, RouteError};
use store::{Office, Offices};

/// Where webhooks come from, for `GET /meta`: this process sends over the loopback.
const WEBHOOK_ORIGINS: [&str; 1] = ["127.0.0.1/32"];

/// The simulated Acuity.
#[derive(Default)]
pub struct Acuity {
    offices: Mutex<Offices>,
}

fn route_of(request: &VendorRequest) -> Result<Route, Refusal> {
    routes::parse(&request.method, &request.path).map_err(|error| match error {
        RouteError::NotFound => Refusal::not_found("path"),
        RouteError::MethodNotAllowed => Refusal::method_not_allowed(),
    })
}

fn found(body: &Value) -> Outcome {
    Outcome::unchanged(Answer::json(StatusCode::OK, body))
}

fn changed(answer: Answer) -> Outcome {
    Outcome { answer, applied: true, events: Vec::new() }
}

fn appointment(
    account: &Account,
    office: &Office,
    request: &VendorRequest,
    id: u64,
    now: Timestamp,
) -> Result<Value, Refusal> {
    let user = users::of_request(account, request)?;
    let appointment = office.appointments.get(&id);
    let appointment = appointment.ok_or_else(|| Refusal::not_found("appointment"))?;
    if !users::may_see(&user, appointment.calendar_id) {
        return Err(Refusal::forbidden());
    }
    let business = Business::of(account).map_err(Refusal::bad_request)?;
    let page = Page { account: &account.account, business: &business, with_forms: true, now };
    Ok(page.row(appointment))
}

impl Acuity {
    fn route(&self, account: &Account, request: &VendorRequest) -> Result<Outcome, Refusal> {
        let route = route_of(request)?;
        let user = users::of_request(account, request)?;
        let mut offices = locked(&self.offices);
        let office = offices.of(&account.account);
        let business = || Business::of(account).map_err(Refusal::bad_request);
        Ok(match route {
            Route::Me => found(&json!({ "id": account.account.parse::<u64>().ok() })),
            Route::Meta => Outcome::unchanged(meta()),
            Route::Calendars => found(&business()?.calendars(&user)),
            Route::AppointmentTypes => found(&business()?.appointment_types()),
            Route::Appointments => found(&listing::list(account, &user, office, request, now())?),
            Route::Appointment(id) => found(&appointment(account, office, request, id, now())?),
            Route::Hooks => found(&hooks::list(office)),
            Route::CreateHook => {
                let made = hooks::create(office, &user, &request.body)?;
                changed(Answer::json(StatusCode::OK, &made))
            }
            Route::DeleteHook(id) => {
                hooks::delete(account, office, &user, id)?;
                changed(Answer::empty(StatusCode::NO_CONTENT))
            }
        })
    }
}

fn meta() -> Answer {
    Answer::json(StatusCode::OK, &json!({ "hooks": WEBHOOK_ORIGINS }))
}

fn check_users(account: &Account) -> Result<(), String> {
    if account.api_key.is_none() {
        return Err("an Acuity account needs `api_key`".to_owned());
    }
    let mut ids = Vec::new();
    for user in account.users() {
        if user.user_id.parse::<u64>().is_err() {
            return Err("a `user_id` is a decimal number such as 12345".to_owned());
        }
        if user.api_key.is_empty() || ids.contains(&user.user_id) {
            return Err("each user needs a `user_id` of their own and an `api_key`".to_owned());
        }
        ids.push(user.user_id);
    }
    Ok(())
}

impl Vendor for Acuity {
    fn check_account(&self, account: &Account) -> Result<(), String> {
        account.account.parse::<u64>().map_err(|_| {
            "an Acuity account is the id of `GET /me`, a decimal number such as 12345".to_owned()
        })?;
        if !account.access_token.is_empty() || account.oauth.is_some() {
            return Err("Acuity is played with `user_id` and `api_key` only".to_owned());
        }
        if account.max_rows == Some(0) {
            return Err("`max_rows` must be at least 1".to_owned());
        }
        let mut told = account.webhook_subscriptions.iter().flatten();
        if let Some(unknown) = told.find(|name| Action::from_name(name).is_none()) {
            return Err(format!("unknown webhook subscription `{unknown}`"));
        }
        check_users(account)?;
        Business::of(account).map(|_| ())
    }

    fn account_put(&self, _: &Account) {}

    fn identify(&self, accounts: &AccountBook, request: &VendorRequest) -> Caller {
        if route_of(request).is_ok_and(|route| route == Route::Meta) {
            return Caller { account: None, settled: Some(meta()) };
        }
        users::identify(accounts, request)
    }

    fn describe(&self, request: &VendorRequest) -> Summary {
        recording::summary(request)
    }

    fn policies(&self, account: &Account, _: &VendorRequest) -> Vec<Policy> {
        limits::policies(account)
    }

    fn all_policies(&self, account: &Account) -> Vec<Policy> {
        limits::policies(account)
    }

    fn over_limit(&self, _: &Policy) -> Answer {
        Refusal::too_many_requests().answer()
    }

    /// The vendor documents none.
    fn limit_headers(&self, _: &Account, _: &[Usage]) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    fn handle(&self, account: &Account, request: &VendorRequest) -> Outcome {
        let outcome = self.route(account, request);
        outcome.unwrap_or_else(|refusal| Outcome::unchanged(refusal.answer()))
    }

    fn error_answer(&self, status: StatusCode, details: &FaultDetails) -> Answer {
        errors::for_status(status, details)
    }

    fn reset(&self, account: Option<&str>) {
        locked(&self.offices).reset(account);
    }

    fn seed(&self, account: &Account, objects: &[Value]) -> Result<Vec<String>, String> {
        let business = Business::of(account)?;
        let mut offices = locked(&self.offices);
        let office = offices.of(&account.account);
        let read = intake::read(&business, office, objects, now())?;
        Ok(office.put_all(read).iter().map(u64::to_string).collect())
    }

    fn generate(&self, account: &Account, order: &Value) -> Result<Vec<String>, String> {
        let order =
            intake::Order::deserialize(order).map_err(|error| format!("generate: {error}"))?;
        order.check()?;
        let business = Business::of(account)?;
        let mut offices = locked(&self.offices);
        let office = offices.of(&account.account);
        let made = order.make(&business, office, now())?;
        Ok(office.put_all(made).iter().map(u64::to_string).collect())
    }

    fn objects(&self, account: &Account, object_type: Option<&str>) -> Result<Vec<Value>, String> {
        if object_type.is_some_and(|name| name != "appointment") {
            return Err("`type` can only be appointment".to_owned());
        }
        let business = Business::of(account)?;
        let mut offices = locked(&self.offices);
        let (account, now) = (account.account.as_str(), now());
        let page = Page { account, business: &business, with_forms: true, now };
        Ok(offices.of(account).appointments.values().map(|one| page.row(one)).collect())
    }

    fn act(&self, account: &Account, order: &PortalOrder) -> Result<PortalOutcome, String> {
        let mut offices = locked(&self.offices);
        portal_acts::run(account, offices.of(&account.account), order, now())
    }

    fn oauth(&self, _: &Account, _: Option<&OauthAct>) -> Result<Value, String> {
        Err("Acuity is played without OAuth".to_owned())
    }

    fn hooks(
        &self,
        account: &Account,
        id: Option<u64>,
        act: Option<&HookAct>,
    ) -> Result<Value, String> {
        let mut offices = locked(&self.offices);
        let office = offices.of(&account.account);
        if let Some(act) = act {
            hooks::act(office, id, act)?;
        }
        Ok(hooks::told(office))
    }

    fn webhook_events(
        &self,
        account: &Account,
        order: &WebhookOrder,
    ) -> Result<Vec<Value>, String> {
        events::ordered(account, locked(&self.offices).of(&account.account), order)
    }

    /// The form has room for one.
    fn events_per_webhook(&self) -> usize {
        1
    }

    fn webhook_target(&self, account: &Account, events: &[Value]) -> Option<Target> {
        events::target(account, locked(&self.offices).of(&account.account), events.first()?)
    }

    /// Only errors of the receiver's server and lost connections; any other answer ends it.
    fn retries_webhook(&self, status: Option<u16>) -> bool {
        status.is_none_or(|status| status >= 500)
    }

    fn sign_webhook(&self, target: &Target, events: &[Value], _: u32) -> SignedWebhook {
        events::sign(target, events.first().unwrap_or(&Value::Null))
    }
}
