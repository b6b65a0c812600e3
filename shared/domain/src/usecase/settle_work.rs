//! What becomes of a message after a worker has looked at it: done, later, or put aside.
//!
//! The queue's own redelivery is left for crashes. Whatever a worker can tell, it decides here: work
//! that must wait is sent anew with a delay, so that waiting burns no receives; work that can't be
//! done goes to the dead letters with its cause. Sending comes before taking the old message off the
//! queue, so a crash in between makes a repeat, never a loss.

use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;

use crate::model::{System, TenantId, UnreadableMessage};
use crate::ports::{
    Clock, ConnectionError, DELAY_MAX, DeadCause, DeadLetter, DeadLetters, ProviderError,
    SendOutcome, StoreError, WorkHistory, WorkMessage, WorkQueue,
};

/// The wait after the first failed try is drawn from half of this to this; it doubles.
const BACKOFF_INITIAL: Duration = Duration::from_secs(2);
/// Failed tries of one message, over all its lives on the queue. With the backoff they span 9
/// to 17 minutes; an outage does not count as tries, see [`Verdict::Wait`].
pub(crate) const ATTEMPTS_MAX: u32 = 10;
/// How long work may wait in all. Below the 14 days that a queue keeps a message, so that it is put
/// aside with its cause and does not just expire.
const AGE_MAX: Duration = Duration::from_secs(4 * 24 * 3600);
/// The wait for a limit whose end nobody told: the longest of the short windows that providers have.
const LIMIT_WAIT: Duration = Duration::from_secs(10);
/// The wait for a new token where the provider gives none at the moment.
const TOKEN_WAIT: Duration = Duration::from_secs(30);
/// Work that waits for the same moment is spread by up to this part of its wait.
const SPREAD: f64 = 0.1;

/// A message as a worker gets it.
#[derive(Debug, Clone)]
pub struct WorkItem {
    /// What a failure is reported by.
    pub id: String,
    /// The body, not yet read.
    pub body: String,
    /// What it has been through.
    pub history: WorkHistory,
}

/// Whose work it is, as far as that could be read.
#[derive(Debug, Clone, Default)]
pub struct WorkOwner {
    /// The tenant.
    pub tenant: Option<TenantId>,
    /// The system.
    pub system: Option<System>,
}

/// What the worker says of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Applied, superseded, or nothing to do.
    Done,
    /// It failed in a way that may pass.
    Retry {
        /// What the provider asks to wait, else the backoff decides.
        after: Option<Duration>,
    },
    /// Nothing was tried: a breaker is open, a limit reached, somebody else is at it. It costs no
    /// try, however often it happens.
    Wait {
        /// For how long.
        after: Duration,
    },
    /// It can't be done.
    Dead(DeadCause),
}

impl Verdict {
    /// The name in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Retry { .. } => "retry",
            Self::Wait { .. } => "wait",
            Self::Dead(_) => "dead",
        }
    }

    /// Why the work can't be done.
    pub const fn cause(self) -> Option<DeadCause> {
        match self {
            Self::Dead(cause) => Some(cause),
            Self::Done | Self::Retry { .. } | Self::Wait { .. } => None,
        }
    }
}

impl From<UnreadableMessage> for Verdict {
    fn from(error: UnreadableMessage) -> Self {
        Self::Dead(match error {
            UnreadableMessage::Malformed => DeadCause::Malformed,
            UnreadableMessage::UnknownVersion => DeadCause::UnknownVersion,
        })
    }
}

impl From<&ProviderError> for Verdict {
    fn from(error: &ProviderError) -> Self {
        match error {
            ProviderError::Rejected { .. } | ProviderError::Duplicate { .. } => {
                Self::Dead(DeadCause::ProviderRejected)
            }
            ProviderError::Unauthorized => Self::Dead(DeadCause::ProviderUnauthorized),
            ProviderError::MissingScope => Self::Dead(DeadCause::ProviderMissingScope),
            // A limit or a closed gate says nothing about the work, so it costs no try.
            ProviderError::RateLimited { .. } | ProviderError::Closed { .. } => {
                Self::Wait { after: error.asked_wait().unwrap_or(LIMIT_WAIT) }
            }
            ProviderError::Contended { .. }
            | ProviderError::Unavailable { .. }
            | ProviderError::TimedOut => Self::Retry { after: error.asked_wait() },
        }
    }
}

impl From<&ConnectionError> for Verdict {
    fn from(error: &ConnectionError) -> Self {
        match error {
            ConnectionError::NotFound => Self::Dead(DeadCause::ConnectionNotFound),
            ConnectionError::Broken => Self::Dead(DeadCause::ProviderUnauthorized),
            ConnectionError::Malformed(_) => Self::Dead(DeadCause::Internal),
            ConnectionError::NoToken { .. } => Self::Wait { after: TOKEN_WAIT },
            ConnectionError::Unavailable(_) => Self::Retry { after: None },
        }
    }
}

impl From<&StoreError> for Verdict {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Conflict => Self::Retry { after: None },
            StoreError::Malformed(_) | StoreError::BadKey(_) => Self::Dead(DeadCause::Internal),
        }
    }
}

/// A message with its verdict.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The message.
    pub item: WorkItem,
    /// Whose it is.
    pub owner: WorkOwner,
    /// What the worker says.
    pub verdict: Verdict,
}

