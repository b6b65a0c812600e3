//! HubSpot CRM records as its published documentation describes them. Objects are kept per portal
//! and generically over an object type: another type is a row in `object_types`.

mod account_info;
mod batch;
mod batch_ops;
mod errors;
mod limits;
mod object_types;
mod objects;
mod recording;
mod render;
mod routes;
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
use crate::lock::locked;
use crate::rates::{Policy, Usage};
use crate::vendor::{
    Answer, Caller, FaultDetails, Outcome, SignedWebhook, Summary, System, Vendor, VendorRequest,
    WebhookOrder,
};
use errors::Refusal;
use object_types::ObjectType;
use routes::{Operation, Route, RouteError};
use store::{Portals, Table};

/// The simulated HubSpot.
#[derive(Default)]
pub struct Hubspot {
    portals: Mutex<Portals>,
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
    fn route(&self, account: &Account, request: &VendorRequest) -> Handled {
        let route = routes::parse(&request.method, &request.path).map_err(|error| match error {
            RouteError::NotFound => Refusal::unknown_path(),
            RouteError::MethodNotAllowed => Refusal::method_not_allowed(),
        })?;
        let Route::Objects { object_type, dated, operation } = route else {
            return Ok((account_info::details(account)?, false));
        };
        let needed = operation.scope(object_type);
        if !account.has_scope(&[needed]) {
            return Err(Refusal::missing_scopes(&[needed]));
        }
        let context = Context { account, request, object_type, dated, now_ms: now_ms() };
        let mut portals = locked(&self.portals);
        let table = portals.table(&account.account, object_type);
        run(&context, table, &operation)
    }
}

fn run(context: &Context<'_>, table: &mut Table, operation: &Operation) -> Handled {
    match operation {
        Operation::Create => objects::create(context, table),
        Operation::List => objects::list(context, table),
        Operation::Read(id) => objects::read(context, table, id),
        Operation::Update(id) => objects::update(context, table, id),
        Operation::Archive(id) => objects::archive(context, table, id),
        Operation::BatchCreate => batch_ops::create(context, table),
        Operation::BatchRead => batch_ops::read(context, table),
        Operation::BatchUpdate => batch_ops::update(context, table),
        Operation::BatchUpsert => batch_ops::upsert(context, table),
        Operation::BatchArchive => batch_ops::archive(context, table),
        Operation::Search => search::search(context, table),
    }
}

fn bearer_token(request: &VendorRequest) -> Option<&str> {
    let (scheme, token) = request.header("authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl Vendor for Hubspot {
    fn check_account(&self, account: &Account) -> Result<(), String> {
        account.account.parse::<u32>().map(|_| ()).map_err(|_| {
            "a HubSpot account is a portal id, a decimal number such as 62515001".to_owned()
        })
    }

    fn identify(&self, accounts: &AccountBook, request: &VendorRequest) -> Caller {
        let found = bearer_token(request).map_or(TokenMatch::Unknown, |token| {
            accounts.by_token(System::Hubspot, token, now_ms())
        });
        match found {
            TokenMatch::Valid(account) => Caller { account: Some(account), refusal: None },
            TokenMatch::Expired(account, expiry_ms) => Caller {
                account: Some(account),
                refusal: Some(Refusal::expired_token(expiry_ms).answer()),
            },
            TokenMatch::Unknown => {
                Caller { account: None, refusal: Some(Refusal::invalid_token().answer()) }
            }
        }
    }

    fn describe(&self, request: &VendorRequest) -> Summary {
        recording::summary(request)
    }

    fn policies(&self, account: &Account, request: &VendorRequest) -> Vec<Policy> {
        let is_search = matches!(
            routes::parse(&request.method, &request.path),
            Ok(Route::Objects { operation: Operation::Search, .. })
        );
        limits::policies(account, is_search)
    }

    fn over_limit(&self, policy: &Policy) -> Answer {
        Refusal::rate_limited(policy.name).answer()
    }

    fn limit_headers(&self, usages: &[Usage]) -> Vec<(&'static str, String)> {
        limits::headers(usages)
    }

    fn handle(&self, account: &Account, request: &VendorRequest) -> Outcome {
        match self.route(account, request) {
            Ok((answer, applied)) => Outcome { answer, applied },
            Err(refusal) => Outcome::unchanged(refusal.answer()),
        }
    }

    fn error_answer(&self, status: StatusCode, details: &FaultDetails) -> Answer {
        errors::for_status(status, details)
    }

    fn reset(&self, account: Option<&str>) {
        locked(&self.portals).reset(account);
    }

    fn seed(&self, account: &str, objects: &[Value]) -> Result<Vec<String>, String> {
        seed::seed(&mut locked(&self.portals), account, objects, now_ms())
    }

    fn objects(&self, account: &str, object_type: Option<&str>) -> Result<Vec<Value>, String> {
        let name = object_type.unwrap_or("contact");
        let object_type =
            ObjectType::from_name(name).ok_or_else(|| format!("unknown object type `{name}`"))?;
        let mut portals = locked(&self.portals);
        let table = portals.table(account, object_type);
        Ok(table.all().map(render::whole).collect())
    }

    fn webhook_events(
        &self,
        account: &Account,
        order: &WebhookOrder,
    ) -> Result<Vec<Value>, String> {
        webhooks::events(&mut locked(&self.portals), account, order, now_ms())
    }

    fn sign_webhook(
        &self,
        secret: &str,
        url: &str,
        events: &[Value],
        attempt: u32,
    ) -> SignedWebhook {
        webhooks::sign(secret, url, events, attempt, now_ms())
    }
}
