//! Deal pipelines: those of the account's entry, or the one that a new portal has.

use std::sync::LazyLock;

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Handled;
use super::errors::{Refusal, property_error};
use super::object_types::{Kind, ObjectType};
use super::store::Values;
use crate::accounts::Account;
use crate::vendor::Answer;

const PIPELINE: &str = "pipeline";
const STAGE: &str = "dealstage";
/// HubSpot made the default pipelines on that day; any past instant would do.
const CREATED_AT: &str = "2024-01-01T00:00:00.000Z";

/// A pipeline.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// What `pipeline` takes.
    pub id: String,
    /// What users see.
    #[serde(default)]
    pub label: String,
    /// Its stages, in order.
    pub stages: Vec<Stage>,
}

/// A stage of a pipeline.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Stage {
    /// What `dealstage` takes.
    pub id: String,
    /// What users see.
    #[serde(default)]
    pub label: String,
    /// Chance of success, a decimal between 0 and 1.
    #[serde(default = "unlikely")]
    pub probability: String,
    /// Whether the deal is over.
    #[serde(default)]
    pub is_closed: bool,
}

fn unlikely() -> String {
    "0.0".to_owned()
}

static NEW_PORTAL: LazyLock<Vec<Pipeline>> = LazyLock::new(|| {
    let stages = [
        ("appointmentscheduled", "Appointment Scheduled", "0.2", false),
        ("qualifiedtobuy", "Qualified To Buy", "0.4", false),
        ("presentationscheduled", "Presentation Scheduled", "0.6", false),
        ("decisionmakerboughtin", "Decision Maker Bought-In", "0.8", false),
        ("contractsent", "Contract Sent", "0.9", false),
        ("closedwon", "Closed Won", "1.0", true),
        ("closedlost", "Closed Lost", "0.0", true),
    ];
    let stages = stages.map(|(id, label, probability, is_closed)| Stage {
        id: id.to_owned(),
        label: label.to_owned(),
        probability: probability.to_owned(),
        is_closed,
    });
    let label = "Sales Pipeline".to_owned();
    vec![Pipeline { id: "default".to_owned(), label, stages: stages.to_vec() }]
});

/// The portal's pipelines; the first one is the default.
pub fn of(account: &Account) -> &[Pipeline] {
    account.pipelines.as_deref().unwrap_or(&NEW_PORTAL)
}

/// The ids that a property of this kind takes.
pub fn options(account: &Account, kind: Kind) -> Vec<&str> {
    let pipelines = of(account).iter();
    match kind {
        Kind::Pipeline => pipelines.map(|pipeline| pipeline.id.as_str()).collect(),
        Kind::Stage => {
            pipelines.flat_map(|pipeline| &pipeline.stages).map(|stage| stage.id.as_str()).collect()
        }
        Kind::Text
        | Kind::Email
        | Kind::Number
        | Kind::DateTime
        | Kind::Bool
        | Kind::Choice(_)
        | Kind::Progress(_) => Vec::new(),
    }
}

/// Puts a record without a pipeline into the default one, and refuses a stage of another pipeline
/// than the record's.
pub fn settle(
    account: &Account,
    object_type: &ObjectType,
    values: &mut Values,
) -> Result<(), Refusal> {
    if object_type.property(PIPELINE).is_none_or(|property| property.kind != Kind::Pipeline) {
        return Ok(());
    }
    let pipelines = of(account);
    if let Some(default) = pipelines.first() {
        values.entry(PIPELINE.to_owned()).or_insert_with(|| default.id.clone());
    }
    let (Some(pipeline), Some(stage)) = (values.get(PIPELINE), values.get(STAGE)) else {
        return Ok(());
    };
    let fits = pipelines
        .iter()
        .filter(|known| known.id == *pipeline)
        .any(|known| known.stages.iter().any(|known| known.id == *stage));
    if fits {
        return Ok(());
    }
    let message = format!("{stage} was not one of the stages of pipeline {pipeline}");
    let error = property_error(STAGE, "INVALID_OPTION", &message);
    Err(Refusal::invalid_properties(vec![error], &account.account))
}

fn stage_body((order, stage): (usize, &Stage)) -> Value {
    json!({
        "id": stage.id,
        "label": stage.label,
        "displayOrder": order,
        "metadata": {
            "isClosed": stage.is_closed.to_string(),
            "probability": stage.probability,
        },
        "createdAt": CREATED_AT,
        "updatedAt": CREATED_AT,
        "archived": false,
        "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
    })
}

fn body((order, pipeline): (usize, &Pipeline)) -> Value {
    json!({
        "id": pipeline.id,
        "label": pipeline.label,
        "displayOrder": order,
        "stages": pipeline.stages.iter().enumerate().map(stage_body).collect::<Vec<_>>(),
        "createdAt": CREATED_AT,
        "updatedAt": CREATED_AT,
        "archived": false,
    })
}

/// `GET /crm/pipelines/{version}/deals`, or one of them by id.
pub fn read(account: &Account, id: Option<&str>) -> Handled {
    let mut pipelines = of(account).iter().enumerate().map(body);
    let answer = match id {
        None => json!({ "results": pipelines.collect::<Vec<_>>() }),
        Some(id) => pipelines.find(|one| one["id"] == id).ok_or_else(Refusal::object_not_found)?,
    };
    Ok((Answer::json(StatusCode::OK, &answer), false))
}

/// Refuses pipelines that a portal could not have.
pub fn check(account: &Account) -> Result<(), String> {
    match &account.pipelines {
        Some(pipelines)
            if pipelines.is_empty() || pipelines.iter().any(|p| p.stages.is_empty()) =>
        {
            Err("`pipelines` needs at least one pipeline, and each at least one stage".to_owned())
        }
        Some(_) | None => Ok(()),
    }
}
