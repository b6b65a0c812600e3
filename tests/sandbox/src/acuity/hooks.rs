//! Dynamic webhooks: registered, listed and taken away through the API.

use reqwest::Url;
use serde_json::{Value, json};

use super::errors::Refusal;
use super::events::Action;
use super::store::Office;
use super::users::is_main;
use crate::accounts::{Account, User};
use crate::vendor::HookAct;

/// The vendor refuses more than these.
const MOST_HOOKS: usize = 25;

/// A registration.
#[derive(Clone)]
pub struct Hook {
    /// What is told to it.
    pub action: Action,
    /// Receiver.
    pub target: String,
    /// Who made it; their key signs.
    pub user_id: String,
    /// Whether anything is sent to it.
    pub is_active: bool,
}

impl Hook {
    fn described(&self, id: u64) -> Value {
        let status = if self.is_active { "active" } else { "disabled" };
        json!({ "id": id, "event": self.action.dotted(), "target": self.target, "status": status })
    }
}

/// Acuity delivers to the two usual ports only; on this machine the port is anybody's.
fn check_target(target: &str) -> Result<(), Refusal> {
    let refused = |why: &str| Refusal::bad_request(format!("target {why}"));
    let url = Url::parse(target).map_err(|_| refused("is not a URL"))?;
    let port = match url.scheme() {
        "https" => 443,
        "http" => 80,
        _ => return Err(refused("must be an http or https URL")),
    };
    let host = url.host_str().unwrap_or_default();
    let is_local =
        ["localhost", "127.0.0.1", "[::1]"].contains(&host) || host.ends_with(".localhost");
    if is_local || url.port_or_known_default() == Some(port) {
        Ok(())
    } else {
        Err(refused("must use port 443 for https or 80 for http"))
    }
}

/// `POST /webhooks`. The same event and target again is another registration.
pub fn create(office: &mut Office, user: &User<'_>, body: &[u8]) -> Result<Value, Refusal> {
    let body: Value = serde_json::from_slice(body)
        .map_err(|_| Refusal::bad_request("the body must be JSON with event and target"))?;
    let event = body["event"].as_str().and_then(Action::from_dotted);
    let action = event.ok_or_else(|| Refusal::bad_request("event is missing or unknown"))?;
    let target = body["target"].as_str().unwrap_or_default();
    check_target(target)?;
    if office.hooks.len() >= MOST_HOOKS {
        return Err(Refusal::bad_request(format!("at most {MOST_HOOKS} webhooks are allowed")));
    }
    let id = office.draw_hook_id();
    let hook = Hook {
        action,
        target: target.to_owned(),
        user_id: user.user_id.to_owned(),
        is_active: true,
    };
    let described = hook.described(id);
    office.hooks.insert(id, hook);
    Ok(described)
}

/// `GET /webhooks`.
pub fn list(office: &Office) -> Value {
    office.hooks.iter().map(|(id, hook)| hook.described(*id)).collect()
}

/// `DELETE /webhooks/{id}`: by who made it, or by the main administrator.
pub fn delete(
    account: &Account,
    office: &mut Office,
    user: &User<'_>,
    id: u64,
) -> Result<(), Refusal> {
    let hook = office.hooks.get(&id).ok_or_else(|| Refusal::not_found("webhook"))?;
    if hook.user_id != user.user_id && !is_main(account, user) {
        return Err(Refusal::forbidden());
    }
    office.hooks.remove(&id);
    Ok(())
}

/// An act from outside of the API on one registration, or on all.
pub fn act(office: &mut Office, id: Option<u64>, act: &HookAct) -> Result<(), String> {
    if let Some(id) = id.filter(|id| !office.hooks.contains_key(id)) {
        return Err(format!("no webhook {id}"));
    }
    let is_meant = |hook_id: u64| id.is_none_or(|id| id == hook_id);
    match act {
        HookAct::Add(_) => return Err("Acuity's webhooks are registered by API".to_owned()),
        HookAct::Remove => office.hooks.retain(|hook_id, _| !is_meant(*hook_id)),
        HookAct::Disable | HookAct::Enable => {
            let meant = office.hooks.iter_mut().filter(|(hook_id, _)| is_meant(**hook_id));
            meant.for_each(|(_, hook)| hook.is_active = *act == HookAct::Enable);
        }
    }
    Ok(())
}

/// What the control API is told: each registration with who made it.
pub fn told(office: &Office) -> Value {
    let all = office.hooks.iter().map(|(id, hook)| {
        let mut described = hook.described(*id);
        described["user_id"] = json!(hook.user_id);
        described
    });
    json!({ "hooks": all.collect::<Value>() })
}

#[cfg(test)]
mod tests {
    use super::check_target;

    #[test]
    fn targets_have_the_usual_port_unless_they_are_local() {
        for (target, is_taken) in [
            ("https://example.com/hook?token=1", true),
            ("https://example.com:443/hook", true),
            ("https://example.com:8443/hook", false),
            ("http://example.com/hook", true),
            ("http://example.com:443/hook", false),
            ("http://127.0.0.1:4566/hook", true),
            ("http://api.localhost:4566/hook", true),
            ("http://localhost.example.com:4566/hook", false),
            ("ftp://example.com/hook", false),
            ("example.com", false),
        ] {
            assert_eq!(check_target(target).is_ok(), is_taken, "{target}");
        }
    }
}
