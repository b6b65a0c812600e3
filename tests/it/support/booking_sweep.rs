//! Sweeps of a tenant's bookings, and what they report.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::account::now_ms;
use super::booking_system::noon;
use super::booking_tenant::BookingTenant;
use super::waiting::until;

/// A sweep reads more than a year, its calls wait behind live ones, and what was told half a minute ago
/// is looked at later.
const SWEPT_WITHIN: Duration = Duration::from_secs(240);
const HALF_A_DAY_MS: i64 = 12 * 3_600_000;

/// What a sweep reported of itself at its end.
#[derive(Debug)]
pub struct Swept {
    /// In the line of the log.
    pub drift: u64,
    /// In the metric.
    pub metric: u64,
}

impl BookingTenant {
    /// The first step of a sweep from so many days back to so many ahead.
    pub fn sweep_step(&self, days: (i64, i64), correlation_id: &str) -> Value {
        json!({
            "version": 1,
            "tenant_id": self.tenant.id,
            "system": self.tenant.provider.system,
            "from_ms": noon(-days.0).as_millisecond() - HALF_A_DAY_MS,
            "until_ms": noon(days.1).as_millisecond() - HALF_A_DAY_MS,
            "began_at_ms": now_ms(),
            "drift": 0,
            "correlation_id": correlation_id,
        })
    }

    /// Has the worker sweep, and waits for the end of it.
    pub async fn sweep(&self, days: (i64, i64)) -> Swept {
        let correlation_id = format!("sweep-{}", Uuid::new_v4().simple());
        let since_ms = now_ms();
        let cloud = &self.tenant.cloud;
        let step = self.sweep_step(days, &correlation_id).to_string();
        cloud.send_bodies(cloud.queue("booking-sweeps"), &[step]).await;
        self.swept(since_ms, |line| line["correlation_id"] == correlation_id.as_str()).await
    }

    /// Has the worker make one step of a sweep, and tells how that ended.
    pub async fn sweep_outcome(&self, days: (i64, i64)) -> String {
        let correlation_id = format!("sweep-{}", Uuid::new_v4().simple());
        let since_ms = now_ms();
        let cloud = &self.tenant.cloud;
        let step = self.sweep_step(days, &correlation_id).to_string();
        cloud.send_bodies(cloud.queue("booking-sweeps"), &[step]).await;
        let mut outcome = String::new();
        until("the step is over", SWEPT_WITHIN, async || {
            let lines = self.sweep_lines(since_ms).await;
            let ours = lines.iter().find(|line| {
                line["correlation_id"] == correlation_id.as_str() && line["outcome"].is_string()
            });
            outcome =
                ours.map(|line| line["outcome"].as_str().unwrap().to_owned()).unwrap_or_default();
            !outcome.is_empty()
        })
        .await;
        outcome
    }

    /// Waits for the end of a sweep whose lines are like that.
    pub async fn swept(&self, since_ms: i64, is_ours: impl Fn(&Value) -> bool) -> Swept {
        let mut swept = None;
        until("the sweep is done", SWEPT_WITHIN, async || {
            let lines = self.sweep_lines(since_ms).await;
            let done = lines.iter().find(|line| is_ours(line) && line["outcome"] == "done");
            let drift = done.map(|line| line["drift"].as_u64().unwrap_or_else(|| panic!("{line}")));
            // A line of its own, a moment later.
            let metric = lines.iter().filter_map(|line| line["BookingDrift"].as_u64()).next_back();
            swept = drift.zip(metric).map(|(drift, metric)| Swept { drift, metric });
            swept.is_some()
        })
        .await;
        swept.unwrap()
    }

    async fn sweep_lines(&self, since_ms: i64) -> Vec<Value> {
        self.tenant.cloud.log_lines("booking-sweep", &self.tenant.id, since_ms).await
    }
}
