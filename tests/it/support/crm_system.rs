//! What differs between CRMs for a test: how an account is set up and connected, the vendor's names
//! and shapes, and what its users can do. Tests that hold for every CRM go over [`CrmSystem::ALL`].

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::tenant::{Provider, Tenant};

/// A CRM that the sandbox plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrmSystem {
    Hubspot,
    Salesforce,
    Pipedrive,
}

/// What a private app of HubSpot's for this product may do.
const HUBSPOT_SCOPES: [&str; 13] = [
    "oauth",
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "crm.objects.companies.read",
    "crm.objects.companies.write",
    "crm.objects.deals.read",
    "crm.objects.deals.write",
    "crm.schemas.contacts.read",
    "crm.schemas.contacts.write",
    "crm.schemas.companies.read",
    "crm.schemas.companies.write",
    "crm.schemas.deals.read",
    "crm.schemas.deals.write",
];

impl CrmSystem {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Hubspot, Self::Salesforce, Self::Pipedrive];

    pub const fn provider(self) -> Provider {
        let system = match self {
            Self::Hubspot => "hubspot",
            Self::Salesforce => "salesforce",
            Self::Pipedrive => "pipedrive",
        };
        Provider { kind: "crm", system }
    }

    /// The CRM of a provider.
    pub fn of(provider: Provider) -> Self {
        Self::ALL.into_iter().find(|system| system.provider() == provider).unwrap()
    }

    /// An id of the vendor's form that no other account has.
    pub fn new_account_id(self) -> String {
        let number = Uuid::new_v4().as_u128();
        match self {
            Self::Hubspot => format!("7{:08}", number % 100_000_000),
            Self::Pipedrive => format!("8{:07}", number % 10_000_000),
            // The last three characters tell which of the others are upper case: the D alone.
            Self::Salesforce => format!("00D{:012}EAA", number % 1_000_000_000_000),
        }
    }

    /// What the account is called with.
    pub fn new_token(self) -> String {
        let unique = Uuid::new_v4().simple();
        match self {
            Self::Hubspot => format!("pat-na1-canary-{unique}"),
            Self::Salesforce => format!("canary-client-secret-{unique}"),
            Self::Pipedrive => format!("canary-api-token-{unique}"),
        }
    }

    /// The account at the sandbox, but for its id.
    pub fn account(self, tenant: &Tenant) -> Value {
        match self {
            Self::Hubspot => json!({
                "access_token": tenant.access_token,
                "scopes": HUBSPOT_SCOPES,
                "webhook_url": tenant.shared_webhook_url(),
                "webhook_secret": tenant.webhook_secret,
            }),
            Self::Salesforce => json!({
                "domain": tenant.id,
                "client_id": client_id(tenant),
                "client_secret": tenant.access_token,
                "webhook_secret": tenant.webhook_secret,
            }),
            Self::Pipedrive => json!({ "domain": tenant.id, "api_token": tenant.access_token }),
        }
    }

    /// What connects the account, but for the tenant.
    pub fn connection(self, tenant: &Tenant) -> Value {
        match self {
            Self::Hubspot => json!({
                "auth": "private_app",
                "access_token": tenant.access_token,
                "webhook_secret": tenant.webhook_secret,
                "default_region": "US",
            }),
            Self::Salesforce => json!({
                "auth": "client_credentials",
                "domain": tenant.id,
                "client_id": client_id(tenant),
                "client_secret": tenant.access_token,
                "webhook_secret": tenant.webhook_secret,
                "default_region": "US",
            }),
            Self::Pipedrive => json!({
                "auth": "api_token",
                "domain": tenant.id,
                "api_token": tenant.access_token,
                "default_region": "US",
            }),
        }
    }

    /// The attributes of a contact beyond name, email and phone.
    pub fn more_of_contact(self) -> Map<String, Value> {
        let more = match self {
            Self::Hubspot => json!({"company": "Example Works", "lifecyclestage": "lead"}),
            Self::Salesforce | Self::Pipedrive => json!({}),
        };
        more.as_object().unwrap().clone()
    }

    /// Where a new deal is, in our words.
    pub fn deal_stage(self) -> Value {
        match self {
            Self::Hubspot => json!({"pipeline": "default", "stage": "appointmentscheduled"}),
            Self::Salesforce => json!({"stage": "Prospecting"}),
            Self::Pipedrive => json!({"pipeline": "1", "stage": "1"}),
        }
    }

    /// The vendor's values by which a user gives a contact another given name.
    pub fn renamed(self, firstname: &str) -> Value {
        match self {
            Self::Hubspot => json!({ "firstname": firstname }),
            Self::Salesforce => json!({ "FirstName": firstname }),
            // The two go together there.
            Self::Pipedrive => json!({ "first_name": firstname, "last_name": "Canarylast" }),
        }
    }

    /// The vendor's values of a contact that a user makes.
    pub fn new_contact(self, email: &str) -> Value {
        match self {
            Self::Hubspot => json!({ "email": email }),
            Self::Salesforce => json!({ "Email": email, "LastName": "Canarylast" }),
            Self::Pipedrive => json!({
                "name": "Canary Last", "emails": [{"value": email, "primary": true, "label": "work"}],
            }),
        }
    }

    /// What tells a read of records by their ids among the sandbox's routes.
    pub const fn batch_read_route(self) -> &'static str {
        match self {
            Self::Hubspot => "batch/read",
            Self::Salesforce => "POST /services/data/{version}/composite/sobjects/",
            Self::Pipedrive => "GET /api/v2/persons",
        }
    }

    /// The kinds of record that get a key field of ours.
    pub fn keyed_types(self) -> BTreeSet<&'static str> {
        match self {
            Self::Hubspot => ["company", "deal"].into(),
            Self::Salesforce | Self::Pipedrive => ["company", "contact", "deal"].into(),
        }
    }

    /// The sandbox's name of the event that a contact has changed.
    pub const fn change_event(self) -> &'static str {
        match self {
            Self::Hubspot => "contact.propertyChange",
            Self::Salesforce => "contact.update",
            Self::Pipedrive => "change.person",
        }
    }

    /// Whether people enter the address of webhooks at the vendor, as the answer to connecting tells it.
    pub const fn enters_addresses(self) -> bool {
        matches!(self, Self::Salesforce)
    }

    /// Whether a contact has one company at most.
    pub const fn links_one_company(self) -> bool {
        matches!(self, Self::Salesforce | Self::Pipedrive)
    }

    /// Whether users can take records out of the recycling bin, and we hear of it.
    pub const fn restores(self) -> bool {
        matches!(self, Self::Hubspot | Self::Salesforce)
    }
}

/// The id of the tenant's own app.
pub fn client_id(tenant: &Tenant) -> String {
    format!("3MVG9canary{}", tenant.id.replace('-', ""))
}
