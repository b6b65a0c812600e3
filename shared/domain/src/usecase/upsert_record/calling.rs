//! Calls to the provider: each through the gate, counted, and only if there is time for it.

use std::time::Duration;

use jiff::Timestamp;

use super::claiming::until_from;
use super::{UpsertDeps, UpsertStats};
use crate::gate::Caller;
use crate::ports::{Called, Clock, Connection, ProviderError};
use crate::usecase::time_limit::within;

/// Time kept back at the end of the invocation for the completion and the answer.
pub(super) const COMPLETION_RESERVE: Duration = Duration::from_millis(1_500);

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

/// The call, given up at `end`: what it came to is unknown then.
pub(super) async fn ended_by<T>(
    clock: &dyn Clock,
    end: Timestamp,
    call: impl Future<Output = Result<Called<T>, ProviderError>>,
) -> Result<Called<T>, ProviderError> {
    let time = until_from(clock.now(), end);
    within(clock, time, call).await.unwrap_or(Err(ProviderError::TimedOut))
}

/// The time that so many requests, one after the other, and the completion need at most.
pub(super) fn time_for(deps: &UpsertDeps<'_>, rounds: u32) -> Duration {
    deps.call_timeout.saturating_mul(rounds).saturating_add(COMPLETION_RESERVE)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use async_trait::async_trait;
    use futures::FutureExt;
    use jiff::Timestamp;

    use super::ended_by;
    use crate::ports::{Called, Clock, ProviderError};

    /// Every time limit is over at once, unless it is longer than a second.
    struct Impatient;

    #[async_trait]
    impl Clock for Impatient {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }

        async fn sleep(&self, duration: Duration) {
            if duration > Duration::from_secs(1) {
                std::future::pending::<()>().await;
            }
        }

        fn random(&self) -> f64 {
            0.0
        }

        fn unique_id(&self) -> String {
            String::new()
        }
    }

    fn ended(after_s: i64, is_answered: bool) -> Option<Result<u8, ProviderError>> {
        let end = Timestamp::from_second(after_s).unwrap();
        let call = async {
            if !is_answered {
                std::future::pending::<()>().await;
            }
            Ok(Called { value: 7, calls: 1, rate: None, quota: None })
        };
        ended_by(&Impatient, end, call).now_or_never().map(|it| it.map(|called| called.value))
    }

    #[test]
    fn call_is_given_up_at_its_end_with_an_unknown_outcome() {
        assert_eq!(ended(1, true), Some(Ok(7)), "an answer in time counts");
        assert_eq!(ended(1, false), Some(Err(ProviderError::TimedOut)));
        assert_eq!(ended(9, false), None, "it is waited for as long as there is time");
    }
}
