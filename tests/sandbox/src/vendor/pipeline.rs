//! The way of every vendor request: who calls, which fault hits, limits, the vendor itself, the
//! record. Carrying a request out has no await in it, so a caller that goes away can't leave it
//! half done.

use std::sync::Arc;

use axum::response::Response;
use http::{HeaderValue, StatusCode};
use serde_json::Value;

use super::{Caller, FaultDetails, Outcome, System, VendorRequest};
use crate::accounts::Account;
use crate::calls::CallRecord;
use crate::clock::now_ms;
use crate::connection::Connection;
use crate::faults::{Fault, deliver};
use crate::rates::{Policy, Window};
use crate::spread::Spread;
use crate::state::SandboxState;
use crate::webhooks::{addressed, send_later};

/// Larger requests are refused before a vendor sees them.
pub const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;

/// The limits of a call, and how many calls of its account run with it.
struct CallLoad<'a> {
    policies: &'a [Policy],
    running: usize,
}

impl CallLoad<'_> {
    /// The policy that lets fewer calls run at one time.
    fn crowded(&self) -> Option<&Policy> {
        let of_running = |policy: &&Policy| policy.window == Window::AtOnce;
        self.policies.iter().filter(of_running).find(|policy| self.running > policy.max_calls)
    }

    /// What the call costs, where calls have prices.
    fn price(&self) -> Option<usize> {
        self.policies.iter().find_map(|policy| match policy.window {
            Window::Tokens { cost, .. } => Some(cost),
            Window::Rolling { .. } | Window::Day { .. } | Window::AtOnce => None,
        })
    }
}

fn carry_out(
    state: &SandboxState,
    system: System,
    caller: Caller,
    load: &CallLoad<'_>,
    request: &VendorRequest,
) -> Outcome {
    let vendor = state.vendors.get(system);
    let account = match caller {
        Caller { account: Some(account), settled: None } => account,
        Caller { settled, .. } => {
            let settled = settled.unwrap_or_else(|| {
                vendor.error_answer(StatusCode::UNAUTHORIZED, &FaultDetails::default())
            });
            return Outcome::unchanged(settled);
        }
    };
    let admitted = match load.crowded() {
        Some(policy) => Err(policy.clone()),
        None => state.rates.admit(system, &account.account, load.policies, now_ms()),
    };
    match admitted {
        Err(policy) => {
            state.traffic.refuse(system, &account.account, &policy);
            Outcome::unchanged(vendor.refuse(&account, request, &policy))
        }
        Ok(usages) => {
            if let Some(cost) = load.price() {
                let route = vendor.describe(request).route;
                state.traffic.spend(system, &account.account, route, cost);
            }
            vendor.handle_within(&account, request, &usages)
        }
    }
}

/// Tells the caller its limits, as they stand after the call, unless a fault has said something
/// else about them.
fn add_limit_headers(
    state: &SandboxState,
    account: &Account,
    policies: &[Policy],
    response: &mut Response,
) {
    let usages = state.rates.peek(account.system, &account.account, policies, now_ms());
    for (name, value) in state.vendors.get(account.system).limit_headers(account, &usages) {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().entry(name).or_insert(value);
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
    let vendor = state.vendors.get(account.system);
    let spread = Spread::default().within(vendor.events_per_webhook());
    let addressed = addressed(state, account, spread.batches(events).batches);
    if !addressed.is_empty() {
        tokio::spawn(send_later(Arc::clone(state), addressed, 0));
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
    // Bad credentials get no word about the limits of the account that they may once have had.
    let is_admitted = caller.settled.is_none();
    let account = known.as_ref().map(|account| account.account.clone());
    let method = request.method.as_str();
    let fault = state.faults.take(system, account.as_deref(), method, &request.path, now_ms());
    let number = open_record(state, system, account, &request, fault.as_ref());
    let policies = known.as_ref().map(|account| vendor.policies(account, &request));
    let policies = policies.unwrap_or_default();
    let in_flight = known
        .as_ref()
        .map(|account| state.traffic.receive(system, &account.account, &policies, now_ms()));
    let running = in_flight.as_ref().map_or(0, |in_flight| in_flight.running);
    let load = CallLoad { policies: &policies, running };
    let run = || {
        let outcome = carry_out(state, system, caller, &load, &request);
        if outcome.applied {
            state.calls.mark_applied(number);
        }
        if let Some(account) = known.as_ref().filter(|account| account.webhooks_on_api_writes) {
            echo(state, account, outcome.events);
        }
        outcome.answer
    };
    let (mut response, status) = match fault {
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
    if let Some(account) = known.as_ref().filter(|_| is_admitted) {
        add_limit_headers(state, account, &policies, &mut response);
    }
    if let Some(status) = status {
        state.calls.close(number, status);
    }
    response
}
