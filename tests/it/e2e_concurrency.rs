//! 64 callers at once: one effect, one record, one event, and an answer for everyone.

use serde_json::json;

use crate::support::api::CALLERS;
use crate::support::tenant::Tenant;

/// Lets as many instances start as there will be callers: instances that start one after the other
/// would turn "at once" into a queue.
async fn warm_up(tenant: &Tenant) {
    let refused = vec![json!({"tenant_id": tenant.id}); CALLERS];
    for answer in tenant.call_at_once(refused).await {
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
    let answers = tenant.call_at_once(bodies).await;
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
    let answers = tenant.call_at_once(bodies.collect()).await;
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
