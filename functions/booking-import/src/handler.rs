//! The route: check who asks and for what, run the use case, answer.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};
use sync_domain::model::{IdempotencyKey, InvalidField, System, SystemKind, TenantId};
use sync_domain::ports::{BookingSelection, ImportAnswer};
use sync_domain::usecase::apply_bookings::ApplyPorts;
use sync_domain::usecase::import_bookings::{
    ImportBookings, ImportDeps, Imported, import_bookings, selection_of,
};
use sync_domain::usecase::read_bookings::ReadPorts;
use sync_lambda::api::{ApiRequest, ApiResponse, JsonBody};
use sync_lambda::problem::{ErrorCode, Problem};
use sync_lambda::tenancy::TenantGuard;
use sync_wiring::{Parts, gate_notice};

use crate::problem::problem_of;
use crate::report::{Call, report};

/// The scope that a token needs.
const SCOPE: &str = "booking:import";
/// The route, as metrics and logs name it.
pub const ROUTE: &str = "booking-import";
/// The members of a request.
const MEMBERS: [&str; 8] = [
    "tenant_id",
    "since",
    "until",
    "booking_ids",
    "customer_ids",
    "cursor",
    "idempotency_key",
    "correlation_id",
];
/// A moment in RFC 3339 is no longer, whatever its fraction.
const MOMENT_MAX_BYTES: usize = 64;

/// What the route needs.
pub struct Deps {
    pub parts: Parts,
    pub tenant_claim: String,
    /// What cursors are sealed with.
    pub cursor_key: SecretString,
    /// How far ahead is read by default.
    pub horizon: Duration,
}

/// Answers one request.
pub async fn handle(deps: &Deps, request: ApiRequest) -> ApiResponse {
    let clock = deps.parts.clock.as_ref();
    let began = clock.now();
    let mut call = Call::new(request.correlation_id.clone());
    let result = import(deps, &request, &mut call).await;
    let latency = Duration::try_from(clock.now().duration_since(began)).unwrap_or_default();
    report(&call, &result, latency);
    match result {
        Ok(imported) => ApiResponse::ok(&answer_body(&imported.answer), call.correlation_id),
        Err(problem) => ApiResponse::problem(&problem, call.correlation_id),
    }
}

fn answer_body(answer: &ImportAnswer) -> Value {
    json!({
        "imported": answer.imported,
        "updated": answer.updated,
        "skipped_duplicates": answer.skipped_duplicates,
        "next_cursor": answer.next_cursor,
    })
}

async fn import(deps: &Deps, request: &ApiRequest, call: &mut Call) -> Result<Imported, Problem> {
    let tenant = request.claims.tenant_with_scope(&deps.tenant_claim, SCOPE)?;
    call.tenant = Some(tenant.clone());
    let system = request.path_parameters.get("system").map_or("", String::as_str);
    let unknown = || Problem::new(ErrorCode::UnknownSystem);
    let system = System::of_kind(SystemKind::Booking, system).ok_or_else(unknown)?;
    call.system = Some(system);
    let body = JsonBody::of(request)?;
    if let Some(given) = body.correlation_id()? {
        call.correlation_id = given;
    }
    let parts = &deps.parts;
    let guard = TenantGuard {
        audit: parts.table.as_ref(),
        clock: parts.clock.as_ref(),
        route: format!("POST /integrations/booking/{system}/import"),
        correlation_id: &call.correlation_id,
    };
    guard.check(&tenant, body.text("tenant_id")?).await?;
    let command = command_of(&body, tenant, system, request, call)?;
    let reader = parts.catalog.booking(system).ok_or_else(unknown)?;
    let import_deps = ImportDeps {
        read: ReadPorts {
            connections: parts.connections.as_ref(),
            reader: reader.as_ref(),
            gate: &parts.gate,
            notice: gate_notice,
            clock: parts.clock.as_ref(),
        },
        apply: ApplyPorts {
            bookings: parts.table.as_ref(),
            clients: parts.table.as_ref(),
            clock: parts.clock.as_ref(),
        },
        imports: parts.table.as_ref(),
        retry: parts.retry,
        call_timeout: parts.call_timeout,
        cursor_key: &deps.cursor_key,
        horizon: deps.horizon,
    };
    let imported = import_bookings(&import_deps, &command, &mut call.stats).await;
    imported.map_err(|error| problem_of(&error))
}

fn command_of(
    body: &JsonBody,
    tenant: TenantId,
    system: System,
    request: &ApiRequest,
    call: &Call,
) -> Result<ImportBookings, InvalidField> {
    body.only(&MEMBERS)?;
    let key = body.optional_text("idempotency_key")?.map(IdempotencyKey::parse).transpose()?;
    Ok(ImportBookings {
        tenant,
        system,
        since: moment(body, "since")?,
        until: moment(body, "until")?,
        selection: selection(body)?,
        cursor: body.optional_text("cursor")?.map(str::to_owned),
        idempotency_key: key,
        correlation_id: call.correlation_id.clone(),
        deadline: request.deadline,
    })
}

fn moment(body: &JsonBody, name: &'static str) -> Result<Option<Timestamp>, InvalidField> {
    let Some(text) = body.optional_text(name)? else { return Ok(None) };
    let reason = "must be a date and time with an offset, as in 2026-01-31T00:00:00Z";
    let parsed = (text.len() <= MOMENT_MAX_BYTES).then(|| text.parse().ok()).flatten();
    parsed.map(Some).ok_or_else(|| InvalidField::new(name, reason))
}

/// What is named; an empty list counts as given.
fn selection(body: &JsonBody) -> Result<Option<BookingSelection>, InvalidField> {
    let (bookings, customers) = (texts(body, "booking_ids")?, texts(body, "customer_ids")?);
    if bookings.is_none() && customers.is_none() {
        return Ok(None);
    }
    let (bookings, customers) = (bookings.unwrap_or_default(), customers.unwrap_or_default());
    selection_of(&bookings, &customers).map(Some)
}

fn texts<'b>(body: &'b JsonBody, name: &'static str) -> Result<Option<Vec<&'b str>>, InvalidField> {
    let Some(value) = body.optional(name) else { return Ok(None) };
    let texts = value.as_array().and_then(|values| values.iter().map(Value::as_str).collect());
    texts.map(Some).ok_or_else(|| InvalidField::new(name, "must be an array of strings"))
}
