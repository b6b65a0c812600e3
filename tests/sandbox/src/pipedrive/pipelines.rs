//! Deal pipelines and their stages: those of the account's entry, or those of a new company.

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::accounts::Account;

/// Any past instant would do.
const MADE_AT: &str = "2024-01-01T00:00:00Z";

/// A pipeline.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// Id.
    pub id: u64,
    /// Name.
    pub name: String,
    /// Its stages, in order.
    pub stages: Vec<Stage>,
}

/// A stage.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Id, unique over all pipelines.
    pub id: u64,
    /// Name; may come again in another pipeline.
    pub name: String,
    /// Chance of success in percent.
    pub probability: u8,
}

static NEW_COMPANY: LazyLock<Vec<Pipeline>> = LazyLock::new(|| {
    let names =
        ["Qualified", "Contact Made", "Demo Scheduled", "Proposal Made", "Negotiations Started"];
    let stages = names.iter().zip(1..).map(|(name, id)| Stage {
        id,
        name: (*name).to_owned(),
        probability: 100,
    });
    vec![Pipeline { id: 1, name: "Pipeline".to_owned(), stages: stages.collect() }]
});

fn number(id: &str) -> Result<u64, String> {
    id.parse().map_err(|_| format!("`pipelines`: the id `{id}` is no decimal number"))
}

fn named(label: &str, id: &str) -> String {
    if label.is_empty() { id.to_owned() } else { label.to_owned() }
}

/// The pipelines of an account; the first one is the default.
pub fn of(account: &Account) -> Result<Vec<Pipeline>, String> {
    let Some(entries) = &account.pipelines else { return Ok(NEW_COMPANY.clone()) };
    let mut pipelines = Vec::new();
    let mut ids = Vec::new();
    for entry in entries {
        let mut stages = Vec::new();
        for stage in &entry.stages {
            let id = number(&stage.id)?;
            ids.push(id);
            let share: f64 = stage.probability.parse().unwrap_or_default();
            // Between 0 and 100, so nothing is cut off.
            #[expect(clippy::cast_possible_truncation, reason = "it is clamped")]
            let probability = (share.clamp(0.0, 1.0) * 100.0).round() as u8;
            stages.push(Stage { id, name: named(&stage.label, &stage.id), probability });
        }
        let id = number(&entry.id)?;
        pipelines.push(Pipeline { id, name: named(&entry.label, &entry.id), stages });
    }
    ids.sort_unstable();
    let has_twins = ids.windows(2).any(|pair| pair[0] == pair[1]);
    if has_twins || pipelines.is_empty() || pipelines.iter().any(|one| one.stages.is_empty()) {
        return Err("`pipelines` needs at least one pipeline, each at least one stage, and each \
            stage an id of its own"
            .to_owned());
    }
    Ok(pipelines)
}

/// The rows of `GET /pipelines`.
pub fn rows(pipelines: &[Pipeline]) -> Vec<Value> {
    let row = |(place, pipeline): (usize, &Pipeline)| {
        json!({
            "id": pipeline.id,
            "name": pipeline.name,
            "order_nr": place + 1,
            "is_deleted": false,
            "is_deal_probability_enabled": true,
            "add_time": MADE_AT,
            "update_time": MADE_AT,
        })
    };
    pipelines.iter().enumerate().map(row).collect()
}

/// The rows of `GET /stages`, of one pipeline or of all.
pub fn stage_rows(pipelines: &[Pipeline], of_pipeline: Option<u64>) -> Vec<Value> {
    let asked = pipelines.iter().filter(|one| of_pipeline.is_none_or(|id| id == one.id));
    let rows = asked.flat_map(|pipeline| {
        pipeline.stages.iter().enumerate().map(|(place, stage)| {
            json!({
                "id": stage.id,
                "order_nr": place,
                "name": stage.name,
                "is_deleted": false,
                "deal_probability": stage.probability,
                "pipeline_id": pipeline.id,
                "is_deal_rot_enabled": false,
                "days_to_rotten": null,
                "add_time": MADE_AT,
                "update_time": MADE_AT,
            })
        })
    });
    rows.collect()
}
