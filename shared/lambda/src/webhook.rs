//! One delivery of a provider: its limits, the answer, one log line and one metric.
//!
//! The same for every provider; what differs is behind the ports. Every fault of ours is answered
//! with a 5xx and in time, because the provider then delivers again. A provider that wants to hear more
//! than a 2xx hears it of accepted deliveries alone, so that whatever else is answered, be it by the
//! gateway, makes it deliver again.
//!
//! The address of a delivery may end with a token that nobody else may know: it goes to the protocol
//! and nowhere else, neither into a log line nor into an answer.

use std::collections::BTreeSet;
use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use sync_domain::model::{CorrelationId, System, TenantId};
use sync_domain::ports::{
    AccountDirectory, Acknowledgement, Clock, SigningSecretSource, UnreadableDelivery,
    WebhookDelivery, WebhookProtocol, WorkQueue,
};
use sync_domain::usecase::accept_webhook::{
    AcceptWebhook, AcceptWebhookDeps, AcceptWebhookError, WebhookStats, accept_webhook,
};

use crate::api::ApiResponse;
use crate::metrics::{self, CallMetrics};
use crate::problem::{ErrorCode, Problem};
use crate::webhook_edge::WebhookRequest;

/// The largest body that is taken. A hundred events of HubSpot, each with a long property value, are
/// far less.
const BODY_MAX_BYTES: usize = 1024 * 1024;
/// How long a provider waits for an answer; HubSpot's is the shortest of those that we know.
const PROVIDER_WAITS: Duration = Duration::from_secs(5);
/// Left for the answer's way back.
const RESERVE: Duration = Duration::from_millis(600);
/// A gateway gives up before this; a request that seems older was not timed by our clock.
const GATEWAY_WAIT_MAX: Duration = Duration::from_secs(30);
/// When to try again where nobody says: long enough for a passing fault to pass.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// The most tenants that a log line names.
const TENANTS_LOGGED_MAX: usize = 10;