/// The ports of this use case.
pub struct SettleDeps<'a> {
    /// The queue that the messages came from.
    pub queue: &'a dyn WorkQueue,
    /// Where those go that can't be done.
    pub dead_letters: &'a dyn DeadLetters,
    /// Time and dice.
    pub clock: &'a dyn Clock,
}

/// What a batch came to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Messages that are done.
    pub done: usize,
    /// Messages that were sent anew, to be tried later.
    pub parked: usize,
    /// Messages that were put aside, with their causes.
    pub dead: Vec<DeadCause>,
    /// The ids of messages that could be neither sent anew nor put aside: they stay on the queue.
    pub failed: Vec<String>,
}

enum Fate {
    Done,
    Park(WorkMessage),
    Bury(DeadLetter),
}

/// Settles a batch.
pub async fn settle_work(deps: &SettleDeps<'_>, judged: Vec<Judged>) -> Settled {
    let mut settled = Settled::default();
    let (mut parked, mut buried) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
    let mut resolved = Vec::new();
    for work in judged {
        match fate_of(deps, &work) {
            Fate::Done => {
                settled.done += 1;
                resolved.push(work);
            }
            Fate::Park(message) => {
                parked.0.push(work.item.id);
                parked.1.push(message);
            }
            Fate::Bury(letter) => {
                buried.0.push(work.item.id);
                buried.1.push(letter);
            }
        }
    }
    let (sent, put_aside, _resolved) = futures::join!(
        send(deps.queue, &parked.1),
        bury(deps.dead_letters, &buried.1),
        join_all(resolved.iter().map(|work| resolve(deps.dead_letters, work))),
    );
    for (id, outcome) in parked.0.into_iter().zip(outcomes(sent)) {
        match outcome {
            SendOutcome::Accepted => settled.parked += 1,
            SendOutcome::Failed => settled.failed.push(id),
        }
    }
    let letters = buried.0.into_iter().zip(buried.1).zip(outcomes(put_aside));
    for ((id, letter), outcome) in letters {
        match outcome {
            SendOutcome::Accepted => settled.dead.push(letter.cause),
            SendOutcome::Failed => settled.failed.push(id),
        }
    }
    settled
}

/// An answer that is shorter than the question leaves the rest unknown.
fn outcomes(told: Vec<SendOutcome>) -> impl Iterator<Item = SendOutcome> {
    told.into_iter().chain(std::iter::repeat(SendOutcome::Failed))
}

async fn send(queue: &dyn WorkQueue, messages: &[WorkMessage]) -> Vec<SendOutcome> {
    if messages.is_empty() { Vec::new() } else { queue.send(messages).await }
}

async fn bury(dead_letters: &dyn DeadLetters, letters: &[DeadLetter]) -> Vec<SendOutcome> {
    if letters.is_empty() { Vec::new() } else { dead_letters.bury(letters).await }
}

async fn resolve(dead_letters: &dyn DeadLetters, work: &Judged) {
    let WorkOwner { tenant: Some(tenant), system: Some(system) } = &work.owner else { return };
    if let Some(id) = &work.item.history.dead_letter_id {
        dead_letters.resolve(tenant, *system, id).await;
    }
}

fn fate_of(deps: &SettleDeps<'_>, work: &Judged) -> Fate {
    let now = deps.clock.now();
    let history = &work.item.history;
    let attempt = match work.verdict {
        Verdict::Done => return Fate::Done,
        Verdict::Dead(cause) => return Fate::Bury(letter(deps, work, cause, now)),
        Verdict::Retry { .. } => history.attempt + 1,
        Verdict::Wait { .. } => history.attempt,
    };
    if attempt >= ATTEMPTS_MAX {
        return Fate::Bury(letter(deps, work, DeadCause::AttemptsExhausted, now));
    }
    if history.first_enqueued_at + AGE_MAX < now {
        return Fate::Bury(letter(deps, work, DeadCause::TooOld, now));
    }
    let random = deps.clock.random().clamp(0.0, 1.0);
    let wait = match work.verdict {
        Verdict::Retry { after: None } => backoff(attempt, random),
        Verdict::Retry { after: Some(after) } | Verdict::Wait { after } => {
            after.mul_f64(1.0 + SPREAD * random)
        }
        Verdict::Done | Verdict::Dead(_) => Duration::ZERO,
    };
    Fate::Park(WorkMessage {
        body: work.item.body.clone(),
        delay: wait.min(DELAY_MAX),
        history: WorkHistory { attempt, ..history.clone() },
    })
}

/// The wait after failed try number `attempt` (from 1). `random` is a draw from 0 to 1.
pub(crate) fn backoff(attempt: u32, random: f64) -> Duration {
    let doublings = attempt.saturating_sub(1).min(16);
    let ceiling = BACKOFF_INITIAL.saturating_mul(1 << doublings).min(DELAY_MAX);
    ceiling.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
}

fn letter(deps: &SettleDeps<'_>, work: &Judged, cause: DeadCause, now: Timestamp) -> DeadLetter {
    let id = work.item.history.dead_letter_id.clone().unwrap_or_else(|| deps.clock.unique_id());
    DeadLetter {
        body: work.item.body.clone(),
        history: WorkHistory { dead_letter_id: Some(id.clone()), ..work.item.history.clone() },
        id,
        cause,
        tenant: work.owner.tenant.clone(),
        system: work.owner.system,
        failed_at: now,
    }
}
