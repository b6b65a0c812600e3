//! 64 callers at once: one effect, one record, one event, and an answer for everyone.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::api::Answer;
use crate::support::tenant::Tenant;

const CALLERS: usize = 64;

async fn call_at_once(tenant: &Tenant, bodies: Vec<Value>) -> Vec<Answer> {
    let token = tenant.cloud.token(&tenant.id, "crm:write", json!({})).await;
    let calls = bodies.into_iter().map(|body| {
        let token = token.as_str();
        let body = body.to_string().into_bytes();
        async move { tenant.send_to("hubspot", Some(token), "application/json", body).await }
    });
    join_all(calls).await
}

/// Lets as many instances start as there will be callers: instances that start one after the other
/// would turn "at once" into a queue.
async fn warm_up(tenant: &Tenant) {
    let refused = vec![json!({"tenant_id": tenant.id}); CALLERS];
    for answer in call_at_once(tenant, refused).await {
        answer.problem(422, "validation_failed");
    }
}

async fn assert_one_of_everything(tenant: &Tenant) {
    assert_eq!(tenant.provider_writes().await, 1);
    assert_eq!(tenant.remote_contacts().await.len(), 1);
    let records = tenant.items_of("CrmRecord").await;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["version"]["N"], "1");
    tenant.events(1).await;
}

#[tokio::test]
async fn callers_with_one_key_share_one_result() {
    let tenant = Tenant::new().await;
    warm_up(&tenant).await;
    let bodies = vec![tenant.body("k1", &tenant.contact("ada")); CALLERS];
    let answers = call_at_once(&tenant, bodies).await;
    let in_progress = answers.iter().filter(|answer| answer.status == 409).count();
    println!("{CALLERS} callers, one key: {in_progress} in progress, the rest one result");
    for answer in &answers {
        if answer.status == 409 {
            answer.problem(409, "in_progress");
            assert!(answer.retry_after_s.is_some_and(|seconds| seconds > 0));
        } else {
            answer.done("created");
        }
    }
    assert!(in_progress < CALLERS);
    tenant.upsert("k1", &tenant.contact("ada")).await.done("created");
    assert_one_of_everything(&tenant).await;
}

#[tokio::test]
async fn callers_with_one_new_contact_under_different_keys_create_it_once() {
    let tenant = Tenant::new().await;
    warm_up(&tenant).await;
    let contact = tenant.contact("ada");
    let bodies = (0..CALLERS).map(|caller| tenant.body(&format!("k{caller}"), &contact));
    let answers = call_at_once(&tenant, bodies.collect()).await;
    let mut created = 0;
    for answer in &answers {
        match answer.body["status"].as_str() {
            Some("created") => created += 1,
            Some("noop") => drop(answer.done("noop")),
            _ => drop(answer.problem(409, "in_progress")),
        }
    }
    assert_eq!(created, 1);
    tenant.upsert("k-last", &contact).await.done("noop");
    assert_one_of_everything(&tenant).await;
}
