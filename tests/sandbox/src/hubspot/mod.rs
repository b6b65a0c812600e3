//! HubSpot CRM records as its published documentation describes them. Objects are kept per portal
//! and generically over an object type: another type is a row in `object_types`.

mod account_check;
mod account_info;
mod association_batch;
mod associations;
mod batch;
mod batch_ops;
mod changes;
mod errors;
mod events;
mod limits;
mod links;
mod merging;
mod oauth;
mod object_types;
mod objects;
mod operations;
mod pipelines;
mod portal_acts;
mod property_api;
mod recording;
mod records;
mod render;
mod routes;
mod schema;
mod search;
mod search_filter;
mod seed;
mod signature;
mod store;
mod validate;
mod webhooks;

use std::sync::Mutex;

use http::StatusCode;
use serde_json::Value;

use crate::accounts::{Account, AccountBook, TokenMatch};
use crate::clock::now_ms;
use crate::grants::{Grants, TokenLook};
use crate::lock::locked;
use crate::rates::{Policy, Usage};
use crate::spread::MAX_BATCH;
use crate::vendor::{
    Answer, Caller, FaultDetails, HookAct, OauthAct, Outcome, PortalOrder, PortalOutcome,
    SignedWebhook, Summary, System, Vendor, VendorRequest, WebhookOrder,
};
use crate::webhooks::Target;
use errors::Refusal;
use events::Author;
use object_types::ObjectType;
pub use pipelines::Pipeline;
use routes::{Operation, Route, RouteError, Version};
pub use schema::Definition;
use store::Portals;

/// The simulated HubSpot.
pub struct Hubspot {
    portals: Mutex<Portals>,
    grants: Grants,
}

impl Default for Hubspot {
    fn default() -> Self {
        let look = TokenLook { access_prefix: "CN", refresh_prefix: "na1-" };
        Self { portals: Mutex::default(), grants: Grants::new(System::Hubspot, look) }
    }
}

/// What an operation works with.
struct Context<'a> {
    account: &'a Account,
    request: &'a VendorRequest,
    object_type: &'static ObjectType,
    dated: bool,
    now_ms: i64,
}

/// The result of an operation, and whether it changed anything.
type Handled = Result<(Answer, bool), Refusal>;

impl Hubspot {
    fn route(&self, account: &Account, request: &VendorRequest) -> Result<Outcome, Refusal> {
        let route = routes::parse(&request.method, &request.path).map_err(|error| match error {
            RouteError::NotFound => Refusal::unknown_path(),
            RouteError::MethodNotAllowed => Refusal::method_not_allowed(),
        })?;
        let now_ms = now_ms();
        let (answer, applied) = match route {
            Route::Objects { object_type, version, operation } => {
                let dated = version == Version::Dated;
                let context = Context { account, request, object_type, dated, now_ms };
                return self.operate(&context, &operation);
            }
            Route::Properties { object_type, call, .. } => {
                property_api::check_scopes(account, object_type, &call)?;
                let mut portals = locked(&self.portals);
                let table = portals.table(&account.account, object_type);
                property_api::run(request, table, &call, now_ms)?
            }
            Route::Pipelines(_, id) => {
                need_scopes(account, &[object_types::DEAL.read_scope])?;
                pipelines::read(account, id.as_deref())?
            }
            Route::AccountDetails => (account_info::details(account)?, false),
            Route::Tokens(call) => {
                // Errors of this endpoint have a shape of their own and are answers here.
                let handled = oauth::handle(&self.grants, account, call, request, now_ms);
                (handled.unwrap_or_else(|refused| *refused), false)
            }
        };
        Ok(Outcome { answer, applied, events: Vec::new() })
    }

    /// The changes are taken under the lock under which they are made, so that each call tells of
    /// its own only.
    fn operate(&self, context: &Context<'_>, operation: &Operation) -> Result<Outcome, Refusal> {
        let account = context.account;
        need_scopes(account, &operation.scopes(context.object_type))?;
        let mut portals = locked(&self.portals);
        let portal = portals.portal(&account.account);
        let handled = operations::run(context, portal, operation);
        let changes = portal.take_changes();
        drop(portals);
        let (answer, applied) = handled?;
        let events = events::of_changes(account, &changes, Author::App);
        Ok(Outcome { answer, applied, events })
    }

    fn token_match(&self, accounts: &AccountBook, token: &str) -> TokenMatch {
        let now_ms = now_ms();
        let by_entry = accounts.by_token(System::Hubspot, token, now_ms);
        if !matches!(by_entry, TokenMatch::Unknown) {
            return by_entry;
        }
        match self.grants.by_access_token(accounts, token) {
            None => TokenMatch::Unknown,
            Some((account, expires_at_ms)) if expires_at_ms <= now_ms => {
                TokenMatch::Expired(account, expires_at_ms)
            }
            Some((account, _)) => TokenMatch::Valid(account),
        }
    }
}

