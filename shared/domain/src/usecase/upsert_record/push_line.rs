//! The line of pushes that wait for one record: the first one is started, carried out, and then
//! completed, put back or given up.

use std::sync::Arc;

use jiff::Timestamp;

use super::calling::time_for;
use super::parking::{may_pass, turn_after};
use super::run::{Run, Stopped};
use super::{UpsertDeps, UpsertError, UpsertStats};
use crate::model::{OwnerId, PushMessage};
use crate::ports::{
    Claim, Connection, ConnectionError, DeadCause, ProviderError, PushStart, QueuedPush,
    RemoteEffect, StoreError,
};
use crate::usecase::fresh_connection::after_refusal;
use crate::usecase::settle_work::{ATTEMPTS_MAX, Verdict, backoff};

/// What became of the push at the head of the line.
pub(super) enum Step {
    /// It is done.
    Finished,
    /// It is out of the line for now.
    GivenUp(DeadCause),
    /// Look again: somebody else has settled it, or it is worth another try at once.
    Again,
    /// It stays, and so do those behind it.
    Later(Verdict),
}

/// A worker at the line of one record.
pub(super) struct Line<'a, 'd> {
    deps: &'a UpsertDeps<'d>,
    /// The tenant's connection, or why there will be none.
    connection: Result<Arc<Connection>, DeadCause>,
    /// Whether the connection was renewed already.
    is_renewed: bool,
    deadline: Timestamp,
    stats: &'a mut UpsertStats,
}

impl<'a, 'd> Line<'a, 'd> {
    /// Begins. Without a connection for good, pushes are given up one by one: an operator can have
    /// them tried again when the tenant has connected.
    pub(super) async fn open(
        deps: &'a UpsertDeps<'d>,
        message: &PushMessage,
        deadline: Timestamp,
        stats: &'a mut UpsertStats,
    ) -> Result<Self, Verdict> {
        let found = deps.connections.connection(&message.tenant, message.system).await;
        let connection = match found.map_err(|error: ConnectionError| Verdict::from(&error)) {
            Ok(connection) => Ok(connection),
            Err(Verdict::Dead(cause)) => Err(cause),
            Err(later) => return Err(later),
        };
        Ok(Self { deps, connection, is_renewed: false, deadline, stats })
    }

    /// Carries out the push that is first in the line.
    pub(super) async fn carry_out(&mut self, push: &QueuedPush) -> Result<Step, StoreError> {
        let deps = self.deps;
        let now = deps.clock.now();
        // A look and a write.
        if now + time_for(deps, 2) > self.deadline {
            return Ok(Step::Later(Verdict::Wait { after: turn_after(deps, None) }));
        }
        let claim = push.claim_by(OwnerId::new(deps.clock.unique_id()), now, self.deadline);
        match deps.pushes.start(push, &claim).await? {
            PushStart::Started => {}
            PushStart::Busy { until } => {
                return Ok(Step::Later(Verdict::Wait { after: turn_after(deps, until) }));
            }
            PushStart::Gone => return Ok(Step::Again),
            PushStart::Unchanged => return Ok(Step::Finished),
            PushStart::Superseded => return Ok(Step::GivenUp(DeadCause::Superseded)),
        }
        let connection = match &self.connection {
            Ok(connection) => Arc::clone(connection),
            Err(cause) => return self.give_up(push, &claim, *cause).await,
        };
        let is_unresolved = push.effect == RemoteEffect::Unknown;
        let mut run =
            Run { deps, claim: &claim, connection: Arc::clone(&connection), stats: self.stats };
        match run.write(is_unresolved).await {
            Ok(done) => Ok(match run.complete(done).await {
                Ok(_stored) => Step::Finished,
                // The lease ends by itself; then somebody finds it done at the provider.
                Err(error) => Step::Later(self.verdict_of(&error)),
            }),
            Err(stopped) => self.stop(push, &claim, &connection, stopped).await,
        }
    }

    /// What becomes of a push that could not be carried out.
    async fn stop(
        &mut self,
        push: &QueuedPush,
        claim: &Claim,
        connection: &Connection,
        stopped: Stopped,
    ) -> Result<Step, StoreError> {
        let deps = self.deps;
        let mut push = QueuedPush { effect: stopped.effect(), ..push.clone() };
        let verdict = self.verdict_of(&stopped.error);
        let UpsertError::Provider(error) = &stopped.error else {
            deps.pushes.put_back(&push, claim).await?;
            return Ok(Step::Later(verdict));
        };
        if *error == ProviderError::Unauthorized && self.renew(connection).await {
            deps.pushes.put_back(&push, claim).await?;
            return Ok(Step::Again);
        }
        match verdict {
            Verdict::Dead(cause) => return self.give_up(&push, claim, cause).await,
            Verdict::Retry { .. } if !may_pass(&stopped.error) => {
                return self.give_up(&push, claim, DeadCause::ProviderRejected).await;
            }
            Verdict::Retry { .. } if push.tries + 1 >= ATTEMPTS_MAX => {
                return self.give_up(&push, claim, DeadCause::AttemptsExhausted).await;
            }
            Verdict::Retry { .. } => push.tries += 1,
            Verdict::Wait { .. } | Verdict::Done => {}
        }
        deps.pushes.put_back(&push, claim).await?;
        let backoff = || backoff(push.tries, deps.clock.random());
        Ok(Step::Later(match verdict {
            // The try is counted with the push: the message may be another one's.
            Verdict::Retry { after } => Verdict::Wait { after: after.unwrap_or_else(backoff) },
            Verdict::Wait { .. } | Verdict::Dead(_) | Verdict::Done => verdict,
        }))
    }

    async fn give_up(
        &self,
        push: &QueuedPush,
        claim: &Claim,
        cause: DeadCause,
    ) -> Result<Step, StoreError> {
        let now = self.deps.clock.now();
        self.deps.pushes.give_up(push, claim, cause.as_str(), now).await?;
        Ok(Step::GivenUp(cause))
    }

    /// Gets another token, once, if there is one by now.
    async fn renew(&mut self, refused: &Connection) -> bool {
        if self.is_renewed {
            return false;
        }
        self.is_renewed = true;
        let Ok(Some(other)) = after_refusal(self.deps.connections, refused).await else {
            return false;
        };
        self.connection = Ok(other);
        true
    }

    fn verdict_of(&self, error: &UpsertError) -> Verdict {
        match error {
            UpsertError::Provider(error) => Verdict::from(error),
            UpsertError::Store(error) => Verdict::from(error),
            UpsertError::Connection(error) => Verdict::from(error),
            UpsertError::InProgress { retry_after } => Verdict::Wait { after: *retry_after },
            UpsertError::Invalid(_) | UpsertError::KeyReused => {
                Verdict::Wait { after: turn_after(self.deps, None) }
            }
        }
    }
}
