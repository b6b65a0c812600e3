//! Whose token it is, and what the account lets us have with it.
//!
//! developer.squareup.com, "Retrieve token status", "List locations", "Retrieve business booking profile",
//! "OAuth permissions reference"; shapes by Square's `OpenAPI` description of 2025-08-20. That an account
//! without a paid plan of Appointments shows its bookings incompletely is documented, what exactly it
//! answers is not: so the plan is a hint in `gaps`, and no reason not to connect.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sync_domain::ports::{AccountDetails, AccountGap, ProviderError};

use super::calls::Calls;
use super::error::{bad_answer, errors_of, is_subscription_missing, success_of};
use super::mapping::is_id;
use super::wire::Lenient;
use crate::http::RawAnswer;
use crate::person_fields::zone_of;

/// What is asked for and must be granted: all bookings and not only those that our app has made, who
/// booked, and where.
const NEEDED_SCOPES: [&str; 4] =
    ["APPOINTMENTS_READ", ALL_SCOPE, "CUSTOMERS_READ", LOCATIONS_SCOPE];
const ALL_SCOPE: &str = "APPOINTMENTS_ALL_READ";
const LOCATIONS_SCOPE: &str = "MERCHANT_PROFILE_READ";
/// What is asked for and only tells the plan.
const PLAN_SCOPE: &str = "APPOINTMENTS_BUSINESS_SETTINGS_READ";
/// The member that tells the plan.
const PLAN_HINT: &str = "support_seller_level_writes";

/// What the app asks for, unless its settings say something else.
pub fn scopes() -> impl Iterator<Item = &'static str> {
    NEEDED_SCOPES.into_iter().chain([PLAN_SCOPE])
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenStatus {
    merchant_id: Lenient<String>,
    scopes: Lenient<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Locations {
    locations: Lenient<Vec<Location>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Location {
    status: Lenient<String>,
    timezone: Lenient<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct BookingProfile {
    business_booking_profile: Lenient<Profile>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Profile {
    support_seller_level_writes: Lenient<bool>,
}

/// `POST /oauth2/token/status` takes nothing but the token.
#[derive(Serialize)]
struct Nothing {}

/// The account of a token. Where a scope is not granted, what needs it is not asked.
///
/// # Errors
/// See [`ProviderError`].
pub async fn account(mut calls: Calls<'_>) -> Result<AccountDetails, ProviderError> {
    let answer = calls.post_raw("/oauth2/token/status", &Nothing {}).await?;
    let status: TokenStatus = success_of(&answer)?;
    let merchant_id = status.merchant_id.text().filter(|id| is_id(id));
    let account_id = merchant_id.ok_or_else(|| bad_answer(&answer))?.to_owned();
    // A list that can't be read says of no scope that it is missing.
    let scopes = status.scopes.get();
    let is_granted = |name: &str| scopes.is_none_or(|scopes| scopes.iter().any(|it| it == name));
    let missing = NEEDED_SCOPES.into_iter().filter(|name| !is_granted(name));
    let mut gaps: Vec<_> = missing.map(|name| AccountGap::Scope(name.to_owned())).collect();
    let time_zone = if is_granted(LOCATIONS_SCOPE) { time_zone(&mut calls).await? } else { None };
    if is_granted(PLAN_SCOPE) && lacks_plan(&mut calls).await? {
        gaps.push(AccountGap::Plan(PLAN_HINT.to_owned()));
    }
    Ok(AccountDetails { account_id, also: Vec::new(), time_zone, gaps })
}

/// The time zone of the first location that is in use.
async fn time_zone(calls: &mut Calls<'_>) -> Result<Option<String>, ProviderError> {
    let answer = calls.get_raw("/v2/locations", &[]).await?;
    let list: Locations = unless_refused(&answer)?.unwrap_or_default();
    let locations = list.locations.get().map(Vec::as_slice).unwrap_or_default();
    let mut active = locations.iter().filter(|it| it.status.text() == Some("ACTIVE"));
    Ok(active.find_map(|it| it.timezone.text().and_then(zone_of)))
}

/// Whether the account surely lacks the plan.
async fn lacks_plan(calls: &mut Calls<'_>) -> Result<bool, ProviderError> {
    match plan_hint(calls).await {
        Ok(hint) => Ok(hint == Some(false)),
        Err(ProviderError::MissingScope | ProviderError::Rejected { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// What the profile says of the plan; nothing where it says nothing.
async fn plan_hint(calls: &mut Calls<'_>) -> Result<Option<bool>, ProviderError> {
    let answer = calls.get_raw("/v2/bookings/business-booking-profile", &[]).await?;
    if errors_of(&answer).first().is_some_and(is_subscription_missing) {
        return Ok(Some(false));
    }
    let profile = success_of::<BookingProfile>(&answer)?.business_booking_profile;
    Ok(profile.get().and_then(|it| it.support_seller_level_writes.get()).copied())
}

/// Whether a token shows all bookings of its seller, and not only those that our app has made. Of the
/// others Square says that there are none.
///
/// # Errors
/// See [`ProviderError`]; also where the granted scopes can't be read, since nobody may take silence for
/// this right.
pub async fn sees_all_bookings(calls: &mut Calls<'_>) -> Result<bool, ProviderError> {
    let answer = calls.post_raw("/oauth2/token/status", &Nothing {}).await?;
    let status: TokenStatus = success_of(&answer)?;
    let scopes = status.scopes.into_value().ok_or_else(|| bad_answer(&answer))?;
    let is_granted = |name: &str| scopes.iter().any(|it| it == name);
    if !is_granted(ALL_SCOPE) {
        return Ok(false);
    }
    if !is_granted(PLAN_SCOPE) {
        return Ok(true);
    }
    match plan_hint(calls).await {
        Ok(hint) => Ok(hint != Some(false)),
        Err(ProviderError::MissingScope) => Ok(false),
        Err(ProviderError::Rejected { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}

/// The answer, or nothing where the account is refused this one thing or has no such thing: it can be
/// connected without.
fn unless_refused<T: DeserializeOwned>(answer: &RawAnswer) -> Result<Option<T>, ProviderError> {
    match success_of(answer) {
        Ok(body) => Ok(Some(body)),
        Err(ProviderError::MissingScope | ProviderError::Rejected { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