/// The token must hold all of them.
fn need_scopes(account: &Account, scopes: &[&'static str]) -> Result<(), Refusal> {
    match scopes.iter().find(|needed| !account.has_scope(&[needed])) {
        Some(missing) => Err(Refusal::missing_scopes(&[missing])),
        None => Ok(()),
    }
}

fn bearer_token(request: &VendorRequest) -> Option<&str> {
    let (scheme, token) = request.header("authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl Vendor for Hubspot {
    fn check_account(&self, account: &Account) -> Result<(), String> {
        account_check::check(account)
    }

    fn account_put(&self, account: &Account) {
        if let Ok(presets) = account_check::presets(account) {
            locked(&self.portals).preset(&account.account, presets);
        }
    }

    fn identify(&self, accounts: &AccountBook, request: &VendorRequest) -> Caller {
        if let Ok(Route::Tokens(call)) = routes::parse(&request.method, &request.path) {
            return oauth::identify(&self.grants, accounts, call, request);
        }
        let found = bearer_token(request)
            .map_or(TokenMatch::Unknown, |token| self.token_match(accounts, token));
        match found {
            TokenMatch::Valid(account) => Caller { account: Some(account), settled: None },
            TokenMatch::Expired(account, expiry_ms) => Caller {
                account: Some(account),
                settled: Some(Refusal::expired_token(expiry_ms).answer()),
            },
            TokenMatch::Unknown => {
                Caller { account: None, settled: Some(Refusal::invalid_token().answer()) }
            }
        }
    }

    fn describe(&self, request: &VendorRequest) -> Summary {
        recording::summary(request)
    }

    fn policies(&self, account: &Account, request: &VendorRequest) -> Vec<Policy> {
        limits::policies(account, routes::parse(&request.method, &request.path).ok().as_ref())
    }

    fn all_policies(&self, account: &Account) -> Vec<Policy> {
        limits::all(account)
    }

    fn over_limit(&self, policy: &Policy) -> Answer {
        Refusal::rate_limited(policy.name).answer()
    }

    fn limit_headers(&self, account: &Account, usages: &[Usage]) -> Vec<(&'static str, String)> {
        limits::headers(account, usages)
    }

    fn handle(&self, account: &Account, request: &VendorRequest) -> Outcome {
        let outcome = self.route(account, request);
        outcome.unwrap_or_else(|refusal| Outcome::unchanged(refusal.answer()))
    }

    fn error_answer(&self, status: StatusCode, details: &FaultDetails) -> Answer {
        errors::for_status(status, details)
    }

    fn reset(&self, account: Option<&str>) {
        locked(&self.portals).reset(account);
    }

    fn seed(&self, account: &Account, objects: &[Value]) -> Result<Vec<String>, String> {
        seed::seed(&mut locked(&self.portals), &account.account, objects, now_ms())
    }

    fn generate(&self, _: &Account, _: &Value) -> Result<Vec<String>, String> {
        Err("HubSpot takes `objects` only".to_owned())
    }

    fn objects(&self, account: &Account, object_type: Option<&str>) -> Result<Vec<Value>, String> {
        let name = object_type.unwrap_or("contact");
        let object_type =
            ObjectType::from_name(name).ok_or_else(|| format!("unknown object type `{name}`"))?;
        let mut portals = locked(&self.portals);
        let table = portals.table(&account.account, object_type);
        Ok(table.all().map(render::whole).collect())
    }

    fn act(&self, account: &Account, order: &PortalOrder) -> Result<PortalOutcome, String> {
        let mut portals = locked(&self.portals);
        let portal = portals.portal(&account.account);
        let done = portal_acts::run(portal, account, order, now_ms());
        let changes = portal.take_changes();
        drop(portals);
        Ok(PortalOutcome {
            ids: done?,
            events: events::of_changes(account, &changes, Author::User),
        })
    }

    fn oauth(&self, account: &Account, act: Option<&OauthAct>) -> Result<Value, String> {
        if let Some(act) = act {
            self.grants.act(account, act, now_ms());
        }
        let state = self.grants.state(account, now_ms());
        state.ok_or_else(|| "the account has no `oauth`".to_owned())
    }

    fn webhook_events(
        &self,
        account: &Account,
        order: &WebhookOrder,
    ) -> Result<Vec<Value>, String> {
        webhooks::events(&mut locked(&self.portals), account, order, now_ms())
    }

    fn hooks(&self, _: &Account, _: Option<u64>, _: Option<&HookAct>) -> Result<Value, String> {
        Err("HubSpot's webhooks are settings of the app: see `webhook_url`".to_owned())
    }

    fn events_per_webhook(&self) -> usize {
        MAX_BATCH
    }

    fn webhook_target(&self, account: &Account, _: &[Value]) -> Option<Target> {
        Target::of(account)
    }

    /// HubSpot tries again after every answer but a success.
    fn retries_webhook(&self, _: Option<u16>) -> bool {
        true
    }

    fn sign_webhook(&self, target: &Target, events: &[Value], attempt: u32) -> SignedWebhook {
        webhooks::sign(target, events, attempt, now_ms())
    }
}
