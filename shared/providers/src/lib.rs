//! All vendor knowledge, one module per system, and the catalog: the one match over systems.
//!
//! A module knows its vendor's URLs, fields, limits and quirks and nothing of our table, our HTTP
//! contract or another vendor. Adding a system: `docs/ADDING_A_PROVIDER.md`.

pub mod http;
pub mod hubspot;

use std::sync::Arc;

use sync_domain::model::System;
use sync_domain::ports::{
    AccountConnector, ConnectorCatalog, CrmGateway, CrmReader, WebhookProtocol,
};

use crate::http::ProviderHttp;
use crate::hubspot::{HubspotConnector, HubspotGateway, HubspotSettings, HubspotWebhooks};

/// Where the vendors are. The defaults are the vendors' own addresses.
#[derive(Debug, Clone)]
pub struct ProviderSettings {
    /// HubSpot.
    pub hubspot: HubspotSettings,
}

/// Every system that this build can talk to, ready to be called.
pub struct ProviderCatalog {
    hubspot: Arc<HubspotGateway>,
    hubspot_connector: Arc<HubspotConnector>,
}

impl ProviderCatalog {
    /// Builds the gateways; they share one HTTP client and its connections.
    pub fn new(http: &ProviderHttp, settings: ProviderSettings) -> Self {
        let connector = HubspotConnector::new(http.clone(), settings.hubspot.clone());
        Self {
            hubspot: Arc::new(HubspotGateway::new(http.clone(), settings.hubspot)),
            hubspot_connector: Arc::new(connector),
        }
    }

    /// The reader of a system's records.
    pub fn crm_reader(&self, system: System) -> Arc<dyn CrmReader> {
        match system {
            System::Hubspot => Arc::clone(&self.hubspot) as Arc<dyn CrmReader>,
        }
    }

    /// The CRM gateway of a system.
    pub fn crm(&self, system: System) -> Arc<dyn CrmGateway> {
        match system {
            System::Hubspot => Arc::clone(&self.hubspot) as Arc<dyn CrmGateway>,
        }
    }
}

impl ConnectorCatalog for ProviderCatalog {
    fn connector(&self, system: System) -> Arc<dyn AccountConnector> {
        match system {
            System::Hubspot => Arc::clone(&self.hubspot_connector) as Arc<dyn AccountConnector>,
        }
    }
}

/// How a system signs and writes its webhooks. It needs no connection to the vendor.
pub fn webhook_protocol(system: System) -> Arc<dyn WebhookProtocol> {
    match system {
        System::Hubspot => Arc::new(HubspotWebhooks),
    }
}