/// A provider's route with what it needs.
pub struct WebhookRoute {
    /// The function, as metrics and logs name it.
    pub route: &'static str,
    /// What providers call us by, without a slash at its end. Empty: the host that was called.
    pub public_base_url: String,
    /// The provider.
    pub protocol: Arc<dyn WebhookProtocol>,
    /// What deliveries are signed with.
    pub secrets: Arc<dyn SigningSecretSource>,
    /// Whose account it is, for verified deliveries.
    pub accounts: Arc<dyn AccountDirectory>,
    /// The same for accounts that anybody may have made up.
    pub claimed_accounts: Arc<dyn AccountDirectory>,
    /// Where changes go.
    pub queue: Arc<dyn WorkQueue>,
    /// Where the provider sends from (`WEBHOOK_SOURCE_ADDRESSES`); empty: from anywhere.
    pub sources: BTreeSet<IpAddr>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// The path of a system's webhooks. In addresses of a connection's own a token may follow.
pub fn webhook_path(system: System) -> String {
    format!("/webhooks/{}/{system}", system.kind())
}

/// Answers one request.
pub async fn handle(route: &WebhookRoute, request: WebhookRequest) -> ApiResponse {
    let began = route.clock.now();
    let correlation_id = request.correlation_id.clone();
    let mut stats = WebhookStats::default();
    let result = accept(route, request, &mut stats).await;
    let latency = Duration::try_from(route.clock.now().duration_since(began)).unwrap_or_default();
    report(route, &correlation_id, &stats, &result, latency);
    match result {
        Ok(Some(acknowledgement)) => ApiResponse::acknowledged(acknowledgement, correlation_id),
        Ok(None) => {
            let skipped = stats.ignored + stats.unreadable + stats.foreign + stats.unconnected;
            let body = json!({ "accepted": stats.events - skipped, "skipped": skipped });
            ApiResponse::ok(&body, correlation_id)
        }
        Err(refusal) => ApiResponse::problem(&refusal.problem, correlation_id),
    }
}

/// What the sender is told, and what only the log and the metrics are.
struct Refusal {
    problem: Problem,
    outcome: &'static str,
    cause: String,
}

impl Refusal {
    fn new(problem: Problem, cause: impl Into<String>) -> Self {
        Self { outcome: problem.code.as_str(), problem, cause: cause.into() }
    }
}

/// The outcome of a delivery that people have to enter a secret or an address for. It is told from
/// other 503s, because it does not pass by itself.
const UNPROVEN: &str = "unproven";

async fn accept(
    route: &WebhookRoute,
    request: WebhookRequest,
    stats: &mut WebhookStats,
) -> Result<Option<Acknowledgement>, Refusal> {
    let answer_by = answer_by(&request, route.clock.now());
    let url = called_url(route, &request);
    let body = request.body.map_err(|_undecodable| {
        Refusal::new(Problem::new(ErrorCode::InvalidEvents), "body_not_base64")
    })?;
    if body.len() > BODY_MAX_BYTES {
        let problem = Problem::new(ErrorCode::BodyTooLarge).detail("must not exceed 1 MiB");
        return Err(Refusal::new(problem, "body_too_large"));
    }
    let delivery = WebhookDelivery {
        method: request.method,
        url,
        headers: request.headers,
        body,
        source: request.source,
    };
    let deps = AcceptWebhookDeps {
        protocol: route.protocol.as_ref(),
        secrets: route.secrets.as_ref(),
        accounts: route.accounts.as_ref(),
        claimed_accounts: route.claimed_accounts.as_ref(),
        queue: route.queue.as_ref(),
        sources: &route.sources,
        clock: route.clock.as_ref(),
    };
    let command =
        AcceptWebhook { delivery: &delivery, answer_by, correlation_id: request.correlation_id };
    let drops_refused = route.protocol.drops_refused();
    let accepted = accept_webhook(&deps, &command, stats).await;
    accepted.map_err(|error| refusal_of(&error, drops_refused))?;
    Ok(route.protocol.acknowledgement(&delivery))
}

/// The provider's patience counts from when the gateway got the request, which is before a cold
/// start; the invocation's own end may be nearer.
fn answer_by(request: &WebhookRequest, now: Timestamp) -> Timestamp {
    let is_timed =
        |at: &Timestamp| *at <= now && now.duration_since(*at) < to_signed(GATEWAY_WAIT_MAX);
    let received_at = request.received_at.filter(is_timed).unwrap_or(now);
    (received_at + PROVIDER_WAITS).min(request.deadline) - RESERVE
}

fn to_signed(duration: Duration) -> jiff::SignedDuration {
    jiff::SignedDuration::try_from(duration).unwrap_or(jiff::SignedDuration::MAX)
}

/// The address as the provider called it. What follows the webhook's path in the gateway's, a token,
/// follows it here; what is before it there, a stage, is not what the provider called where the API has
/// a name of its own.
fn called_url(route: &WebhookRoute, request: &WebhookRequest) -> String {
    let mut url = if route.public_base_url.is_empty() {
        format!("https://{}{}", request.domain_name, request.raw_path)
    } else {
        let path = webhook_path(route.protocol.system());
        let after = request.raw_path.split_once(&path).map_or("", |(_stage, after)| after);
        format!("{}{path}{after}", route.public_base_url)
    };
    if !request.raw_query.is_empty() {
        url.push('?');
        url.push_str(&request.raw_query);
    }
    url
}

/// How an error is answered. A proven delivery that can't be read may be one that we don't know to read
/// yet: where the vendor gives up what is refused, it is put off like a fault of ours.
fn refusal_of(error: &AcceptWebhookError, drops_refused: bool) -> Refusal {
    let later = || Problem::new(ErrorCode::ServiceUnavailable).retry_after(Some(RETRY_AFTER));
    // The kind of the inner error and no more: an SDK's full text may quote an item.
    let inner = || match error.source() {
        Some(inner) => format!("{error}: {inner}"),
        None => error.to_string(),
    };
    match error {
        AcceptWebhookError::Unsigned(fault) => {
            Refusal::new(ErrorCode::InvalidSignature.into(), fault.as_str())
        }
        AcceptWebhookError::Unproven(fault) => {
            let refusal = Refusal::new(later(), format!("{UNPROVEN}: {}", fault.as_str()));
            Refusal { outcome: UNPROVEN, ..refusal }
        }
        AcceptWebhookError::Unreadable(unreadable) => {
            let (cause, detail) = unreadable_texts(unreadable);
            if drops_refused {
                return Refusal::new(later(), format!("unreadable: {cause}"));
            }
            Refusal::new(Problem::new(ErrorCode::InvalidEvents).detail(detail), cause)
        }
        AcceptWebhookError::Secrets(_)
        | AcceptWebhookError::Accounts(_)
        | AcceptWebhookError::NotEnqueued
        | AcceptWebhookError::OutOfTime => Refusal::new(later(), inner()),
    }
}

/// What the log line says of a delivery that can't be read, and what its sender is told.
const fn unreadable_texts(unreadable: &UnreadableDelivery) -> (&'static str, &'static str) {
    match unreadable {
        UnreadableDelivery::NotAList => ("not_a_list", "must be what the provider sends"),
        UnreadableDelivery::TooMany => {
            ("too_many_events", "must not hold more than the provider sends")
        }
        UnreadableDelivery::UnknownVersion => {
            ("unknown_version", "must be of the version that the webhook was registered with")
        }
    }
}

fn report(
    route: &WebhookRoute,
    correlation_id: &CorrelationId,
    stats: &WebhookStats,
    result: &Result<Option<Acknowledgement>, Refusal>,
    latency: Duration,
) {
    let system = route.protocol.system().as_str();
    let problem = result.as_ref().err().map(|refusal| &refusal.problem);
    let outcome = result.as_ref().err().map_or("accepted", |refusal| refusal.outcome);
    let status = problem.map_or(200, |problem| problem.code.status());
    let tenants: Vec<_> =
        stats.tenants.iter().take(TENANTS_LOGGED_MAX).map(TenantId::as_str).collect();
    let duration_ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(
        correlation_id = correlation_id.as_str(),
        tenant_ids = tenants.join(","),
        tenants = stats.tenants.len(),
        system,
        route = route.route,
        outcome,
        cause = result.as_ref().err().map(|refusal| refusal.cause.as_str()),
        status,
        duration_ms,
        events = stats.events,
        events_ignored = stats.ignored,
        events_unreadable = stats.unreadable,
        events_foreign = stats.foreign,
        events_unconnected = stats.unconnected,
        messages = stats.messages,
        messages_not_enqueued = stats.not_enqueued,
        "A webhook was answered."
    );
    let tenant_id = match tenants.as_slice() {
        [] => "unknown".to_owned(),
        [tenant] => (*tenant).to_owned(),
        [_, _, ..] => "several".to_owned(),
    };
    if outcome == UNPROVEN {
        metrics::emit_webhook_unproven(system, tenant_id.clone());
    }
    metrics::emit(CallMetrics {
        route: route.route,
        system,
        tenant_id,
        outcome,
        calls: 1,
        failures: u64::from(status >= 500),
        provider_calls: 0,
        provider_retries: 0,
        latency,
        provider_latency: Duration::ZERO,
    });
}
