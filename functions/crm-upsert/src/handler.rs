//! The route: check who asks and what, run the use case, answer, and write one log line.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use sync_domain::model::{
    AuditAction, AuditEntry, CorrelationId, IdempotencyKey, InvalidField, ObjectType, System,
    TenantId, associations_of,
};
use sync_domain::ports::{AuditLog, Clock, ConnectionStore, UpsertStore};
use sync_domain::retry::RetryPolicy;
use sync_domain::usecase::upsert_record::{
    UpsertDeps, UpsertRecord, UpsertStats, Upserted, upsert_record,
};
use sync_lambda::api::{ApiRequest, ApiResponse, JsonBody};
use sync_lambda::metrics::{self, CallMetrics};
use sync_lambda::problem::{ErrorCode, Problem};
use sync_providers::ProviderCatalog;

use crate::problem::problem_of;

/// The scope that a token needs.
const SCOPE: &str = "crm:write";
/// The route, as metrics and logs name it.
const ROUTE: &str = "crm-upsert";
/// The members of a request.
const MEMBERS: [&str; 6] =
    ["tenant_id", "type", "attributes", "associations", "idempotency_key", "correlation_id"];

/// What the route needs.
pub struct Deps {
    pub connections: Arc<dyn ConnectionStore>,
    pub store: Arc<dyn UpsertStore>,
    pub audit: Arc<dyn AuditLog>,
    pub catalog: ProviderCatalog,
    pub clock: Arc<dyn Clock>,
    pub retry: RetryPolicy,
    pub call_timeout: Duration,
    pub tenant_claim: String,
}

/// What is known of a call by the time it ends, for its log line and its metrics.
struct Call {
    correlation_id: CorrelationId,
    tenant: Option<TenantId>,
    system: Option<System>,
    stats: UpsertStats,
}

/// Answers one request.
pub async fn handle(deps: &Deps, request: ApiRequest) -> ApiResponse {
    let began = deps.clock.now();
    let mut call = Call {
        correlation_id: request.correlation_id.clone(),
        tenant: None,
        system: None,
        stats: UpsertStats::default(),
    };
    let result = upsert(deps, &request, &mut call).await;
    let latency = Duration::try_from(deps.clock.now().duration_since(began)).unwrap_or_default();
    let outcome = match &result {
        Ok(upserted) if upserted.is_replay => "replayed",
        Ok(upserted) => upserted.answer.status.as_str(),
        Err(problem) => problem.code.as_str(),
    };
    let status = result.as_ref().map_or_else(|problem| problem.code.status(), |_| 200);
    report(call.tenant.as_ref(), &call, outcome, status, latency);
    match result {
        Ok(Upserted { answer, .. }) => {
            let body = json!({
                "external_id": answer.external_id.as_str(),
                "status": answer.status.as_str(),
            });
            ApiResponse::ok(&body, call.correlation_id)
        }
        Err(problem) => ApiResponse::problem(&problem, call.correlation_id),
    }
}

async fn upsert(deps: &Deps, request: &ApiRequest, call: &mut Call) -> Result<Upserted, Problem> {
    let tenant = request.claims.tenant_with_scope(&deps.tenant_claim, SCOPE)?;
    call.tenant = Some(tenant.clone());
    let system = request.path_parameters.get("system").map_or("", String::as_str);
    let system = System::parse(system).ok_or(Problem::new(ErrorCode::UnknownSystem))?;
    call.system = Some(system);
    let body = JsonBody::of(request)?;
    if let Some(given) = body.optional_text("correlation_id")? {
        call.correlation_id = CorrelationId::parse(given).ok_or_else(|| {
            InvalidField::new("correlation_id", "must be 1 to 128 of the characters A-Za-z0-9._:-")
        })?;
    }
    if body.text("tenant_id")? != tenant.as_str() {
        audit_mismatch(deps, &tenant, system, call).await;
        return Err(ErrorCode::TenantMismatch.into());
    }
    let command = command_of(&body, tenant, system, request, call)?;
    let gateway = deps.catalog.crm(system);
    let deps = UpsertDeps {
        connections: deps.connections.as_ref(),
        store: deps.store.as_ref(),
        gateway: gateway.as_ref(),
        clock: deps.clock.as_ref(),
        retry: deps.retry,
        call_timeout: deps.call_timeout,
    };
    upsert_record(&deps, command, &mut call.stats).await.map_err(|error| problem_of(&error))
}

fn command_of(
    body: &JsonBody,
    tenant: TenantId,
    system: System,
    request: &ApiRequest,
    call: &Call,
) -> Result<UpsertRecord, InvalidField> {
    body.only(&MEMBERS)?;
    let object_type = ObjectType::parse(body.text("type")?)
        .ok_or_else(|| InvalidField::new("type", "is not a type that this system takes"))?;
    Ok(UpsertRecord {
        tenant,
        system,
        object_type,
        attributes: body.object("attributes")?.clone(),
        associations: body
            .optional("associations")
            .map_or(Ok(Vec::new()), |given| associations_of(object_type, given))?,
        idempotency_key: IdempotencyKey::parse(body.text("idempotency_key")?)?,
        correlation_id: call.correlation_id.clone(),
        deadline: request.deadline,
    })
}

/// The refusal stands whether or not the entry could be written; a lost one is at least logged.
async fn audit_mismatch(deps: &Deps, tenant: &TenantId, system: System, call: &Call) {
    let entry = AuditEntry {
        id: deps.clock.unique_id(),
        tenant: tenant.clone(),
        action: AuditAction::TenantMismatch,
        route: format!("POST /integrations/crm/{system}/upsert"),
        correlation_id: call.correlation_id.clone(),
        occurred_at: deps.clock.now(),
    };
    if let Err(error) = deps.audit.record(&entry).await {
        let correlation_id = call.correlation_id.as_str();
        tracing::error!(%error, correlation_id, tenant_id = %tenant, "An audit entry was lost.");
    }
}

fn report(
    tenant: Option<&TenantId>,
    call: &Call,
    outcome: &'static str,
    status: u16,
    latency: Duration,
) {
    let tenant_id = tenant.map_or("unknown", TenantId::as_str);
    let system = call.system.map_or("unknown", System::as_str);
    let stats = &call.stats;
    let duration_ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(
        correlation_id = call.correlation_id.as_str(),
        tenant_id,
        system,
        route = ROUTE,
        outcome,
        status,
        duration_ms,
        provider_calls = stats.provider_calls,
        provider_retries = stats.provider_retries,
        took_over = stats.took_over,
        "An upsert was answered."
    );
    metrics::emit(CallMetrics {
        route: ROUTE,
        system,
        tenant_id: tenant_id.to_owned(),
        outcome,
        calls: 1,
        failures: u64::from(status >= 500),
        provider_calls: stats.provider_calls.into(),
        provider_retries: stats.provider_retries.into(),
        latency,
        provider_latency: stats.provider_time,
    });
}
