//! The control API's own behaviour.

use provider_sandbox::{Sandbox, SandboxConfig, StartError};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{ACCOUNT, CONTACTS, TOKEN, TestSandbox};

#[tokio::test]
async fn health_answers() {
    let sandbox = TestSandbox::start().await;
    assert_eq!(sandbox.get("/_control/health").await.status(), 200);
}

#[tokio::test]
async fn reset_of_one_account_keeps_accounts_and_the_others() {
    let sandbox = TestSandbox::start().await;
    let other = json!({ "system": "hubspot", "account": "7", "access_token": "t7" });
    sandbox.post("/_control/accounts", &other).await;
    for account in [ACCOUNT, "7"] {
        let seed = json!({ "system": "hubspot", "account": account,
            "objects": [{ "properties": { "email": "a@example.com" } }] });
        let seeded: Value = sandbox.post("/_control/seed", &seed).await.json().await.unwrap();
        assert_eq!(seeded["seeded"], 1);
    }
    let one = json!({ "system": "hubspot", "account": "7" });
    assert_eq!(sandbox.post("/_control/reset", &one).await.status(), 200);
    let left = sandbox.get_json("/_control/objects?system=hubspot&account=7&type=contact").await;
    assert_eq!(left["total"], 0);
    assert_eq!(sandbox.contacts().await.len(), 1);
    let all = sandbox.request(Method::POST, "/_control/reset").send().await.unwrap();
    assert_eq!(all.status(), 200);
    assert!(sandbox.contacts().await.is_empty());
    assert_eq!(sandbox.calls().await["totals"]["total"], 0);
    assert_eq!(sandbox.get(CONTACTS).await.status(), 200);
}

#[tokio::test]
async fn control_calls_say_what_is_wrong() {
    let sandbox = TestSandbox::start().await;
    for (path, body, status, text) in [
        ("/_control/reset", json!({ "system": "x" }), 400, "unknown variant"),
        ("/_control/reset", json!({ "account": "1" }), 400, "needs `system`"),
        (
            "/_control/seed",
            json!({ "system": "hubspot", "account": "1", "objects": [] }),
            404,
            "no hubspot",
        ),
        ("/_control/seed", json!([1]), 400, "body"),
        (
            "/_control/faults",
            json!({ "system": "hubspot", "fault": "status" }),
            400,
            "needs a `status`",
        ),
        (
            "/_control/faults",
            json!({ "system": "hubspot", "fault": "bang" }),
            400,
            "unknown variant",
        ),
        (
            "/_control/accounts",
            json!({ "system": "hubspot", "account": "x", "access_token": "t" }),
            400,
            "portal id",
        ),
        (
            "/_control/accounts",
            json!({ "system": "hubspot", "account": "8", "access_token": TOKEN }),
            400,
            "same",
        ),
        (
            "/_control/webhooks",
            json!({ "system": "hubspot", "account": ACCOUNT, "object_ids": [1] }),
            400,
            "webhook_url",
        ),
        ("/_control/nothing", json!({}), 404, "no such control path"),
        ("/_control/health", json!({}), 405, "no such method"),
        ("/nowhere", json!({}), 404, "no vendor"),
    ] {
        let response = sandbox.post(path, &body).await;
        assert_eq!(response.status().as_u16(), status, "{path} {body}");
        let answer: Value = response.json().await.unwrap();
        assert!(answer["error"].as_str().unwrap().contains(text), "{answer}");
    }
    for path in ["/_control/calls?system=x", "/_control/objects?system=hubspot"] {
        assert_eq!(sandbox.get(path).await.status(), 400, "{path}");
    }
    let missing = sandbox.get("/_control/calls?system=hubspot&account=1").await;
    assert_eq!(missing.status(), 404);
}

#[tokio::test]
async fn busy_port_is_named() {
    let sandbox = TestSandbox::start().await;
    let port: u16 = sandbox.url().rsplit_once(':').unwrap().1.parse().unwrap();
    let config = SandboxConfig { port, tap: None, accounts: Vec::new() };
    let error = Sandbox::start(config).await.err().unwrap();
    assert!(matches!(error, StartError::PortBusy(busy) if busy == port));
    assert!(error.to_string().contains("in use"));
}
