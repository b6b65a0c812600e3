//! A CRM, as the use cases see it.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::Connection;
use crate::gate::{ClosedReason, RateLimit, RateReading};
use crate::model::{Attributes, CrmDraft, ExternalId, InvalidField, ObjectType, RecordChange};

/// What an upsert wants to be at the provider.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The record.
    pub draft: &'a CrmDraft,
    /// The provider's id of the record as we stored it; given only where the gateway asks for it
    /// ([`CrmGateway::needs_known`]).
    pub known: Option<&'a ExternalId>,
    /// When the first attempt at it began, by our clock. The same for every further one.
    pub began_at: Timestamp,
}

/// What is left of the account's quota of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// The most calls, or the vendor's own unit, of a day.
    pub max: u64,
    /// Those that are left of it.
    pub remaining: u64,
}

/// What a call came to and what it cost.
#[derive(Debug, Clone)]
pub struct Called<T> {
    /// The result.
    pub value: T,
    /// How many requests were sent, one at least.
    pub calls: u32,
    /// What the last answer that spoke of it said of the account's limit.
    pub rate: Option<RateReading>,
    /// What the last answer that spoke of it said of the day's quota.
    pub quota: Option<Quota>,
}

/// What the provider did with a draft.
#[derive(Debug, Clone)]
pub struct Written {
    /// The provider's id of the record.
    pub external_id: ExternalId,
    /// Whether the record is new.
    pub change: RecordChange,
    /// What the answer said of the attributes that we know.
    pub attributes: Attributes,
    /// When the provider last changed the record, if it says so.
    pub provider_version: Option<Timestamp>,
}

/// A record as the provider holds it now.
#[derive(Debug, Clone)]
pub struct RemoteRecord {
    /// The provider's id.
    pub external_id: ExternalId,
    /// The values of the attributes that we know.
    pub attributes: Attributes,
    /// When the provider created it, if it says so.
    pub created_at: Option<Timestamp>,
    /// When the provider last changed it, if it says so.
    pub provider_version: Option<Timestamp>,
}

/// What a check without a call came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// Nothing is known against the draft.
    Passed,
    /// The account's own lists must be read first, see [`CrmGateway::refresh`].
    Unsure,
}

/// Whether a call that failed may have had an effect all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoteEffect {
    /// Surely not: the provider said so.
    None,
    /// Perhaps: it must be found out before anything is written again.
    Unknown,
}

/// Which of an account's limits was exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateScope {
    /// One of some seconds; it passes by itself.
    Window,
    /// The one of the day, which ends at midnight where the account is.
    Daily,
}

/// Why a call to the provider failed, cut by what is done next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// The provider refuses this content; trying again won't help.
    #[error("the provider refused the record")]
    Rejected {
        /// The vendor's own code, one of a known form (`INVALID_EMAIL`).
        vendor_code: Option<String>,
        /// The path of the attribute or association at fault.
        field: Option<String>,
    },
    /// The provider holds records that this one may be, and which of them can't be told: somebody has
    /// to decide there.
    #[error("the provider holds records that this one may be")]
    Duplicate {
        /// The vendor's own code, one of a known form (`DUPLICATES_DETECTED`).
        vendor_code: String,
        /// The vendor's name of the rule that found them, if a rule did.
        rule: Option<String>,
        /// Their ids, some of them if they are many.
        matches: Vec<ExternalId>,
    },
    /// The tenant's credentials are refused.
    #[error("the provider refused the credentials")]
    Unauthorized,
    /// The tenant's credentials lack a permission.
    #[error("the provider says that a scope is missing")]
    MissingScope,
    /// Someone else is writing the same record; worth another try after a moment.
    #[error("the record is being written by someone else")]
    Contended {
        /// How long to wait at least.
        retry_after: Duration,
        /// HTTP status that said so, for the log.
        status: u16,
    },
    /// The account is over its limit.
    #[error("the provider limits the rate")]
    RateLimited {
        /// What the provider asks for, else what is known of the limit.
        retry_after: Option<Duration>,
        /// Which limit.
        scope: RateScope,
    },
    /// The provider has a fault or an answer that can't be read.
    #[error("the provider is not available")]
    Unavailable {
        /// The HTTP status, if there was an answer.
        status: Option<u16>,
        /// What the provider asks for.
        retry_after: Option<Duration>,
        /// Whether something may have been written.
        effect: RemoteEffect,
    },
    /// No answer in time.
    #[error("the provider did not answer in time")]
    TimedOut,
    /// It was not called: the gate in front of it is closed.
    #[error("the provider is not called for now: {}", reason.as_str())]
    Closed {
        /// When it is worth coming back.
        retry_after: Duration,
        /// Why.
        reason: ClosedReason,
    },
}

