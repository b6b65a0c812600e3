//! All vendor knowledge, one module per system, and the catalog: the one match over systems.
//!
//! A module knows its vendor's URLs, fields, limits and quirks and nothing of our table, our HTTP
//! contract or another vendor. Adding a system: `docs/ADDING_A_PROVIDER.md`.

pub mod acuity;
pub mod export;
pub mod http;
pub mod hubspot;
mod person_fields;
pub mod pipedrive;
pub mod salesforce;
pub mod square;
pub mod vagaro;

use std::io::Read;
use std::sync::Arc;

use jiff::tz::TimeZone;
use sync_domain::model::System;
use sync_domain::ports::{
    AccountConnector, BackfillRows, BookingReader, Clock, ConnectorCatalog, CrmChangeFeed,
    CrmGateway, CrmReader, WebhookProtocol,
};

use crate::acuity::{AcuityConnector, AcuityReader, AcuitySettings, AcuityWebhooks};
use crate::export::{ExportColumns, ExportError};
use crate::http::ProviderHttp;
use crate::hubspot::{HubspotConnector, HubspotGateway, HubspotSettings, HubspotWebhooks};
use crate::pipedrive::{
    PipedriveConnector, PipedriveGateway, PipedriveSettings, PipedriveWebhooks,
};
use crate::salesforce::{
    SalesforceConnector, SalesforceGateway, SalesforceSettings, SalesforceWebhooks,
};
use crate::square::{SquareConnector, SquareReader, SquareSettings, SquareWebhooks};
use crate::vagaro::{VagaroConnector, VagaroExport, VagaroReader, VagaroSettings, VagaroWebhooks};

/// Where the vendors are. The defaults are the vendors' own addresses.
#[derive(Debug, Clone)]
pub struct ProviderSettings {
    /// HubSpot.
    pub hubspot: HubspotSettings,
    /// Salesforce.
    pub salesforce: SalesforceSettings,
    /// Pipedrive.
    pub pipedrive: PipedriveSettings,
    /// Acuity Scheduling.
    pub acuity: AcuitySettings,
    /// Square Appointments.
    pub square: SquareSettings,
    /// Vagaro.
    pub vagaro: VagaroSettings,
}

/// Every system that this build can talk to, ready to be called.
pub struct ProviderCatalog {
    hubspot: Arc<HubspotGateway>,
    hubspot_connector: Arc<HubspotConnector>,
    salesforce: Arc<SalesforceGateway>,
    salesforce_connector: Arc<SalesforceConnector>,
    pipedrive: Arc<PipedriveGateway>,
    pipedrive_connector: Arc<PipedriveConnector>,
    acuity: Arc<AcuityReader>,
    acuity_connector: Arc<AcuityConnector>,
    square: Arc<SquareReader>,
    square_connector: Arc<SquareConnector>,
    vagaro: Arc<VagaroReader>,
    vagaro_connector: Arc<VagaroConnector>,
}

impl ProviderCatalog {
    /// Builds the gateways; they share one HTTP client and its connections. `clock` dates what is
    /// signed for a provider.
    pub fn new(http: &ProviderHttp, settings: ProviderSettings, clock: &Arc<dyn Clock>) -> Self {
        let ProviderSettings { hubspot, salesforce, pipedrive, acuity, square, vagaro } = settings;
        Self {
            hubspot: Arc::new(HubspotGateway::new(http.clone(), hubspot.clone())),
            hubspot_connector: Arc::new(HubspotConnector::new(http.clone(), hubspot)),
            salesforce: Arc::new(SalesforceGateway::new(http.clone(), salesforce.clone())),
            salesforce_connector: Arc::new(SalesforceConnector::new(
                http.clone(),
                salesforce,
                Arc::clone(clock),
            )),
            pipedrive: Arc::new(PipedriveGateway::new(http.clone(), pipedrive.clone())),
            pipedrive_connector: Arc::new(PipedriveConnector::new(http.clone(), pipedrive)),
            acuity: Arc::new(AcuityReader::new(http.clone(), acuity.clone())),
            acuity_connector: Arc::new(AcuityConnector::new(http.clone(), acuity)),
            square: Arc::new(SquareReader::new(http.clone(), square.clone(), Arc::clone(clock))),
            square_connector: Arc::new(SquareConnector::new(
                http.clone(),
                square,
                Arc::clone(clock),
            )),
            vagaro: Arc::new(VagaroReader::new(http.clone(), vagaro.clone(), Arc::clone(clock))),
            vagaro_connector: Arc::new(VagaroConnector::new(http.clone(), vagaro)),
        }
    }

