//! The routes of a connection: check who asks and for what, run the use case, answer, and write one
//! log line.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use sync_domain::model::{CorrelationId, System, SystemKind, TenantId};
use sync_domain::ports::{
    AccountConnector, AccountRegistry, AuditLog, Clock, ConnectionRegistry, ConnectorCatalog,
    CredentialStore, GateStore, HookStatus, OauthAppSource, ProviderError, WorkCounts,
};
use sync_domain::retry::RetryPolicy;
use sync_domain::usecase::connect_account::{ConnectAccount, begin_consent, connect_account};
use sync_domain::usecase::connection_health::{HealthDeps, connection_health};
use sync_domain::usecase::disconnect_account::disconnect_account;
use sync_domain::usecase::locked_connection::{ConnectionDeps, ConnectionRequest, ManageError};
use sync_domain::usecase::registered_hook::RegisteredHook;
use sync_domain::usecase::rotate_connection::{RotateConnection, rotate_connection};
use sync_lambda::api::{ApiRequest, ApiResponse, JsonBody};
use sync_lambda::metrics::{self, CallMetrics};
use sync_lambda::problem::{ErrorCode, Problem};
use sync_lambda::tenancy::TenantGuard;
use sync_lambda::webhook::webhook_path;

use crate::answer;
use crate::problem::problem_of;
use crate::request::{Connect, connect_of, rotation_of};

/// The scope that a token needs.
const SCOPE: &str = "connections:manage";
/// The function, as metrics and logs name it.
const ROUTE: &str = "connections";

/// What the routes need.
pub struct Deps {
    pub registry: Arc<dyn ConnectionRegistry>,
    pub credentials: Arc<dyn CredentialStore>,
    pub accounts: Arc<dyn AccountRegistry>,
    pub apps: Arc<dyn OauthAppSource>,
    pub connectors: Arc<dyn ConnectorCatalog>,
    pub audit: Arc<dyn AuditLog>,
    pub gate: Arc<dyn GateStore>,
    pub counts: Arc<dyn WorkCounts>,
    pub clock: Arc<dyn Clock>,
    pub retry: RetryPolicy,
    /// How long a rotated webhook secret stays good.
    pub grace: Duration,
    pub tenant_claim: String,
    /// What providers call us by; empty: the host that was called.
    pub public_base_url: String,
}

/// What is known of a call by the time it ends.
struct Call {
    correlation_id: CorrelationId,
    tenant: Option<TenantId>,
    system: Option<System>,
}

/// Answers one request.
pub async fn handle(deps: &Deps, request: ApiRequest) -> ApiResponse {
    let began = deps.clock.now();
    let correlation_id = request.correlation_id.clone();
    let mut call = Call { correlation_id, tenant: None, system: None };
    let result = route(deps, &request, &mut call).await;
    let latency = Duration::try_from(deps.clock.now().duration_since(began)).unwrap_or_default();
    let (outcome, status) = match &result {
        Ok(_) => ("done", 200),
        Err(problem) => (problem.code.as_str(), problem.code.status()),
    };
    report(&call, request.method.as_str(), outcome, status, latency);
    match result {
        Ok(body) => ApiResponse::ok(&body, call.correlation_id),
        Err(problem) => ApiResponse::problem(&problem, call.correlation_id),
    }
}

async fn route(deps: &Deps, request: &ApiRequest, call: &mut Call) -> Result<Value, Problem> {
    let tenant = request.claims.tenant_with_scope(&deps.tenant_claim, SCOPE)?;
    call.tenant = Some(tenant.clone());
    let system = system_of(request).ok_or(Problem::new(ErrorCode::UnknownSystem))?;
    call.system = Some(system);
    let has_body = request.method == Method::PUT || request.method == Method::POST;
    let body = if has_body { Some(JsonBody::of(request)?) } else { None };
    let named = match &body {
        Some(body) => {
            if let Some(given) = body.correlation_id()? {
                call.correlation_id = given;
            }
            Some(body.text("tenant_id")?)
        }
        None => request.query.get("tenant_id").map(String::as_str),
    };
    let path = format!("/integrations/{}/{system}/connection", system.kind());
    let verb = if request.method == Method::POST { "/rotate" } else { "" };
    let route = format!("{} {path}{verb}", request.method);
    let guard = TenantGuard {
        audit: deps.audit.as_ref(),
        clock: deps.clock.as_ref(),
        route: route.clone(),
        correlation_id: &call.correlation_id,
    };
    guard.check(&tenant, named.unwrap_or(tenant.as_str())).await?;
    let command = ConnectionRequest {
        tenant,
        system,
        route,
        webhook_url: webhook_url(deps, request, system),
        correlation_id: call.correlation_id.clone(),
        deadline: request.deadline,
    };
    match (&request.method, body) {
        (&Method::PUT, Some(body)) => connect(deps, command, &body).await,
        (&Method::POST, Some(body)) => rotate(deps, command, &body).await,
        (&Method::DELETE, _) => disconnect(deps, &command).await,
        (&Method::GET, _) => health(deps, &command).await,
        // The gateway sends nothing else; a template that does is at fault.
        _ => Err(ErrorCode::InternalError.into()),
    }
}

