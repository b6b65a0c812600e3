//! The one way to a provider: through the gate, and back with a report.

use std::time::Duration;

use super::entry::{Entry, Outcome, Permit, Reported, Visit};
use super::gatekeeper::Gate;
use super::ledger::Class;
use super::quota_day::daily_limit_until;
use crate::ports::{Called, Clock, Connection, ProviderError, Quota, RateLimits};

/// Is told when a call has changed the gate for all instances.
pub type GateNotice = fn(&Connection, Reported);

/// Who calls, for whom, and how long they can wait for their turn.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    /// The gate of this function instance.
    pub gate: &'a Gate,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Who knows the limits.
    pub limits: &'a dyn RateLimits,
    /// Whose account.
    pub connection: &'a Connection,
    /// Who is waiting.
    pub class: Class,
    /// The longest wait in front of the gate.
    pub wait_max: Duration,
    /// Tells the operators.
    pub notice: GateNotice,
}

impl Caller<'_> {
    /// Makes a call of so many requests if the gate lets it through.
    ///
    /// # Errors
    /// What the call ended in, or [`ProviderError::Closed`].
    pub async fn call<T>(
        &self,
        requests: u32,
        call: impl Future<Output = Result<Called<T>, ProviderError>>,
    ) -> Result<Called<T>, ProviderError> {
        let permit = self.permit(requests).await?;
        let result = call.await;
        let outcome = match &result {
            // It was the last one of the day.
            Ok(Called { quota: Some(Quota { remaining: 0, .. }), .. }) => {
                Some(Outcome::DailyLimit {
                    until: daily_limit_until(
                        self.clock.now(),
                        self.connection.time_zone.as_deref(),
                    ),
                })
            }
            Ok(called) => Some(Outcome::Succeeded { reading: called.rate }),
            Err(error) => {
                Outcome::of(error, self.clock.now(), self.connection.time_zone.as_deref())
            }
        };
        if let Some(outcome) = outcome {
            self.report(permit, outcome).await;
        }
        result
    }

    async fn permit(&self, requests: u32) -> Result<Permit, ProviderError> {
        let visit = Visit {
            tenant: &self.connection.tenant,
            system: self.connection.system,
            class: self.class,
            default_limit: self.limits.default_limit(self.connection),
            requests,
            wait_max: self.wait_max,
        };
        match self.gate.enter(&visit).await {
            Entry::Permit(permit) => Ok(permit),
            Entry::Closed(closed) => {
                let wait = closed.until.duration_since(self.clock.now());
                let retry_after = Duration::try_from(wait).unwrap_or_default();
                Err(ProviderError::Closed { retry_after, reason: closed.reason })
            }
        }
    }

    async fn report(&self, permit: Permit, outcome: Outcome) {
        let reported = self.gate.report(permit, outcome).await;
        if reported != Reported::Noted {
            (self.notice)(self.connection, reported);
        }
    }
}
