//! Sweeps of CRMs on the local cloud: what webhooks lost is found, a webhook that was removed is made
//! anew, and who has left costs nobody anything.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::account::now_ms;
use crate::support::crm_system::CrmSystem;
use crate::support::table::number_in;
use crate::support::tenant::Tenant;
use crate::support::waiting::until;

const SWEPT: [CrmSystem; 2] = [CrmSystem::Salesforce, CrmSystem::Pipedrive];
/// Longer than a share of the rate budget is leased: a worker may have to wait for one.
const SWEPT_WITHIN: Duration = Duration::from_secs(120);
const SYNCED_WITHIN: Duration = Duration::from_secs(120);
const PEOPLE: usize = 12;

/// Has the worker sweep, and waits for how it ends: the last line of the log.
async fn sweep(tenant: &Tenant) -> Value {
    let correlation_id = format!("sweep-{}", Uuid::new_v4().simple());
    let (since_ms, cloud) = (now_ms(), &tenant.cloud);
    let step = json!({
        "version": 1, "tenant_id": tenant.id, "system": tenant.provider.system,
        "forward_at_ms": since_ms, "found": 0, "correlation_id": correlation_id,
    });
    cloud.send_bodies(cloud.queue("crm-sweeps"), &[step.to_string()]).await;
    let mut end = None;
    until("the sweep ends", SWEPT_WITHIN, async || {
        let lines = cloud.log_lines("crm-sweep", &tenant.id, since_ms).await;
        end = lines.into_iter().find(|line| {
            line["correlation_id"] == correlation_id.as_str()
                && line["outcome"].as_str().is_some_and(|outcome| outcome != "later")
        });
        end.is_some()
    })
    .await;
    end.unwrap()
}

async fn watermark(tenant: &Tenant) -> Option<u64> {
    let items = tenant.items_of("SweepWatermark").await;
    items.first().map(|item| number_in(item, "swept_until_ms"))
}

async fn sweep_finds_what_webhooks_lost(system: CrmSystem) {
    let tenant = Tenant::of(system, json!({})).await;
    let emails: Vec<_> = (0..PEOPLE).map(|number| tenant.email(&format!("p{number}"))).collect();
    let objects: Vec<_> =
        emails.iter().map(|email| json!({"properties": system.new_contact(email)})).collect();
    let lost = json!({"drop_percent": 100});
    let act = json!({"act": "create", "type": "contact", "objects": objects, "deliver": lost});
    tenant.portal(act).await;
    assert_eq!(tenant.records().await.len(), 0, "{system:?}: something was told");

    let line = sweep(&tenant).await;
    assert_eq!(line["outcome"], "done", "{line}");
    assert!(line["found"].as_u64().is_some_and(|found| found >= 12), "{line}");
    tenant.until_in_step(SYNCED_WITHIN).await;
    tenant.events(PEOPLE).await;
    let first = watermark(&tenant).await;
    assert!(first.is_some());

    // The overlap is read again: nothing of it is news.
    let line = sweep(&tenant).await;
    assert_eq!(line["outcome"], "done", "{line}");
    assert!(watermark(&tenant).await > first);
    tenant.settle("fence").await;
    assert!(tenant.records().await.iter().all(|record| number_in(record, "version") == 1));
}

#[tokio::test]
async fn sweep_finds_what_webhooks_of_salesforce_lost() {
    sweep_finds_what_webhooks_lost(CrmSystem::Salesforce).await;
}

#[tokio::test]
async fn sweep_finds_what_webhooks_of_pipedrive_lost() {
    sweep_finds_what_webhooks_lost(CrmSystem::Pipedrive).await;
}

#[tokio::test]
async fn sweep_has_a_webhook_made_anew_that_somebody_removed() {
    let tenant = Tenant::of(CrmSystem::Pipedrive, json!({})).await;
    let line = sweep(&tenant).await;
    assert_eq!((&line["outcome"], &line["webhook"]), (&json!("done"), &json!("standing")));
    let remove = json!({"system": "pipedrive", "account": tenant.account, "act": "remove"});
    tenant.cloud.sandbox_post("hooks", remove).await;
    let line = sweep(&tenant).await;
    assert_eq!((&line["outcome"], &line["webhook"]), (&json!("done"), &json!("remade")));
    let health = tenant.health().await;
    assert_eq!(health["webhook"]["status"], "registered", "{health}");
    // Its deliveries are the tenant's again.
    let email = tenant.email("told");
    let act = json!({"act": "create", "type": "contact",
        "properties": CrmSystem::Pipedrive.new_contact(&email)});
    tenant.portal_told(act).await;
    tenant.until_in_step(SYNCED_WITHIN).await;
}

#[tokio::test]
async fn sweep_of_a_tenant_that_has_left_ends_without_a_dead_letter() {
    for system in SWEPT {
        let tenant = Tenant::of(system, json!({})).await;
        tenant.disconnect().await;
        assert_eq!(sweep(&tenant).await["outcome"], "disconnected");
        let letters = tenant.cloud.dead_letters("crm-sweeps").await;
        assert!(!Value::from(letters).to_string().contains(&tenant.id));
    }
}