impl ProviderError {
    /// Whether the call may have had an effect.
    pub const fn effect(&self) -> RemoteEffect {
        match self {
            Self::Unavailable { effect, .. } => *effect,
            Self::TimedOut => RemoteEffect::Unknown,
            Self::Rejected { .. }
            | Self::Duplicate { .. }
            | Self::Unauthorized
            | Self::MissingScope
            | Self::Contended { .. }
            | Self::RateLimited { .. }
            | Self::Closed { .. } => RemoteEffect::None,
        }
    }

    /// Whether another attempt at once could succeed, and what the provider asks to wait for. Who
    /// was not let through the gate has waited there as long as he could.
    pub const fn retry(&self) -> Option<Option<Duration>> {
        match self {
            Self::Rejected { .. }
            | Self::Duplicate { .. }
            | Self::Unauthorized
            | Self::MissingScope
            | Self::Closed { .. } => None,
            Self::Contended { .. }
            | Self::RateLimited { .. }
            | Self::Unavailable { .. }
            | Self::TimedOut => Some(self.asked_wait()),
        }
    }

    /// How long to stay away, where that was said.
    pub const fn asked_wait(&self) -> Option<Duration> {
        match self {
            Self::Contended { retry_after, .. } | Self::Closed { retry_after, .. } => {
                Some(*retry_after)
            }
            Self::RateLimited { retry_after, .. } | Self::Unavailable { retry_after, .. } => {
                *retry_after
            }
            Self::Rejected { .. }
            | Self::Duplicate { .. }
            | Self::Unauthorized
            | Self::MissingScope
            | Self::TimedOut => None,
        }
    }

    /// A short stable name for logs and metrics.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Rejected { .. } => "rejected",
            Self::Duplicate { .. } => "duplicate",
            Self::Unauthorized => "unauthorized",
            Self::MissingScope => "missing_scope",
            Self::Contended { .. } => "contended",
            Self::RateLimited { .. } => "rate_limited",
            Self::Unavailable { .. } => "unavailable",
            Self::TimedOut => "timed_out",
            Self::Closed { .. } => "closed",
        }
    }
}

/// Knows the limits of a provider.
pub trait RateLimits: Send + Sync {
    /// The limit of calls that holds for a connection until an answer tells another.
    fn default_limit(&self, connection: &Connection) -> RateLimit;
}

/// Calls one CRM. The connection is an argument: nothing of one tenant stays in the gateway, but
/// for lists of its account under a key that contains the tenant.
#[async_trait]
pub trait CrmGateway: RateLimits {
    /// Refuses what the provider is known to refuse, before anything is claimed or called.
    ///
    /// # Errors
    /// The field at fault.
    fn check(
        &self,
        connection: &Connection,
        draft: &CrmDraft,
        now: Timestamp,
    ) -> Result<Checked, InvalidField>;

    /// Reads the lists of the account that drafts are checked against, in one call. A failure is
    /// remembered for a while, in which drafts pass and the provider judges them.
    ///
    /// # Errors
    /// See [`ProviderError`].
    async fn refresh(
        &self,
        connection: &Connection,
        now: Timestamp,
    ) -> Result<Called<()>, ProviderError>;

    /// Whether records of a kind are looked for by the id that we stored, because the provider has no
    /// key of ours to find them by, or because knowing it saves more than reading it costs.
    fn needs_known(&self, connection: &Connection, object_type: ObjectType) -> bool {
        !connection.has_key_property(object_type)
    }

    /// How many requests an upsert is expected to send, one after the other: without a key and without
    /// an id the record must be searched for first.
    fn requests(&self, connection: &Connection, wanted: &Wanted<'_>) -> u32 {
        let has_key = connection.has_key_property(wanted.draft.object_type);
        if has_key || wanted.known.is_some() { 1 } else { 2 }
    }

    /// Creates or updates the record.
    ///
    /// # Errors
    /// See [`ProviderError`].
    async fn upsert(
        &self,
        connection: &Connection,
        wanted: &Wanted<'_>,
    ) -> Result<Called<Written>, ProviderError>;

    /// How many requests a look-up is expected to send, one after the other.
    fn find_requests(&self, _connection: &Connection, _wanted: &Wanted<'_>) -> u32 {
        1
    }

    /// Looks the record up by its natural key. It must see what an upsert of the same record has
    /// written, even if nobody saw that upsert's answer.
    ///
    /// # Errors
    /// See [`ProviderError`].
    async fn find(
        &self,
        connection: &Connection,
        wanted: &Wanted<'_>,
    ) -> Result<Called<Option<RemoteRecord>>, ProviderError>;

    /// Associates the record with all that the draft names. It can be done again without harm, and
    /// must be after any failure: some may have been made.
    ///
    /// # Errors
    /// See [`ProviderError`]; a refusal names the association, if the provider does.
    async fn associate(
        &self,
        connection: &Connection,
        draft: &CrmDraft,
        external_id: &ExternalId,
    ) -> Result<Called<()>, ProviderError>;
}
