//! The route: check who asks and what, run the use case, answer, and write one log line.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use sync_domain::gate::Class;
use sync_domain::model::{
    CorrelationId, IdempotencyKey, InvalidField, ObjectType, System, SystemKind, TenantId,
    associations_of,
};
use sync_domain::ports::{Answer, WorkQueue};
use sync_domain::usecase::upsert_record::{
    UpsertDeps, UpsertOutcome, UpsertRecord, UpsertStats, Upserted, upsert_record,
};
use sync_lambda::api::{ApiRequest, ApiResponse, JsonBody};
use sync_lambda::metrics::{self, CallMetrics};
use sync_lambda::problem::{ErrorCode, Problem};
use sync_lambda::tenancy::TenantGuard;
use sync_wiring::{Parts, gate_notice};

use crate::problem::problem_of;
use crate::status;

/// The scope that a token needs.
pub const SCOPE: &str = "crm:write";
/// The route, as metrics and logs name it.
const ROUTE: &str = "crm-upsert";
/// The members of a request.
const MEMBERS: [&str; 6] =
    ["tenant_id", "type", "attributes", "associations", "idempotency_key", "correlation_id"];

/// What the route needs.
pub struct Deps {
    pub parts: Parts,
    pub push_queue: Arc<dyn WorkQueue>,
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
    if request.method == Method::GET {
        return status::handle(deps, &request).await;
    }
    let clock = deps.parts.clock.as_ref();
    let began = clock.now();
    let mut call = Call {
        correlation_id: request.correlation_id.clone(),
        tenant: None,
        system: None,
        stats: UpsertStats::default(),
    };
    let result = upsert(deps, &request, &mut call).await;
    let latency = Duration::try_from(clock.now().duration_since(began)).unwrap_or_default();
    let (outcome, status) = match &result {
        Ok(UpsertOutcome::Queued) => ("queued", 202),
        Ok(UpsertOutcome::Done(upserted)) if upserted.is_replay => ("replayed", 200),
        Ok(UpsertOutcome::Done(upserted)) => (upserted.answer.status.as_str(), 200),
        Err(problem) => (problem.code.as_str(), problem.code.status()),
    };
    report(call.tenant.as_ref(), &call, outcome, status, latency);
    match result {
        Ok(UpsertOutcome::Done(Upserted { answer, .. })) => {
            ApiResponse::ok(&answer_body(&answer), call.correlation_id)
        }
        Ok(UpsertOutcome::Queued) => ApiResponse::accepted(&queued_body(), call.correlation_id),
        Err(problem) => ApiResponse::problem(&problem, call.correlation_id),
    }
}

/// What a caller is told of an upsert that is done.
pub fn answer_body(answer: &Answer) -> Value {
    json!({"external_id": answer.external_id.as_str(), "status": answer.status.as_str()})
}

/// What a caller is told of an upsert that waits.
pub fn queued_body() -> Value {
    json!({"external_id": null, "status": "queued"})
}

async fn upsert(
    deps: &Deps,
    request: &ApiRequest,
    call: &mut Call,
) -> Result<UpsertOutcome, Problem> {
    let tenant = request.claims.tenant_with_scope(&deps.tenant_claim, SCOPE)?;
    call.tenant = Some(tenant.clone());
    let system = request.path_parameters.get("system").map_or("", String::as_str);
    let unknown = || Problem::new(ErrorCode::UnknownSystem);
    let system = System::of_kind(SystemKind::Crm, system).ok_or_else(unknown)?;
    call.system = Some(system);
    let body = JsonBody::of(request)?;
    if let Some(given) = body.correlation_id()? {
        call.correlation_id = given;
    }
    let guard = TenantGuard {
        audit: deps.parts.table.as_ref(),
        clock: deps.parts.clock.as_ref(),
        route: format!("POST /integrations/crm/{system}/upsert"),
        correlation_id: &call.correlation_id,
    };
    guard.check(&tenant, body.text("tenant_id")?).await?;
    let command = command_of(&body, tenant, system, request, call)?;
    let parts = &deps.parts;
    let gateway = parts.catalog.crm(system).ok_or_else(unknown)?;
    let deps = UpsertDeps {
        connections: parts.connections.as_ref(),
        store: parts.table.as_ref(),
        gateway: gateway.as_ref(),
        gate: &parts.gate,
        class: Class::Live,
        notice: gate_notice,
        pushes: parts.table.as_ref(),
        push_queue: deps.push_queue.as_ref(),
        clock: parts.clock.as_ref(),
        retry: parts.retry,
        call_timeout: parts.call_timeout,
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
