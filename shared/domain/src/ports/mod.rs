//! What the use cases need from outside, one narrow trait per capability.
//!
//! The traits are taken as `&dyn Port`, so a use case is compiled once. Their errors are cut by what
//! the caller does next. Adapters live in `sync-aws` and `sync-providers`, fakes in `sync-testkit`,
//! and one contract suite runs against both.

mod account_connector;
mod account_directory;
mod audit_log;
mod backfill_rows;
mod booking_reader;
mod booking_store;
mod clock;
mod connection_registry;
mod connection_store;
mod credential_store;
mod crm_change_feed;
mod crm_gateway;
mod crm_reader;
mod crm_sweep_store;
mod event_bus;
mod gate_store;
mod import_store;
mod push_store;
mod record_store;
mod secret_source;
mod sweep_directory;
mod upsert_store;
mod webhook_protocol;
mod webhook_secrets;
mod work_counts;
mod work_queue;

pub use account_connector::{
    AccountAccess, AccountConnector, AccountDetails, AccountGap, ConnectorCatalog, GrantError,
    Hook, HookAddress, HookRegistration, HookSecret, KeyProperty, OauthApp, OauthTokens,
    TenantGrant,
};
pub use account_directory::{
    AccountClaim, AccountDirectory, AccountOwner, AccountRegistry, AuthMode,
};
pub use audit_log::AuditLog;
pub use backfill_rows::{BackfillRow, BackfillRows, ReadRow, RowFault, RowsBroken};
pub use booking_reader::{
    AskedBooking, BookingPage, BookingReader, BookingSelection, BookingWindow, PageError,
    ToldBooking, UnreadableBooking,
};
pub use booking_store::{
    BOOKINGS_READ_MAX, BookingOutcome, BookingStore, BookingWrite, ClientDirectory, ClientLookup,
    FoundClients, KnownBooking,
};
pub use clock::Clock;
pub use connection_registry::{
    ConnectionEntry, ConnectionLock, ConnectionRegistry, ConnectionStatus, Fenced, Finish, Found,
    HookStatus, LockOutcome,
};
pub use connection_store::{Connection, ConnectionError, ConnectionStore, CustomFields};
pub use credential_store::{CredentialStore, Credentials, OauthAppSource, WebhookSecretPair};
pub use crm_change_feed::{ChangeSpan, ChangedObject, ChangedPage, CrmChangeFeed};
pub use crm_gateway::{
    Called, Checked, CrmGateway, ProviderError, Quota, RateLimits, RateScope, RemoteEffect,
    RemoteRecord, Wanted, Written,
};
pub use crm_reader::{AssociationsOf, AssociationsPage, CrmReader, READ_MAX, RemoteObject};
pub use crm_sweep_store::{CrmSweepStore, SWEEP_TURN, SweepOf, SweepTurn, SweepWatermark};
pub use event_bus::{BusError, EVENTS_PER_CALL_MAX, EventBus, PutOutcome};
pub use gate_store::{GateStore, SaveOutcome};
pub use import_store::{ImportAnswer, ImportClaim, ImportClaimOutcome, ImportStore, Watermark};
pub use push_store::{KeyStatus, Parked, PushStart, PushStore, QueuedAgain, QueuedPush};
pub use record_store::{
    COMMIT_MAX, CommitOutcome, Loaded, Lookup, PointerWrite, RecordCommit, RecordScope,
    RecordStore, RecordWrite, Seen,
};
pub use secret_source::{SecretError, SecretSource, SecretWriter};
pub use sweep_directory::{SWEEP_SLOTS, SlotPage, SweepDirectory, sweep_slot};
pub use upsert_store::{
    Answer, Claim, ClaimOutcome, Completion, Expectation, Finished, Release, StaleClaim, StaleLock,
    StoreError, UpsertStore,
};
pub use webhook_protocol::{
    Acknowledgement, DeliveredBooking, DeliveredChange, DeliveredEvents, DeliverySignature,
    HeaderValue, SignatureFault, SignedBy, UnreadableDelivery, WebhookDelivery, WebhookProtocol,
};
pub use webhook_secrets::{
    HookOrigin, SecretAge, SecretHolder, SigningSecretSource, SigningSecrets,
};
pub use work_counts::{BoundedCount, COUNT_MAX, WaitingWork, WorkCounts};
pub use work_queue::{
    DELAY_MAX, DeadCause, DeadLetter, DeadLetters, SendOutcome, WorkHistory, WorkMessage, WorkQueue,
};
