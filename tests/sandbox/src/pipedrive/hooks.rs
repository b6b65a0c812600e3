//! Webhooks: made, listed and taken away through the API, banned after failures, and what the
//! control API sees and does of them.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::access::Credential;
use super::drafts;
use super::errors::Refusal;
use super::hook_intake;
use super::store::Company;
use super::values::instant_text;
use crate::accounts::Account;
use crate::clock::iso_from_ms;
use crate::vendor::{Answer, HookAct};

const MOST_HOOKS: usize = 40;
/// So many failed first attempts lead to a ban.
const FAILURES_TO_BAN: u32 = 10;
/// Half an hour of the vendor's, quickened like the retries.
const BAN_MS: i64 = 3 * 60 * 1_000;

/// What a webhook was made with.
#[derive(Clone)]
pub struct Wish {
    /// Receiver.
    pub url: String,
    /// `create`, `change`, `delete` or `*`.
    pub action: String,
    /// An object type or `*`.
    pub object: String,
    /// For users.
    pub name: String,
    /// Whose eyes it has.
    pub user_id: u64,
    /// For HTTP Basic.
    pub auth_user: Option<String>,
    /// For HTTP Basic.
    pub auth_password: Option<String>,
    /// `1.0` or `2.0`.
    pub version: String,
}

/// A webhook.
#[derive(Clone)]
pub struct Hook {
    wish: Wish,
    added_ms: i64,
    is_of_app: bool,
    is_disabled: bool,
    failed_firsts: u32,
    banned_until_ms: Option<i64>,
    last_delivery: Option<(i64, Option<u16>)>,
}

impl Hook {
    /// Where it sends to.
    pub fn url(&self) -> &str {
        &self.wish.url
    }

    /// The user whose eyes it has.
    pub const fn user_id(&self) -> u64 {
        self.wish.user_id
    }

    /// `general` or `application`.
    pub const fn kind(&self) -> &'static str {
        if self.is_of_app { "application" } else { "general" }
    }

    /// `user:password`, if it has any.
    pub fn credentials(&self) -> Option<String> {
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        let has_any = self.wish.auth_user.is_some() || self.wish.auth_password.is_some();
        has_any
            .then(|| format!("{}:{}", part(&self.wish.auth_user), part(&self.wish.auth_password)))
    }

    /// Whether it wants to learn of that; the sandbox has bodies of version 2.0 only.
    pub fn wants(&self, action: &str, object: &str) -> bool {
        self.wish.version == "2.0"
            && ["*", action].contains(&self.wish.action.as_str())
            && ["*", object].contains(&self.wish.object.as_str())
    }

    /// Whether anything is sent to it now.
    pub fn is_sending(&self, now_ms: i64) -> bool {
        !self.is_disabled && self.banned_until_ms.is_none_or(|until_ms| until_ms <= now_ms)
    }

    /// Takes note of how an attempt ended. Only first attempts count towards a ban, and the count
    /// begins anew after it.
    pub fn tried(&mut self, ban_ms: Option<i64>, is_first: bool, status: Option<u16>, now_ms: i64) {
        self.last_delivery = Some((now_ms, status));
        let is_taken = status.is_some_and(|status| (200..300).contains(&status));
        if is_taken || !is_first {
            return;
        }
        self.failed_firsts += 1;
        if self.failed_firsts >= FAILURES_TO_BAN {
            let lasts_ms = ban_ms.unwrap_or(BAN_MS);
            self.banned_until_ms = Some(now_ms.saturating_add(lasts_ms));
            self.failed_firsts = 0;
        }
    }

    fn described(&self, account: &Account, id: u64) -> Value {
        let last = self.last_delivery;
        json!({
            "id": id,
            "company_id": account.account.parse::<u64>().ok(),
            "owner_id": drafts::user_id(account),
            "user_id": self.wish.user_id,
            "event_action": self.wish.action,
            "event_object": self.wish.object,
            "subscription_url": self.wish.url,
            "version": self.wish.version,
            "is_active": 1,
            "add_time": iso_from_ms(self.added_ms),
            "remove_time": null,
            "type": self.kind(),
            "http_auth_user": self.wish.auth_user,
            "http_auth_password": self.wish.auth_password,
            "remove_reason": null,
            "last_delivery_time": last.map(|(at_ms, _)| instant_text(at_ms)),
            "last_http_status": last.and_then(|(_, status)| status),
            "admin_id": drafts::user_id(account),
            "name": self.wish.name,
        })
    }
}

