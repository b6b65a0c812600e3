//! Salesforce as its documentation and public clients describe it: contacts, accounts and
//! opportunities behind OAuth without a person, SOQL, collections, duplicate rules, a limit for the
//! day, and webhooks in two forms. Its facts and doubts are in README.md.

mod collections;
mod composite;
mod duplicates;
mod errors;
mod events;
mod ids;
mod lifecycle;
mod limits;
mod oauth;
mod org;
mod orgs;
mod outbound;
mod portal_acts;
mod query;
mod recording;
mod records_api;
mod routes;
mod schema;
mod seed;
mod sobject;
mod store;
mod values;
mod visit;
mod write;

use std::sync::Mutex;

use http::StatusCode;
use serde_json::Value;

use crate::accounts::{Account, AccountBook};
use crate::clock::now_ms;
use crate::lock::locked;
use crate::rates::{Policy, Usage};
use crate::spread::MAX_BATCH;
use crate::vendor::{
    Answer, Caller, FaultDetails, HookAct, OauthAct, Outcome, PortalOrder, PortalOutcome,
    SignedWebhook, Summary, Vendor, VendorRequest, WebhookOrder,
};
use crate::webhooks::Target;
use errors::Refusal;
use oauth::Sessions;
use org::Settings;
pub use org::{AddedField, DuplicateRule, RecordType, Stage};
use orgs::Orgs;
use routes::{Call, Route, RouteError};
use sobject::Sobject;
use visit::{Handled, Visit};

/// What the host of an org shows that isn't there, or that is being maintained.
const MAINTENANCE_PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Maintenance</title></head>\n\
    <body><h1>We are down for maintenance.</h1>\n\
    <p>Sorry for the inconvenience. We'll be back shortly.</p></body></html>\n";

/// The simulated Salesforce.
#[derive(Default)]
pub struct Salesforce {
    orgs: Mutex<Orgs>,
    sessions: Sessions,
}

/// The user that API calls run as.
fn user_id(account: &Account) -> String {
    ids::drawn(Sobject::User.key_prefix(), &account.account, 1)
}

/// The user that acts in the interface.
fn portal_user_id(account: &Account) -> String {
    ids::drawn(Sobject::User.key_prefix(), &account.account, 2)
}

/// What is answered under a domain that no org has.
fn unknown_host() -> Answer {
    Answer::text(StatusCode::NOT_FOUND, "text/html; charset=utf-8", MAINTENANCE_PAGE)
}

fn call_of(request: &VendorRequest) -> Result<Call, Refusal> {
    routes::parse(&request.method, &request.path).map_err(|error| match error {
        RouteError::NotFound => Refusal::not_found(),
        RouteError::MethodNotAllowed(allowed) => Refusal::method_not_allowed(allowed),
    })
}

fn check_access(account: &Account) -> Result<(), String> {
    let domain = account.domain.as_deref().unwrap_or_default();
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if !domain.split('.').all(is_label) || matches!(domain, "login" | "test") {
        return Err("`domain` is what stands before .my.salesforce.com, such as acme".to_owned());
    }
    if account.client_id.is_none() && account.access_token.is_empty() {
        return Err("a Salesforce account needs `client_id` or `access_token`".to_owned());
    }
    if account.public_key_pem.as_deref().is_some_and(|pem| oauth::der(pem).is_none()) {
        return Err("`public_key_pem` is no public key in PEM".to_owned());
    }
    if account.public_key_pem.is_some() && account.username.is_none() {
        return Err("`public_key_pem` needs `username`".to_owned());
    }
    if account.session_lifetime_s.is_some_and(|lifetime_s| lifetime_s <= 0) {
        return Err("`session_lifetime_s` must be at least 1".to_owned());
    }
    Ok(())
}

impl Vendor for Salesforce {
    fn check_account(&self, account: &Account) -> Result<(), String> {
        let id = &account.account;
        if id.len() != 18 || !id.starts_with("00D") || ids::long(id).is_none() {
            return Err("a Salesforce account is the id of an org with 18 characters, 00D first \
                 and the right check characters last"
                .to_owned());
        }
        if account.oauth.is_some() || account.webhook_subscriptions.is_some() {
            return Err("Salesforce is played without `oauth` and `webhook_subscriptions`; see \
                 `client_id` and `username`"
                .to_owned());
        }
        check_access(account)?;
        Settings::of(account).map(|_| ())
    }

    fn account_put(&self, account: &Account) {
        if let Ok(settings) = Settings::of(account) {
            locked(&self.orgs).put(account, settings);
        }
    }

    fn identify(&self, accounts: &AccountBook, request: &VendorRequest) -> Caller {
        let call = routes::parse(&request.method, &request.path);
        let domain = routes::domain(&request.path);
        if let Ok(Call { route: Route::Oauth(_), .. }) = call {
            return oauth::identify(accounts, &domain, request);
        }
        let Some(account) = oauth::account_of_domain(accounts, &domain) else {
            return Caller { account: None, settled: Some(unknown_host()) };
        };
        let token = oauth::bearer(request).unwrap_or_default();
        let settled = if call.is_ok_and(|call| call.route == Route::Versions) {
            Some(visit::versions())
        } else if !self.sessions.use_token(&account, token, now_ms()) {
            Some(Refusal::invalid_session().answer())
        } else if !account.has_scope(&["api", "full"]) {
            Some(Refusal::not_for_rest().answer())
        } else {
            None
        };
        Caller { account: Some(account), settled }
    }

