//! Webhooks as a person enters them in Vagaro's settings: an address, the token that every delivery
//! shows, which types of events and which locations are told. There is no API for them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::store::Merchant;
use crate::accounts::Account;
use crate::vendor::{EnteredHook, HookAct};

/// Vagaro has no room for more (support.vagaro.com, "Set Up Webhooks From Vagaro").
const MOST_HOOKS: usize = 10;
/// The number of the webhook that stands in the account's entry.
const OF_ENTRY: u64 = 0;
/// What events can be about. Only of the first two the sandbox tells by itself.
pub const EVENT_TYPES: [&str; 6] =
    ["appointment", "customer", "formResponse", "transaction", "employee", "businessLocation"];

/// A webhook. Has no `Debug`: it holds a secret.
#[derive(Clone)]
pub struct Hook {
    /// Receiver.
    pub url: String,
    /// The verification token.
    pub token: String,
    /// Whether anything is sent to it.
    pub is_active: bool,
    event_types: Vec<String>,
    businesses: Option<Vec<String>>,
}

impl Hook {
    /// Whether it is told of an event of that type at one of these locations.
    pub fn wants(&self, event_type: &str, business_ids: &[&str]) -> bool {
        let is_of = |own: &String| business_ids.contains(&own.as_str());
        self.is_active
            && self.event_types.iter().any(|own| own == event_type)
            && self.businesses.as_ref().is_none_or(|all| all.iter().any(is_of))
    }

    fn described(&self, id: u64) -> Value {
        json!({
            "id": id,
            "target": self.url,
            "event_types": self.event_types,
            "businesses": self.businesses,
            "status": if self.is_active { "active" } else { "disabled" },
        })
    }
}

fn no_room() -> String {
    format!("at most {MOST_HOOKS} webhooks are allowed")
}

/// Appointments only: each event costs the merchant.
fn event_types(wanted: Option<&Vec<String>>) -> Vec<String> {
    wanted.cloned().unwrap_or_else(|| vec!["appointment".to_owned()])
}

/// Refuses an entry with a webhook that there is no room for.
pub fn check_room(merchant: &Merchant, account: &Account) -> Result<(), String> {
    let others = merchant.hooks.keys().filter(|id| **id != OF_ENTRY).count();
    if account.webhook_url.is_some() && others >= MOST_HOOKS { Err(no_room()) } else { Ok(()) }
}

/// Takes the webhook of the account's entry over. The same address stays switched off if it was.
pub fn put_of_entry(merchant: &mut Merchant, account: &Account) {
    let old = merchant.hooks.remove(&OF_ENTRY);
    let Some((url, token)) = account.webhook_url.clone().zip(account.webhook_secret.clone()) else {
        return;
    };
    let is_active = old.is_none_or(|old| old.is_active || old.url != url);
    let event_types = event_types(account.webhook_subscriptions.as_ref());
    let hook = Hook { url, token, is_active, event_types, businesses: None };
    merchant.hooks.insert(OF_ENTRY, hook);
}

fn add(hooks: &BTreeMap<u64, Hook>, entered: &EnteredHook) -> Result<Hook, String> {
    if hooks.len() >= MOST_HOOKS {
        return Err(no_room());
    }
    if entered.target.is_empty() || entered.token.is_empty() {
        return Err("`add` needs `target` and `token`".to_owned());
    }
    let event_types = event_types(entered.event_types.as_ref());
    if let Some(unknown) = event_types.iter().find(|name| !EVENT_TYPES.contains(&name.as_str())) {
        return Err(format!("unknown event type `{unknown}`"));
    }
    Ok(Hook {
        url: entered.target.clone(),
        token: entered.token.clone(),
        is_active: true,
        event_types,
        businesses: entered.businesses.clone(),
    })
}

/// An act of a person, or of Vagaro after too many failures, on one webhook or on all.
pub fn act(merchant: &mut Merchant, id: Option<u64>, act: &HookAct) -> Result<(), String> {
    if let Some(id) = id.filter(|id| !merchant.hooks.contains_key(id)) {
        return Err(format!("no webhook {id}"));
    }
    let is_meant = |hook_id: u64| id.is_none_or(|id| id == hook_id);
    match act {
        HookAct::Add(entered) => {
            let hook = add(&merchant.hooks, entered)?;
            merchant.last_hook_id += 1;
            merchant.hooks.insert(merchant.last_hook_id, hook);
        }
        HookAct::Remove => merchant.hooks.retain(|hook_id, _| !is_meant(*hook_id)),
        HookAct::Disable | HookAct::Enable => {
            let meant = merchant.hooks.iter_mut().filter(|(hook_id, _)| is_meant(**hook_id));
            meant.for_each(|(_, hook)| hook.is_active = *act == HookAct::Enable);
        }
    }
    Ok(())
}

/// What the control API is told: the webhooks, and what none of them will ever tell again.
pub fn told(merchant: &Merchant) -> Value {
    let hooks = merchant.hooks.iter().map(|(id, hook)| hook.described(*id));
    json!({ "hooks": hooks.collect::<Value>(), "dropped_for_good": merchant.dropped })
}