/// `POST /webhooks`. The same again is another webhook.
pub fn create(
    account: &Account,
    company: &mut Company,
    credential: Credential,
    body: &Map<String, Value>,
    now_ms: i64,
) -> Result<Answer, Refusal> {
    let hook = Hook {
        wish: hook_intake::read(account, body)?,
        added_ms: now_ms,
        is_of_app: credential == Credential::Oauth,
        is_disabled: false,
        failed_firsts: 0,
        banned_until_ms: None,
        last_delivery: None,
    };
    let of_same_owner = company.hooks.values().filter(|one| one.is_of_app == hook.is_of_app);
    if of_same_owner.count() >= account.webhook_limit.unwrap_or(MOST_HOOKS) {
        let errors = json!({ "webhook": ["the limit of webhooks is reached"] });
        return Err(Refusal::of_hook(StatusCode::UNPROCESSABLE_ENTITY, &errors));
    }
    let id = company.draw_hook_id();
    let data = hook.described(account, id);
    company.hooks.insert(id, hook);
    let body = json!({ "status": "ok", "success": true, "data": data });
    Ok(Answer::json(StatusCode::CREATED, &body))
}

/// `GET /webhooks`; an app sees its own only.
pub fn list(account: &Account, company: &Company, credential: Credential) -> Answer {
    let is_seen = |hook: &Hook| credential == Credential::ApiToken || hook.is_of_app;
    let seen = company.hooks.iter().filter(|(_, hook)| is_seen(hook));
    let data: Value = seen.map(|(id, hook)| hook.described(account, *id)).collect();
    Answer::json(StatusCode::OK, &json!({ "status": "ok", "success": true, "data": data }))
}

/// `DELETE /webhooks/{id}`; an app takes away its own only.
pub fn delete(company: &mut Company, credential: Credential, id: u64) -> Result<Answer, Refusal> {
    let Some(hook) = company.hooks.get(&id) else {
        return Err(Refusal::of_hook(StatusCode::NOT_FOUND, &json!({ "id": ["not found"] })));
    };
    if credential == Credential::Oauth && !hook.is_of_app {
        return Err(Refusal::foreign_hook());
    }
    company.hooks.remove(&id);
    Ok(Answer::json(StatusCode::OK, &json!({ "status": "ok", "success": true })))
}

/// The app is gone, and its webhooks with it.
pub fn uninstall(company: &mut Company) {
    company.hooks.retain(|_, hook| !hook.is_of_app);
}

/// An act from outside of the API on one webhook, or on all.
pub fn act(company: &mut Company, id: Option<u64>, act: &HookAct) -> Result<(), String> {
    if let Some(id) = id.filter(|id| !company.hooks.contains_key(id)) {
        return Err(format!("no webhook {id}"));
    }
    if matches!(act, HookAct::Add(_)) {
        return Err("Pipedrive's webhooks are made by API".to_owned());
    }
    let is_meant = |hook_id: u64| id.is_none_or(|id| id == hook_id);
    if *act == HookAct::Remove {
        company.hooks.retain(|hook_id, _| !is_meant(*hook_id));
        return Ok(());
    }
    for (_, hook) in company.hooks.iter_mut().filter(|(hook_id, _)| is_meant(**hook_id)) {
        hook.is_disabled = *act == HookAct::Disable;
        (hook.banned_until_ms, hook.failed_firsts) = (None, 0);
    }
    Ok(())
}

/// What the control API is told: each webhook with what the API doesn't show.
pub fn told(account: &Account, company: &Company, now_ms: i64) -> Value {
    let all = company.hooks.iter().map(|(id, hook)| {
        let mut described = hook.described(account, *id);
        described["disabled"] = json!(hook.is_disabled);
        let banned_ms = hook.banned_until_ms.map(|until_ms| (until_ms - now_ms).max(0));
        described["banned_ms"] = json!(banned_ms.unwrap_or_default());
        described["failed_first_attempts"] = json!(hook.failed_firsts);
        described
    });
    json!({ "hooks": all.collect::<Value>() })
}
