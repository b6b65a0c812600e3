//! What a simulated vendor is to the rest of the sandbox. A vendor knows its paths, bodies, errors
//! and signatures; faults, call records, limits and accounts are kept outside of it, once for all.
//! A new vendor is one module that implements [`Vendor`], one [`System`] variant and one arm.

mod message;
mod pipeline;
mod portal;

use std::sync::Arc;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::accounts::{Account, AccountBook};
use crate::acuity::Acuity;
use crate::hubspot::Hubspot;
use crate::pipedrive::Pipedrive;
use crate::rates::{Policy, Usage};
use crate::salesforce::Salesforce;
use crate::square::Square;
use crate::vagaro::Vagaro;
use crate::webhooks::Target;
pub use message::{Answer, Outcome, VendorRequest};
pub use pipeline::{MAX_BODY_BYTES, serve};
pub use portal::{EnteredHook, PortalAct, PortalObject, PortalOrder, PortalOutcome};

const HTML_PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Bad gateway</title></head>\n\
    <body><h1>Bad gateway</h1><p>The server returned an invalid response.</p></body></html>\n";

/// The vendors that the sandbox plays. The text form is also the path prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum System {
    /// HubSpot CRM.
    Hubspot,
    /// Acuity Scheduling.
    Acuity,
    /// Salesforce's Sales Cloud.
    Salesforce,
    /// Pipedrive.
    Pipedrive,
    /// Square Appointments.
    Square,
    /// Vagaro.
    Vagaro,
}

impl System {
    /// Every system.
    pub const ALL: [Self; 6] = [
        Self::Hubspot,
        Self::Acuity,
        Self::Salesforce,
        Self::Pipedrive,
        Self::Square,
        Self::Vagaro,
    ];

    /// The name in paths and in the control API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hubspot => "hubspot",
            Self::Acuity => "acuity",
            Self::Salesforce => "salesforce",
            Self::Pipedrive => "pipedrive",
            Self::Square => "square",
            Self::Vagaro => "vagaro",
        }
    }

    /// Reads the name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|system| system.name() == name)
    }
}

/// Who calls, as far as the request tells.
pub struct Caller {
    /// Absent if the credentials lead to nobody, or if none are needed.
    pub account: Option<Arc<Account>>,
    /// The answer that no account is needed for: to bad credentials, or of a public path.
    pub settled: Option<Answer>,
}

/// What the call record keeps of a request.
pub struct Summary {
    /// Method and path template, for example `POST /crm/objects/{version}/contacts/search`.
    pub route: String,
    /// Whether the route can change state, whatever its method.
    pub is_write: bool,
    /// The fields that decide what the request does: ids, property names and values.
    pub fields: Value,
}

/// Details that a fault may ask of a vendor-shaped error.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FaultDetails {
    /// The vendor's error category or code.
    pub category: Option<String>,
    /// The property that a validation error blames.
    pub property_name: Option<String>,
}

/// What a control call wants delivered.
#[derive(Clone, Debug)]
pub struct WebhookOrder {
    /// The objects that changed.
    pub object_ids: Vec<String>,
    /// The vendor's event name; absent means the vendor's usual change event.
    pub event: Option<String>,
    /// The property of a property-change event.
    pub property_name: Option<String>,
    /// The type of the objects, where the event's name doesn't tell it.
    pub object_type: Option<String>,
    /// The form of the webhooks, where the vendor has more than one; absent means all of them.
    pub form: Option<String>,
    /// Fields that are put over those of each event; `null` takes one away.
    pub fields: Value,
}

/// What happens to an OAuth grant outside of the token endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OauthAct {
    /// The refresh token dies; access tokens live on.
    Revoke,
    /// It is good again.
    Restore,
    /// The account throws the app out.
    Uninstall,
    /// A user has allowed the app: this code can be exchanged once.
    AddCode {
        /// The code.
        code: String,
        /// The `code_challenge` of the consent, of an app that proves itself by a verifier.
        challenge: Option<String>,
    },
    /// All access tokens are over now.
    ExpireAccessTokens,
}

/// What happens to a webhook registration outside of the vendor's API.
#[derive(Clone, PartialEq, Eq)]
pub enum HookAct {
    /// The vendor stops sending to it, as after days of failures.
    Disable,
    /// It is good again.
    Enable,
    /// It is gone.
    Remove,
    /// A person enters one, where the vendor has no API for that.
    Add(EnteredHook),
}

/// One webhook request as the vendor would send it.
pub struct SignedWebhook {
    /// Headers, the signature among them.
    pub headers: Vec<(&'static str, String)>,
    /// The exact bytes that were signed.
    pub body: Vec<u8>,
}

/// A simulated vendor.
pub trait Vendor: Send + Sync {
    /// Refuses an account that this vendor could not have.
    fn check_account(&self, account: &Account) -> Result<(), String>;

    /// Takes note of an account that was added or replaced.
    fn account_put(&self, account: &Account);

