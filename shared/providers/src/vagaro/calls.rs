//! The requests of one operation: sent with the account's token and counted.

use std::collections::BTreeSet;

use reqwest::Method;
use secrecy::SecretString;
use serde::Serialize;
use sync_domain::ports::{Called, ProviderError, RemoteEffect};

use super::VagaroSettings;
use super::error::{bad_answer, found_of, rows_of};
use super::mapping::is_id;
use super::region::region_of;
use super::row::{Member, Row};
use super::wire::{Asked, Nothing};
use crate::http::{Credential, ProviderHttp, RawAnswer, unavailable};

/// The header of the token. It is no `Authorization: Bearer` (a third-party adapter that was compared
/// with the vendor's reference in 2026-07; some public clients send a bearer token, unverified).
const TOKEN_HEADER: &str = "accesstoken";
/// So many rows are asked for at once.
pub const PAGE_SIZE: usize = 100;
/// The most pages of an account's locations; ten thousand of them are no answer of the vendor's.
const LOCATION_PAGES_MAX: u32 = 100;

/// The address of a path below a region.
///
/// # Errors
/// [`ProviderError::Rejected`] for a region that is none: nothing is sent.
pub fn url_of(
    settings: &VagaroSettings,
    region: Option<&str>,
    path: &str,
) -> Result<String, ProviderError> {
    let no_region =
        || ProviderError::Rejected { vendor_code: None, field: Some("domain".to_owned()) };
    let region = region.and_then(region_of).ok_or_else(no_region)?;
    Ok(format!("{}/{region}/api/v2/{path}", settings.base_url.trim_end_matches('/')))
}

/// What one operation has sent so far.
pub struct Calls<'a> {
    http: &'a ProviderHttp,
    settings: &'a VagaroSettings,
    region: Option<&'a str>,
    token: &'a SecretString,
    sent: u32,
}

impl<'a> Calls<'a> {
    /// Of the account in this region.
    pub const fn new(
        http: &'a ProviderHttp,
        settings: &'a VagaroSettings,
        region: Option<&'a str>,
        token: &'a SecretString,
    ) -> Self {
        Self { http, settings, region, token, sent: 0 }
    }

    async fn post(
        &mut self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<RawAnswer, ProviderError> {
        let url = url_of(self.settings, self.region, path)?;
        let credential = Credential::Header(TOKEN_HEADER, self.token);
        self.sent += 1;
        self.http.call(Method::POST, &url, credential, Some(body)).await
    }

    /// `POST locations`: the ids of the account's locations, in byte order, each once. Ids that are none
    /// are left out: nothing could be asked with them. That the list has pages is unverified: it ends
    /// with one that is short, or that brings nothing new, as where the parameter is ignored.
    pub async fn locations(&mut self) -> Result<Vec<String>, ProviderError> {
        let mut ids = BTreeSet::new();
        for page in 1..=LOCATION_PAGES_MAX {
            let path = format!("locations?pageNumber={page}&pageSize={PAGE_SIZE}");
            let answer = self.post(&path, &Nothing {}).await?;
            let rows = rows_of(&answer)?;
            let known = ids.len();
            let told = rows.iter().filter_map(|row| row.text(Member::BusinessId));
            ids.extend(told.filter(|id| is_id(id)).map(str::to_owned));
            if rows.len() < PAGE_SIZE || ids.len() == known {
                return Ok(ids.into_iter().collect());
            }
        }
        Err(unavailable(Some(200), RemoteEffect::None))
    }

    /// `POST appointments` for one appointment at one location; `None` where it is not there.
    pub async fn appointment(
        &mut self,
        business_id: &str,
        appointment_id: &str,
    ) -> Result<Option<Row>, ProviderError> {
        let asked = Asked { business_id, appointment_id: Some(appointment_id), customer_id: None };
        let answer = self.post(&appointments_path(1), &asked).await?;
        let rows = found_of(&answer)?;
        let is_nothing = rows.is_empty();
        let found =
            rows.into_iter().find(|it| it.text(Member::AppointmentId) == Some(appointment_id));
        match found {
            // Another one's answer says nothing about this one.
            None if !is_nothing => Err(bad_answer(&answer)),
            found => Ok(found),
        }
    }

    /// `POST appointments` for one page, counted from 1, of a customer's at one location.
    pub async fn appointments_of(
        &mut self,
        business_id: &str,
        customer_id: &str,
        page: u32,
    ) -> Result<Vec<Row>, ProviderError> {
        let asked = Asked { business_id, appointment_id: None, customer_id: Some(customer_id) };
        let answer = self.post(&appointments_path(page), &asked).await?;
        found_of(&answer)
    }

    /// `POST customers` for one customer; `None` where there is none of that id. What the call answers
    /// is unverified: a customer that Vagaro refuses to tell of, or that the credentials may not read,
    /// does not cost the booking.
    pub async fn customer(
        &mut self,
        business_id: &str,
        customer_id: &str,
    ) -> Result<Option<Row>, ProviderError> {
        let asked = Asked { business_id, appointment_id: None, customer_id: Some(customer_id) };
        let answer = self.post("customers", &asked).await?;
        let rows = match found_of(&answer) {
            Err(ProviderError::Rejected { .. } | ProviderError::MissingScope) => return Ok(None),
            rows => rows?,
        };
        Ok(rows.into_iter().find(|row| row.text(Member::CustomerId) == Some(customer_id)))
    }

    /// The operation's result with what it cost. Vagaro's answers say nothing of its limit.
    pub fn done<T>(&self, value: T) -> Called<T> {
        Called { value, calls: self.sent, rate: None, quota: None }
    }
}

fn appointments_path(page: u32) -> String {
    format!("appointments?pageNumber={page}&pageSize={PAGE_SIZE}&orderBy=asc")
}
