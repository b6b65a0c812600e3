//! The way of every vendor request: who calls, which fault hits, limits, the vendor itself, the
//! record. Carrying a request out has no await in it, so a caller that goes away can't leave it
//! half done.

use std::sync::Arc;

use axum::response::Response;
use http::StatusCode;
use serde_json::Value;

use super::{Caller, FaultDetails, Outcome, System, VendorRequest};
use crate::accounts::Account;
use crate::calls::CallRecord;
use crate::clock::now_ms;
use crate::connection::Connection;
use crate::faults::{Fault, deliver};
use crate::spread::Spread;
use crate::state::SandboxState;
use crate::webhooks::{Target, send_later};

/// Larger requests are refused before a vendor sees them.
pub const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;

fn carry_out(
    state: &SandboxState,
    system: System,
    caller: Caller,
    request: &VendorRequest,
) -> Outcome {
    let vendor = state.vendors.get(system);
    let account = match caller {
        Caller { account: Some(account), refusal: None } => account,
        Caller { refusal, .. } => {
            let refusal = refusal.unwrap_or_else(|| {
                vendor.error_answer(StatusCode::UNAUTHORIZED, &FaultDetails::default())
            });
            return Outcome::unchanged(refusal);
        }
    };
    let policies = vendor.policies(&account, request);
    match state.rates.admit(system, &account.account, &policies, now_ms()) {
        Err(policy) => Outcome::unchanged(vendor.over_limit(&policy)),
        Ok(usages) => {
            let mut outcome = vendor.handle(&account, request);
            for (name, value) in vendor.limit_headers(&usages) {
                outcome.answer.set_header(name, &value);
            }
            outcome
        }
    }
}

fn open_record(
    state: &SandboxState,
    system: System,
    account: Option<String>,
    request: &VendorRequest,
    fault: Option<&Fault>,
) -> u64 {
    let summary = state.vendors.get(system).describe(request);
    let record = CallRecord {
        time: String::new(),
        at_ms: 0,
        system,
        account,
        method: request.method.to_string(),
        path: request.path.clone(),
        query: request.raw_query.clone(),
        route: summary.route,
        write: summary.is_write,
        status: None,
        applied: false,
        fault: fault.map(|fault| fault.kind.name()),
        fields: summary.fields,
    };
    state.calls.open(record.arrived_at(now_ms()))
}

/// Sends the webhooks of an API write, as vendors do, whether or not its caller is still there.
fn echo(state: &Arc<SandboxState>, account: &Account, events: Vec<Value>) {
    if let (Some(target), false) = (Target::of(account), events.is_empty()) {
        let batches = Spread::default().batches(events).batches;
        tokio::spawn(send_later(Arc::clone(state), target, batches, 0));
    }
}

/// Answers one vendor request.
pub async fn serve(
    state: &Arc<SandboxState>,
    system: System,
    connection: &Connection,
    request: VendorRequest,
) -> Response {
    let vendor = state.vendors.get(system);
    let caller = vendor.identify(&state.accounts, &request);
    let known = caller.account.clone();
    let account = known.as_ref().map(|account| account.account.clone());
    let method = request.method.as_str();
    let fault = state.faults.take(system, account.as_deref(), method, &request.path);
    let number = open_record(state, system, account, &request, fault.as_ref());
    let run = || {
        let outcome = carry_out(state, system, caller, &request);
        if outcome.applied {
            state.calls.mark_applied(number);
        }
        if let Some(account) = known.filter(|account| account.webhooks_on_api_writes) {
            echo(state, &account, outcome.events);
        }
        outcome.answer
    };
    let (response, status) = match fault {
        None => {
            let answer = run();
            let status = answer.status.as_u16();
            (answer.into_response(), Some(status))
        }
        Some(fault) => {
            let real = fault.carries_out().then(run);
            deliver(&fault, vendor, real, connection, &state.pauses).await
        }
    };
    if let Some(status) = status {
        state.calls.close(number, status);
    }
    response
}
