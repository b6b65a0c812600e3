//! Calls to the provider: each through the gate, counted, and only if there is time for it.

use std::time::Duration;

use super::claiming::until_from;
use super::{UpsertDeps, UpsertStats};
use crate::gate::Caller;
use crate::ports::{Called, Connection, ProviderError};

/// Time kept back at the end of the invocation for the completion and the answer.
const COMPLETION_RESERVE: Duration = Duration::from_millis(1_500);

/// The one way from an upsert to the provider, through the gate, with every request counted.
/// `requests` is how many a call is that fails; `wait_max` is for its turn at the gate.
pub(super) async fn called<T>(
    deps: &UpsertDeps<'_>,
    connection: &Connection,
    stats: &mut UpsertStats,
    (requests, wait_max): (u32, Duration),
    call: impl Future<Output = Result<Called<T>, ProviderError>>,
) -> Result<T, ProviderError> {
    let began = deps.clock.now();
    let caller = Caller {
        gate: deps.gate,
        clock: deps.clock,
        limits: deps.gateway,
        connection,
        class: deps.class,
        wait_max,
        notice: deps.notice,
    };
    let result = caller.call(requests, call).await;
    stats.provider_calls += match &result {
        Ok(called) => called.calls,
        Err(ProviderError::Closed { .. }) => 0,
        Err(_) => requests,
    };
    stats.provider_time += until_from(began, deps.clock.now());
    result.map(|called| called.value)
}

/// The time that so many requests, one after the other, and the completion need at most.
pub(super) fn time_for(deps: &UpsertDeps<'_>, rounds: u32) -> Duration {
    deps.call_timeout.saturating_mul(rounds).saturating_add(COMPLETION_RESERVE)
}