/// The system of the path, if it is of the kind that the path names.
fn system_of(request: &ApiRequest) -> Option<System> {
    let kind = SystemKind::parse(request.path_parameters.get("kind")?)?;
    System::of_kind(kind, request.path_parameters.get("system")?)
}

/// What the tenant enters at the provider, or we register there.
fn webhook_url(deps: &Deps, request: &ApiRequest, system: System) -> String {
    let path = webhook_path(system);
    if deps.public_base_url.is_empty() {
        return format!("https://{}{path}", request.domain_name);
    }
    format!("{}{path}", deps.public_base_url)
}

fn ports<'a>(deps: &'a Deps, connector: &'a dyn AccountConnector) -> ConnectionDeps<'a> {
    ConnectionDeps {
        registry: deps.registry.as_ref(),
        credentials: deps.credentials.as_ref(),
        accounts: deps.accounts.as_ref(),
        apps: deps.apps.as_ref(),
        connector,
        clock: deps.clock.as_ref(),
        retry: deps.retry,
    }
}

fn problem(error: ManageError) -> Problem {
    problem_of(&error)
}

async fn connect(
    deps: &Deps,
    request: ConnectionRequest,
    body: &JsonBody,
) -> Result<Value, Problem> {
    let system = request.system;
    let connector = deps.connectors.connector(system);
    let ports = ports(deps, connector.as_ref());
    match connect_of(body, connector.as_ref())? {
        Connect::Begin => {
            let consent = begin_consent(&ports, &request).await.map_err(problem)?;
            Ok(answer::consent(system, &consent))
        }
        Connect::With { method, default_region, import_horizon_days } => {
            let told = request.clone();
            let grace = deps.grace;
            let command =
                ConnectAccount { request, method, default_region, import_horizon_days, grace };
            let connected = connect_account(&ports, command).await.map_err(problem)?;
            log_registration(&told, connected.webhook.as_ref());
            log_left(&told, connected.former_webhook_left.as_ref());
            Ok(answer::connected(system, &connected, &told.webhook_url))
        }
    }
}

async fn rotate(
    deps: &Deps,
    request: ConnectionRequest,
    body: &JsonBody,
) -> Result<Value, Problem> {
    let system = request.system;
    let connector = deps.connectors.connector(system);
    let secrets = rotation_of(body, connector.as_ref())?;
    let command = RotateConnection { request, secrets, grace: deps.grace };
    let rotated = rotate_connection(&ports(deps, connector.as_ref()), &command).await;
    let rotated = rotated.map_err(problem)?;
    log_registration(&command.request, rotated.webhook.as_ref());
    Ok(answer::rotated(system, &rotated))
}

async fn disconnect(deps: &Deps, request: &ConnectionRequest) -> Result<Value, Problem> {
    let connector = deps.connectors.connector(request.system);
    let left = disconnect_account(&ports(deps, connector.as_ref()), request).await;
    log_left(request, left.map_err(problem)?.as_ref());
    Ok(json!({"system": request.system.as_str(), "status": "disconnected"}))
}

async fn health(deps: &Deps, request: &ConnectionRequest) -> Result<Value, Problem> {
    let connector = deps.connectors.connector(request.system);
    let ports = HealthDeps {
        registry: deps.registry.as_ref(),
        credentials: deps.credentials.as_ref(),
        connector: connector.as_ref(),
        gate: deps.gate.as_ref(),
        counts: deps.counts.as_ref(),
        clock: deps.clock.as_ref(),
    };
    let health = connection_health(&ports, &request.tenant, request.system).await;
    Ok(answer::health(request.system, &health.map_err(problem)?, &request.webhook_url))
}

/// A webhook that is not there is no fault of the request, and nobody but the operators hears of it.
fn log_registration(request: &ConnectionRequest, hook: Option<&RegisteredHook>) {
    let Some(hook) = hook.filter(|hook| hook.status != HookStatus::Registered) else { return };
    tracing::warn!(
        correlation_id = request.correlation_id.as_str(),
        tenant_id = request.tenant.as_str(),
        system = request.system.as_str(),
        webhook_status = hook.status.as_str(),
        cause = hook.failure.as_ref().map(ToString::to_string),
        "The webhook is not registered at the provider."
    );
}

fn log_left(request: &ConnectionRequest, failure: Option<&ProviderError>) {
    let Some(failure) = failure else { return };
    tracing::warn!(
        correlation_id = request.correlation_id.as_str(),
        tenant_id = request.tenant.as_str(),
        system = request.system.as_str(),
        cause = failure.to_string(),
        "A webhook may be left at the provider; its deliveries are refused."
    );
}

fn report(call: &Call, method: &str, outcome: &'static str, status: u16, latency: Duration) {
    let tenant_id = call.tenant.as_ref().map_or("unknown", TenantId::as_str);
    let system = call.system.map_or("unknown", System::as_str);
    let duration_ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(
        correlation_id = call.correlation_id.as_str(),
        tenant_id,
        system,
        route = ROUTE,
        method,
        outcome,
        status,
        duration_ms,
        "A request for a connection was answered."
    );
    metrics::emit(CallMetrics {
        route: ROUTE,
        system,
        tenant_id: tenant_id.to_owned(),
        outcome,
        calls: 1,
        failures: u64::from(status >= 500),
        provider_calls: 0,
        provider_retries: 0,
        latency,
        provider_latency: Duration::ZERO,
    });
}
