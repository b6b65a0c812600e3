//! Square Appointments as its documentation, its published specification and SDKs describe it:
//! bookings behind windows of 31 days and cursors, customers apart from them, whole objects in
//! signed webhooks, OAuth with and without a secret. Its facts and doubts are in README.md.

mod access;
mod booking;
mod customer;
mod customer_acts;
mod errors;
mod events;
mod generate;
mod intake;
mod limits;
mod listing;
mod oauth;
mod portal_acts;
mod reads;
mod recording;
mod routes;
mod segments;
mod seller;
mod store;

use std::sync::Mutex;

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::accounts::{Account, AccountBook};
use crate::clock::{now, now_ms};
use crate::grants::{Grants, TokenLook};
use crate::lock::locked;
use crate::rates::{Policy, Usage};
use crate::vendor::{
    Answer, Caller, FaultDetails, HookAct, OauthAct, Outcome, PortalOrder, PortalOutcome,
    SignedWebhook, Summary, System, Vendor, VendorRequest, WebhookOrder,
};
use crate::webhooks::Target;
use access::Level;
use errors::Refusal;
use routes::{Route, RouteError};
use seller::Seller;
pub use seller::SellerEntry;
use store::Shops;

/// The simulated Square.
pub struct Square {
    shops: Mutex<Shops>,
    grants: Grants,
}

impl Default for Square {
    fn default() -> Self {
        let look = TokenLook { access_prefix: "EAAA", refresh_prefix: "EQAA" };
        Self { shops: Mutex::default(), grants: Grants::new(System::Square, look) }
    }
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

fn broken_entry(reason: String) -> Refusal {
    Refusal::bad_request("BAD_REQUEST", "account", reason)
}

impl Square {
    fn route(&self, account: &Account, request: &VendorRequest) -> Result<Outcome, Refusal> {
        let route = route_of(request)?;
        access::check_version(&route, request)?;
        access::check_scope(account, &route)?;
        let seller = Seller::of(account).map_err(broken_entry)?;
        let most = seller.entry.bulk_max;
        let mut shops = locked(&self.shops);
        let shop = shops.of(&account.account);
        let body = match &route {
            Route::Token => {
                return oauth::token(&self.grants, account, request, now_ms()).map(changed);
            }
            Route::Revoke => {
                return Ok(changed(oauth::revoke(&self.grants, account, request, now_ms())));
            }
            Route::TokenStatus => {
                return Ok(Outcome::unchanged(oauth::status(&self.grants, account, request)));
            }
            Route::Bookings => {
                let level = Level::of_call(account)?;
                let page = listing::list(account, &seller, shop, level, request, now())?;
                let events = portal_acts::page_read(account, shop, now());
                return Ok(Outcome { events, ..found(&page) });
            }
            Route::Booking(id) => reads::booking(shop, Level::of_call(account)?, id)?,
            Route::BulkBookings => {
                reads::bulk_bookings(shop, Level::of_call(account)?, &request.body, most)?
            }
            Route::BookingProfile => seller.booking_profile(),
            Route::Customer(id) => reads::customer(shop, id)?,
            Route::BulkCustomers => reads::bulk_customers(shop, &request.body, most)?,
            Route::Locations => seller.locations(),
            Route::Merchant(id) if *id == account.account || id == "me" => seller.merchant(),
            Route::Merchant(_) => return Err(Refusal::not_found("merchant")),
        };
        Ok(found(&body))
    }
}

fn check_credentials(account: &Account) -> Result<(), String> {
    let app = account.oauth.as_ref();
    if account.access_token.is_empty() && app.is_none() {
        return Err("a Square account needs `access_token` or `oauth`".to_owned());
    }
    if app.is_some_and(|app| app.refresh_token.is_empty() || app.client_id.is_empty()) {
        return Err("`oauth` needs `client_id` and `refresh_token`".to_owned());
    }
    if account.users().next().is_some() {
        return Err("Square has tokens, no `api_key` and no `users`".to_owned());
    }
    Ok(())
}

impl Vendor for Square {
    fn check_account(&self, account: &Account) -> Result<(), String> {
        let is_taken =
            |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
        if account.account.len() > 191 || !account.account.chars().all(is_taken) {
            return Err("a Square account is a merchant id such as MLEFBHHSJGVHD".to_owned());
        }
        check_credentials(account)?;
        if account.max_rows == Some(0) || account.square.bulk_max == 0 {
            return Err("`max_rows` and `bulk_max` must be at least 1".to_owned());
        }
        let mut told = account.webhook_subscriptions.iter().flatten();
        if let Some(unknown) = told.find(|name| !events::is_known(name)) {
            return Err(format!("unknown webhook subscription `{unknown}`"));
        }
        Seller::of(account)?;
        let mut customers = account.square.customers.iter();
        customers.try_for_each(|members| intake::standing(members, now()).map(drop))
    }

