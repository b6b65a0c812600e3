//! Pipedrive as its documentation and `OpenAPI` describe it: persons, organizations and deals behind
//! v2, webhooks behind v1, prices in tokens, and no signature but Basic credentials. Its facts and
//! doubts are in README.md.

mod access;
mod account_check;
mod call;
mod calls;
mod custom_fields;
mod deals;
mod delivery;
mod drafts;
mod errors;
mod events;
mod field_api;
mod field_types;
mod hook_intake;
mod hooks;
mod limits;
mod listing;
mod me;
mod oauth;
mod object_types;
mod paging;
mod pipelines;
mod portal_acts;
mod recording;
mod records;
mod render;
mod routes;
mod search;
mod seed;
mod store;
mod values;

use std::sync::Mutex;

use http::StatusCode;
use serde_json::Value;

use crate::accounts::{Account, AccountBook};
use crate::clock::{new_uuid, now_ms};
use crate::grants::{Grants, TokenLook};
use crate::lock::locked;
use crate::rates::{Policy, Usage};
use crate::vendor::{
    Answer, Caller, FaultDetails, HookAct, OauthAct, Outcome, PortalOrder, PortalOutcome,
    SignedWebhook, Summary, System, Vendor, VendorRequest, WebhookOrder,
};
use crate::webhooks::Target;
use access::{Credential, credential};
use calls::Context;
pub use custom_fields::FieldEntry;
use errors::Refusal;
use events::Author;
pub use limits::Plan;
use object_types::Object;
use records::Desk;
use routes::{Route, RouteError};
use store::Companies;

/// The simulated Pipedrive.
pub struct Pipedrive {
    companies: Mutex<Companies>,
    grants: Grants,
}

impl Default for Pipedrive {
    fn default() -> Self {
        let look = TokenLook { access_prefix: "v1u:", refresh_prefix: "r1:" };
        Self { companies: Mutex::default(), grants: Grants::new(System::Pipedrive, look) }
    }
}

impl Pipedrive {
    fn route(&self, account: &Account, request: &VendorRequest) -> Result<Outcome, Refusal> {
        let route = routes::parse(&request.method, &request.path).map_err(|error| match error {
            RouteError::NotFound => Refusal::not_found("Path"),
            RouteError::MethodNotAllowed => Refusal::method_not_allowed(),
        })?;
        let (now_ms, mut companies) = (now_ms(), locked(&self.companies));
        let company = companies.of(&account.account);
        match route {
            Route::Oauth(call) => {
                let (answer, is_gone) = oauth::handle(&self.grants, account, call, request, now_ms);
                if is_gone {
                    hooks::uninstall(company);
                }
                Ok(Outcome::unchanged(answer))
            }
            Route::Api(_, call) => {
                let credential = credential(request);
                Context { account, request, credential, now_ms }.run(company, call)
            }
        }
    }

    /// Changes records wholly or not at all.
    fn at_desk<T>(
        &self,
        account: &Account,
        run: impl FnOnce(&mut Desk<'_>) -> Result<T, String>,
    ) -> Result<T, String> {
        let mut companies = locked(&self.companies);
        let company = companies.of(&account.account);
        let before = company.records();
        let done = run(&mut Desk { account, company: &mut *company, now_ms: now_ms() });
        if done.is_err() {
            company.put_records_back(before);
        }
        done
    }
}

impl Vendor for Pipedrive {
    fn check_account(&self, account: &Account) -> Result<(), String> {
        account_check::check(account)
    }

    fn account_put(&self, account: &Account) {
        let mut companies = locked(&self.companies);
        let company = companies.of(&account.account);
        company.webhook_ban_ms = account.webhook_ban_ms;
        for (object, field) in account_check::fields(account).unwrap_or_default() {
            let table = company.table_mut(object);
            if table.field(&field.code).is_none() {
                table.fields.push(field);
            }
        }
    }

    fn identify(&self, accounts: &AccountBook, request: &VendorRequest) -> Caller {
        if let Ok(Route::Oauth(call)) = routes::parse(&request.method, &request.path) {
            return oauth::identify(&self.grants, accounts, call, request);
        }
        access::identify(&self.companies, &self.grants, accounts, request, now_ms())
    }

    fn describe(&self, request: &VendorRequest) -> Summary {
        recording::summary(request)
    }

    fn policies(&self, account: &Account, request: &VendorRequest) -> Vec<Policy> {
        let route = routes::parse(&request.method, &request.path).ok();
        limits::policies(account, route.as_ref(), credential(request), now_ms())
    }

    fn all_policies(&self, account: &Account) -> Vec<Policy> {
        limits::all(account, now_ms())
    }