    /// Finds out who calls.
    fn identify(&self, accounts: &AccountBook, request: &VendorRequest) -> Caller;

    /// Says what the request is about; works for requests that will be refused, too.
    fn describe(&self, request: &VendorRequest) -> Summary;

    /// The rate limits that the request counts against.
    fn policies(&self, account: &Account, request: &VendorRequest) -> Vec<Policy>;

    /// All rate limits of an account, the main one first.
    fn all_policies(&self, account: &Account) -> Vec<Policy>;

    /// The answer to a request over a limit.
    fn over_limit(&self, policy: &Policy) -> Answer;

    /// The same for a vendor that remembers who goes over its limits.
    fn refuse(&self, _: &Account, _: &VendorRequest, policy: &Policy) -> Answer {
        self.over_limit(policy)
    }

    /// Headers that tell the caller its limits.
    fn limit_headers(&self, account: &Account, usages: &[Usage]) -> Vec<(&'static str, String)>;

    /// Carries the request out.
    fn handle(&self, account: &Account, request: &VendorRequest) -> Outcome;

    /// Carries the request out, knowing what it leaves of the limits.
    fn handle_within(
        &self,
        account: &Account,
        request: &VendorRequest,
        usages: &[Usage],
    ) -> Outcome {
        let _ = usages;
        self.handle(account, request)
    }

    /// The vendor's own error for a status, for injected faults.
    fn error_answer(&self, status: StatusCode, details: &FaultDetails) -> Answer;

    /// What its proxies show in place of an answer, for injected faults.
    fn html_page(&self) -> &'static str {
        HTML_PAGE
    }

    /// Drops the objects of one account, or of all.
    fn reset(&self, account: Option<&str>);

    /// Stores objects given in the vendor's shape as if they had long been there; all or none.
    fn seed(&self, account: &Account, objects: &[Value]) -> Result<Vec<String>, String>;

    /// Makes objects by an order of the vendor's own and stores them like [`Vendor::seed`].
    fn generate(&self, account: &Account, order: &Value) -> Result<Vec<String>, String>;

    /// The present objects of a type, in the vendor's shape.
    fn objects(&self, account: &Account, object_type: Option<&str>) -> Result<Vec<Value>, String>;

    /// Does what a user of the vendor's own interface would do, wholly or not at all.
    fn act(&self, account: &Account, order: &PortalOrder) -> Result<PortalOutcome, String>;

    /// Does something to the account's OAuth grant; `None` only looks. Gives the grant's state.
    fn oauth(&self, account: &Account, act: Option<&OauthAct>) -> Result<Value, String>;

    /// Looks at the webhook registrations made through the vendor's API, all or one of them, after
    /// doing something to them if there is an act.
    fn hooks(
        &self,
        account: &Account,
        id: Option<u64>,
        act: Option<&HookAct>,
    ) -> Result<Value, String>;

    /// The events of a webhook order, at least one per object.
    fn webhook_events(&self, account: &Account, order: &WebhookOrder)
    -> Result<Vec<Value>, String>;

    /// The most events of one webhook request.
    fn events_per_webhook(&self) -> usize;

    /// Splits events that can't go in one request.
    fn webhook_requests(&self, events: Vec<Value>) -> Vec<Vec<Value>> {
        vec![events]
    }

    /// Where a request with these events goes; `None` if nobody is there to take them.
    fn webhook_target(&self, account: &Account, events: &[Value]) -> Option<Target>;

    /// Whether the receiver has taken a delivery, by its answer.
    fn takes_webhook(&self, events: &[Value], status: u16, body: &[u8]) -> bool {
        let _ = (events, body);
        (200..300).contains(&status)
    }

    /// Whether a delivery that wasn't taken is tried again after this answer; `None` stands for no
    /// answer.
    fn retries_webhook(&self, status: Option<u16>) -> bool;

    /// The waits before the retries of a delivery; `None` means growing random ones, ten of them.
    fn webhook_retries_ms(&self) -> Option<&'static [u64]> {
        None
    }

    /// Takes note of how an attempt ended; no status stands for no answer.
    fn webhook_tried(&self, _: &Target, _: &[Value], _attempt: u32, _status: Option<u16>) {}

    /// Builds and signs one delivery; called again for each attempt.
    fn sign_webhook(&self, target: &Target, events: &[Value], attempt: u32) -> SignedWebhook;
}

/// All vendors.
#[derive(Default)]
pub struct Vendors {
    hubspot: Hubspot,
    acuity: Acuity,
    salesforce: Salesforce,
    pipedrive: Pipedrive,
    square: Square,
    vagaro: Vagaro,
}

impl Vendors {
    /// The vendor that plays `system`.
    pub fn get(&self, system: System) -> &dyn Vendor {
        match system {
            System::Hubspot => &self.hubspot,
            System::Acuity => &self.acuity,
            System::Salesforce => &self.salesforce,
            System::Pipedrive => &self.pipedrive,
            System::Square => &self.square,
            System::Vagaro => &self.vagaro,
        }
    }
}