    fn describe(&self, request: &VendorRequest) -> Summary {
        recording::summary(request)
    }

    fn policies(&self, account: &Account, request: &VendorRequest) -> Vec<Policy> {
        let call = routes::parse(&request.method, &request.path);
        let is_free =
            call.is_ok_and(|call| matches!(call.route, Route::Oauth(_) | Route::Versions));
        if is_free { Vec::new() } else { limits::policies(account) }
    }

    fn all_policies(&self, account: &Account) -> Vec<Policy> {
        limits::policies(account)
    }

    fn over_limit(&self, policy: &Policy) -> Answer {
        Refusal::request_limit(policy.name).answer()
    }

    fn limit_headers(&self, _: &Account, usages: &[Usage]) -> Vec<(&'static str, String)> {
        limits::headers(usages)
    }

    fn handle(&self, account: &Account, request: &VendorRequest) -> Outcome {
        self.handle_within(account, request, &[])
    }

    fn handle_within(
        &self,
        account: &Account,
        request: &VendorRequest,
        usages: &[Usage],
    ) -> Outcome {
        let now_ms = now_ms();
        let refused = |refusal: Refusal| Outcome::unchanged(refusal.answer());
        let call = match call_of(request) {
            Ok(call) => call,
            Err(refusal) => return refused(refusal),
        };
        if let Route::Oauth(oauth_call) = call.route {
            let answer = oauth::handle(&self.sessions, account, oauth_call, request, now_ms);
            return Outcome::unchanged(answer);
        }
        let mut orgs = locked(&self.orgs);
        let Some(org) = orgs.get(&account.account) else { return refused(Refusal::not_found()) };
        let handled = Visit { org, account, usages, now_ms }.run(&call, request);
        let changes = org.tables.take_changes();
        drop(orgs);
        match handled {
            Ok((answer, applied)) => {
                Outcome { answer, applied, events: events::of_changes(account, &changes) }
            }
            Err(refusal) => refused(refusal),
        }
    }

    fn error_answer(&self, status: StatusCode, details: &FaultDetails) -> Answer {
        errors::for_status(status, details)
    }

    fn html_page(&self) -> &'static str {
        MAINTENANCE_PAGE
    }

    fn reset(&self, account: Option<&str>) {
        locked(&self.orgs).reset(account);
    }

    fn seed(&self, account: &Account, objects: &[Value]) -> Result<Vec<String>, String> {
        let mut orgs = locked(&self.orgs);
        let org = orgs.get(&account.account).ok_or("no such org")?;
        seed::seed(org, account, objects, now_ms())
    }

    fn generate(&self, _: &Account, _: &Value) -> Result<Vec<String>, String> {
        Err("Salesforce takes `objects` only".to_owned())
    }

    fn objects(&self, account: &Account, object_type: Option<&str>) -> Result<Vec<Value>, String> {
        let sobject = Sobject::from_control_name(object_type.unwrap_or("contact"))?;
        let mut orgs = locked(&self.orgs);
        let org = orgs.get(&account.account).ok_or("no such org")?;
        visit::all_objects(org, account, sobject)
    }

    fn act(&self, account: &Account, order: &PortalOrder) -> Result<PortalOutcome, String> {
        let mut orgs = locked(&self.orgs);
        let org = orgs.get(&account.account).ok_or("no such org")?;
        let done = portal_acts::run(org, account, order, now_ms());
        let changes = org.tables.take_changes();
        drop(orgs);
        Ok(PortalOutcome { ids: done?, events: events::of_changes(account, &changes) })
    }

    fn oauth(&self, account: &Account, act: Option<&OauthAct>) -> Result<Value, String> {
        if let Some(act) = act {
            self.sessions.act(account, act)?;
        }
        Ok(self.sessions.state(account, now_ms()))
    }

    fn hooks(&self, _: &Account, _: Option<u64>, _: Option<&HookAct>) -> Result<Value, String> {
        Err("Salesforce's webhooks are settings of the org: see `webhook_url` and \
             `outbound_message_url`"
            .to_owned())
    }

    fn webhook_events(
        &self,
        account: &Account,
        order: &WebhookOrder,
    ) -> Result<Vec<Value>, String> {
        events::ordered(account, order, now_ms())
    }

    /// An Outbound Message has room for no more; the package's batches are no greater here either.
    fn events_per_webhook(&self) -> usize {
        MAX_BATCH
    }

    fn webhook_requests(&self, events: Vec<Value>) -> Vec<Vec<Value>> {
        events::by_request(events)
    }

    fn webhook_target(&self, account: &Account, events: &[Value]) -> Option<Target> {
        events::target(account, events.first()?)
    }

    /// Both forms are tried again until they are taken.
    fn retries_webhook(&self, _: Option<u16>) -> bool {
        true
    }

    fn takes_webhook(&self, events: &[Value], status: u16, body: &[u8]) -> bool {
        let is_taken = (200..300).contains(&status);
        is_taken && (!events::is_soap(events) || outbound::is_acknowledged(body))
    }

    fn sign_webhook(&self, target: &Target, events: &[Value], _: u32) -> SignedWebhook {
        if !events::is_soap(events) {
            return events::sign(target, events, now_ms());
        }
        let mut orgs = locked(&self.orgs);
        let notifications = orgs.get(&target.account).map(|org| outbound::rendered(org, events));
        outbound::request(&target.account, events, &notifications.unwrap_or_default())
    }
}