    fn over_limit(&self, policy: &Policy) -> Answer {
        Refusal::too_many_requests(policy.name).answer()
    }

    fn refuse(&self, account: &Account, request: &VendorRequest, policy: &Policy) -> Answer {
        if credential(request) == Credential::ApiToken {
            let mut companies = locked(&self.companies);
            limits::note_refused(account, companies.of(&account.account), now_ms());
        }
        self.over_limit(policy)
    }

    fn limit_headers(&self, _: &Account, usages: &[Usage]) -> Vec<(&'static str, String)> {
        limits::headers(usages)
    }

    fn handle(&self, account: &Account, request: &VendorRequest) -> Outcome {
        let outcome = self.route(account, request);
        let mut outcome = outcome.unwrap_or_else(|refusal| Outcome::unchanged(refusal.answer()));
        outcome.answer.set_header("x-correlation-id", &new_uuid());
        outcome
    }

    fn error_answer(&self, status: StatusCode, details: &FaultDetails) -> Answer {
        errors::for_status(status, details)
    }

    fn reset(&self, account: Option<&str>) {
        locked(&self.companies).reset(account);
    }

    fn seed(&self, account: &Account, objects: &[Value]) -> Result<Vec<String>, String> {
        self.at_desk(account, |desk| seed::seed(desk, objects))
    }

    fn generate(&self, _: &Account, _: &Value) -> Result<Vec<String>, String> {
        Err("Pipedrive takes `objects` only".to_owned())
    }

    fn objects(&self, account: &Account, object_type: Option<&str>) -> Result<Vec<Value>, String> {
        let name = object_type.unwrap_or("person");
        let object =
            Object::from_name(name).ok_or_else(|| format!("unknown object type `{name}`"))?;
        let mut companies = locked(&self.companies);
        let records = companies.of(&account.account).table(object).records.values();
        let present = records.filter(|record| !record.content.is_deleted);
        Ok(present.map(|record| render::row(record, None)).collect())
    }

    fn act(&self, account: &Account, order: &PortalOrder) -> Result<PortalOutcome, String> {
        self.at_desk(account, |desk| {
            let (ids, changes) = portal_acts::run(desk, order)?;
            let author = Author::User { is_bulk: order.objects.len() > 1 };
            let events = events::of_changes(account, desk.company, &changes, author, desk.now_ms);
            Ok(PortalOutcome { ids: ids.iter().map(u64::to_string).collect(), events })
        })
    }

    fn oauth(&self, account: &Account, act: Option<&OauthAct>) -> Result<Value, String> {
        if let Some(act) = act {
            self.grants.act(account, act, now_ms());
            if *act == OauthAct::Uninstall {
                hooks::uninstall(locked(&self.companies).of(&account.account));
            }
        }
        let state = self.grants.state(account, now_ms());
        state.ok_or_else(|| "the account has no `oauth`".to_owned())
    }

    fn hooks(
        &self,
        account: &Account,
        id: Option<u64>,
        act: Option<&HookAct>,
    ) -> Result<Value, String> {
        let mut companies = locked(&self.companies);
        let company = companies.of(&account.account);
        if let Some(act) = act {
            hooks::act(company, id, act)?;
        }
        Ok(hooks::told(account, company, now_ms()))
    }

    fn webhook_events(
        &self,
        account: &Account,
        order: &WebhookOrder,
    ) -> Result<Vec<Value>, String> {
        events::ordered(account, locked(&self.companies).of(&account.account), order, now_ms())
    }

    /// One event, one body.
    fn events_per_webhook(&self) -> usize {
        1
    }

    fn webhook_target(&self, account: &Account, events: &[Value]) -> Option<Target> {
        delivery::target(account, locked(&self.companies).of(&account.account), events, now_ms())
    }

    /// Every answer but a success is tried again.
    fn retries_webhook(&self, _: Option<u16>) -> bool {
        true
    }

    fn webhook_retries_ms(&self) -> Option<&'static [u64]> {
        Some(&delivery::RETRIES_MS)
    }

    fn webhook_tried(&self, target: &Target, events: &[Value], attempt: u32, status: Option<u16>) {
        let mut companies = locked(&self.companies);
        let company = companies.of(&target.account);
        let ban_ms = company.webhook_ban_ms;
        let hook = delivery::hook_id(events).and_then(|id| company.hooks.get_mut(&id));
        if let Some(hook) = hook {
            hook.tried(ban_ms, attempt == 0, status, now_ms());
        }
    }

    fn sign_webhook(&self, target: &Target, events: &[Value], attempt: u32) -> SignedWebhook {
        delivery::sign(target, events, attempt)
    }
}