    /// The reader of a CRM's records; `None` for a system that is no CRM.
    pub fn crm_reader(&self, system: System) -> Option<Arc<dyn CrmReader>> {
        match system {
            System::Hubspot => Some(Arc::clone(&self.hubspot) as _),
            System::Salesforce => Some(Arc::clone(&self.salesforce) as _),
            System::Pipedrive => Some(Arc::clone(&self.pipedrive) as _),
            System::Acuity | System::Square | System::Vagaro => None,
        }
    }

    /// The gateway of a CRM; `None` for a system that is none.
    pub fn crm(&self, system: System) -> Option<Arc<dyn CrmGateway>> {
        match system {
            System::Hubspot => Some(Arc::clone(&self.hubspot) as _),
            System::Salesforce => Some(Arc::clone(&self.salesforce) as _),
            System::Pipedrive => Some(Arc::clone(&self.pipedrive) as _),
            System::Acuity | System::Square | System::Vagaro => None,
        }
    }

    /// What tells the changes of a CRM; `None` where webhooks alone do, and for a system that is no CRM.
    pub fn crm_changes(&self, system: System) -> Option<Arc<dyn CrmChangeFeed>> {
        match system {
            System::Salesforce => Some(Arc::clone(&self.salesforce) as _),
            System::Pipedrive => Some(Arc::clone(&self.pipedrive) as _),
            System::Hubspot | System::Acuity | System::Square | System::Vagaro => None,
        }
    }

    /// The reader of a booking system; `None` for a system that is none.
    pub fn booking(&self, system: System) -> Option<Arc<dyn BookingReader>> {
        match system {
            System::Hubspot | System::Salesforce | System::Pipedrive => None,
            System::Acuity => Some(Arc::clone(&self.acuity) as _),
            System::Square => Some(Arc::clone(&self.square) as _),
            System::Vagaro => Some(Arc::clone(&self.vagaro) as _),
        }
    }
}

impl ConnectorCatalog for ProviderCatalog {
    fn connector(&self, system: System) -> Arc<dyn AccountConnector> {
        match system {
            System::Hubspot => Arc::clone(&self.hubspot_connector) as Arc<dyn AccountConnector>,
            System::Salesforce => {
                Arc::clone(&self.salesforce_connector) as Arc<dyn AccountConnector>
            }
            System::Pipedrive => Arc::clone(&self.pipedrive_connector) as Arc<dyn AccountConnector>,
            System::Acuity => Arc::clone(&self.acuity_connector) as Arc<dyn AccountConnector>,
            System::Square => Arc::clone(&self.square_connector) as Arc<dyn AccountConnector>,
            System::Vagaro => Arc::clone(&self.vagaro_connector) as Arc<dyn AccountConnector>,
        }
    }
}

/// An export of a system's appointments that is ready to be read row by row.
pub struct OpenExport {
    /// Its rows.
    pub rows: Box<dyn BackfillRows>,
    /// Its columns.
    pub columns: ExportColumns,
}

/// Opens a system's export; `None` for one whose files are not known. Times without an offset are
/// taken to be on the clocks of `zone`.
///
/// # Errors
/// See [`ExportError`].
pub fn open_export(
    system: System,
    source: impl Read + Send + 'static,
    zone: Option<TimeZone>,
) -> Option<Result<OpenExport, ExportError>> {
    match system {
        System::Vagaro => Some(
            VagaroExport::open(source, zone)
                .map(|export| OpenExport { columns: export.columns(), rows: Box::new(export) }),
        ),
        System::Hubspot
        | System::Salesforce
        | System::Pipedrive
        | System::Acuity
        | System::Square => None,
    }
}

/// How a system signs and writes its webhooks. It needs no connection to the vendor.
pub fn webhook_protocol(system: System) -> Arc<dyn WebhookProtocol> {
    match system {
        System::Hubspot => Arc::new(HubspotWebhooks),
        System::Salesforce => Arc::new(SalesforceWebhooks),
        System::Pipedrive => Arc::new(PipedriveWebhooks),
        System::Acuity => Arc::new(AcuityWebhooks),
        System::Square => Arc::new(SquareWebhooks),
        System::Vagaro => Arc::new(VagaroWebhooks),
    }
}
