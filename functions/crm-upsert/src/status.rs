//! `GET /integrations/crm/{system}/upsert?idempotency_key=…`: what became of a call.
//!
//! A call that changed nothing leaves nothing behind, so its key is unknown here.

use serde_json::{Value, json};
use sync_domain::keys;
use sync_domain::model::{IdempotencyKey, InvalidField, System, SystemKind};
use sync_domain::ports::{KeyStatus, PushStore, StoreError};
use sync_domain::usecase::upsert_record::{UpsertError, route_of};
use sync_lambda::api::{ApiRequest, ApiResponse};
use sync_lambda::problem::{ErrorCode, Problem};

use crate::handler::{Deps, SCOPE, answer_body, queued_body};
use crate::problem::problem_of;

/// Answers one request.
pub async fn handle(deps: &Deps, request: &ApiRequest) -> ApiResponse {
    let correlation_id = request.correlation_id.clone();
    let result = status(deps, request).await;
    let outcome = result.as_ref().map_or_else(|problem| problem.code.as_str(), |_body| "found");
    tracing::info!(
        correlation_id = correlation_id.as_str(),
        route = "crm-upsert-status",
        outcome,
        "A status was answered."
    );
    match result {
        Ok(body) => ApiResponse::ok(&body, correlation_id),
        Err(problem) => ApiResponse::problem(&problem, correlation_id),
    }
}

async fn status(deps: &Deps, request: &ApiRequest) -> Result<Value, Problem> {
    let tenant = request.claims.tenant_with_scope(&deps.tenant_claim, SCOPE)?;
    let system = request.path_parameters.get("system").map_or("", String::as_str);
    let system =
        System::of_kind(SystemKind::Crm, system).ok_or(Problem::new(ErrorCode::UnknownSystem))?;
    let key = request
        .query
        .get("idempotency_key")
        .ok_or_else(|| InvalidField::new("idempotency_key", "is required"))?;
    let key = IdempotencyKey::parse(key)?;
    let ours = |error: StoreError| problem_of(&UpsertError::Store(error));
    let key = keys::claim_key(&tenant, &route_of(system), &key)
        .map_err(|error| ours(StoreError::BadKey(error)))?;
    let parts = &deps.parts;
    let found = parts.table.key_status(&tenant, &key, parts.clock.now()).await.map_err(ours)?;
    Ok(match found {
        KeyStatus::Unknown => return Err(ErrorCode::UpsertNotFound.into()),
        KeyStatus::Completed(answer) => answer_body(&answer),
        KeyStatus::Queued => queued_body(),
        KeyStatus::InProgress { .. } => json!({"external_id": null, "status": "in_progress"}),
        KeyStatus::Failed { code } => {
            json!({"external_id": null, "status": "failed", "error_code": code})
        }
    })
}