    fn account_put(&self, account: &Account) {
        let customers = account.square.customers.iter();
        let standing = customers.filter_map(|members| intake::standing(members, now()).ok());
        let mut shops = locked(&self.shops);
        let shop = shops.of(&account.account);
        shop.standing = standing.collect();
        shop.put_customers(shop.standing.clone());
    }

    fn identify(&self, accounts: &AccountBook, request: &VendorRequest) -> Caller {
        match route_of(request) {
            Ok(Route::Token) => oauth::identify_token(&self.grants, accounts, request),
            Ok(Route::Revoke) => oauth::identify_revoke(&self.grants, accounts, request),
            Ok(Route::TokenStatus) => {
                // Of a token that is over nothing more is said.
                let caller = access::identify(&self.grants, accounts, request, now_ms());
                let refused = || Refusal::unauthorized().answer();
                Caller { settled: caller.settled.map(|_| refused()), ..caller }
            }
            Ok(_) | Err(_) => access::identify(&self.grants, accounts, request, now_ms()),
        }
    }

    fn describe(&self, request: &VendorRequest) -> Summary {
        recording::summary(request)
    }

    fn policies(&self, account: &Account, request: &VendorRequest) -> Vec<Policy> {
        limits::policies_of(account, route_of(request).ok().as_ref())
    }

    fn all_policies(&self, account: &Account) -> Vec<Policy> {
        limits::policies(account)
    }

    fn over_limit(&self, _: &Policy) -> Answer {
        Refusal::rate_limited().answer()
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
        locked(&self.shops).reset(account);
    }

    fn seed(&self, account: &Account, objects: &[Value]) -> Result<Vec<String>, String> {
        let seller = Seller::of(account)?;
        let mut shops = locked(&self.shops);
        let shop = shops.of(&account.account);
        let read = intake::read(&seller, shop, objects, now())?;
        Ok(read.put(shop))
    }

    fn generate(&self, account: &Account, order: &Value) -> Result<Vec<String>, String> {
        let order =
            generate::Order::deserialize(order).map_err(|error| format!("generate: {error}"))?;
        order.check()?;
        let seller = Seller::of(account)?;
        let mut shops = locked(&self.shops);
        let shop = shops.of(&account.account);
        let made = order.make(&seller, shop, now())?;
        Ok(made.put(shop))
    }

    /// Bookings have their customer in them here, which the API doesn't.
    fn objects(&self, account: &Account, object_type: Option<&str>) -> Result<Vec<Value>, String> {
        let mut shops = locked(&self.shops);
        let shop = shops.of(&account.account);
        match object_type {
            Some("customer") => Ok(shop.customers.values().map(|one| one.rendered()).collect()),
            None | Some("booking" | "appointment") => {
                let bookings = shop.bookings.values().map(|booking| {
                    let mut row = booking.rendered(true);
                    let id = booking.customer_id.as_ref();
                    let customer = id.and_then(|id| shop.customers.get(id));
                    row["customer"] = json!(customer.map(|one| one.rendered()));
                    row
                });
                Ok(bookings.collect())
            }
            Some(_) => Err("`type` can only be booking, appointment or customer".to_owned()),
        }
    }

    fn act(&self, account: &Account, order: &PortalOrder) -> Result<PortalOutcome, String> {
        let mut shops = locked(&self.shops);
        portal_acts::run(account, shops.of(&account.account), order, now())
    }

    fn oauth(&self, account: &Account, act: Option<&OauthAct>) -> Result<Value, String> {
        if let Some(act) = act {
            self.grants.act(account, act, now_ms());
        }
        let state = self.grants.state(account, now_ms());
        state.ok_or_else(|| "the account has no `oauth`".to_owned())
    }

    fn hooks(&self, _: &Account, _: Option<u64>, _: Option<&HookAct>) -> Result<Value, String> {
        Err("Square's webhooks are settings of the app: see `webhook_url`".to_owned())
    }

    fn webhook_events(
        &self,
        account: &Account,
        order: &WebhookOrder,
    ) -> Result<Vec<Value>, String> {
        let mut shops = locked(&self.shops);
        events::ordered(account, shops.of(&account.account), order, now())
    }

    /// The envelope has room for one.
    fn events_per_webhook(&self) -> usize {
        1
    }

    fn webhook_target(&self, account: &Account, _: &[Value]) -> Option<Target> {
        events::target(account)
    }

    /// Square tries again after every answer but a success.
    fn retries_webhook(&self, _: Option<u16>) -> bool {
        true
    }

    fn sign_webhook(&self, target: &Target, events: &[Value], _: u32) -> SignedWebhook {
        events::sign(target, events.first().unwrap_or(&Value::Null))
    }
}
