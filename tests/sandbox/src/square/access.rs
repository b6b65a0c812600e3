//! Who calls, with which rights: bearer tokens, permissions, the version header, and whether the
//! caller sees all of a seller's bookings.

use jiff::civil::Date;

use super::booking::Booking;
use super::errors::Refusal;
use super::routes::Route;
use super::seller::WithoutPlan;
use crate::accounts::{Account, AccountBook, TokenMatch};
use crate::grants::Grants;
use crate::vendor::{Caller, System, VendorRequest};

/// What lets an app see bookings that it didn't make.
const ALL_READ: &str = "APPOINTMENTS_ALL_READ";

/// How much of a seller's bookings a caller sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// All of them.
    Seller,
    /// Those that the calling app made.
    Buyer,
}

impl Level {
    /// Whether it sees a booking.
    pub fn sees(self, booking: &Booking) -> bool {
        self == Self::Seller || booking.by_this_app
    }

    /// The level of an account's token, whatever reading comes to without a plan.
    pub fn of(account: &Account) -> Self {
        let is_seller = account.has_scope(&[ALL_READ]) && account.square.seller_level;
        if is_seller { Self::Seller } else { Self::Buyer }
    }

    /// The level of a call; refused where the account's entry has that come of a missing plan.
    pub fn of_call(account: &Account) -> Result<Self, Refusal> {
        let entry = &account.square;
        let wants_all = account.has_scope(&[ALL_READ]);
        if wants_all && !entry.seller_level && entry.without_plan == WithoutPlan::Refused {
            return Err(Refusal::no_subscription());
        }
        Ok(Self::of(account))
    }
}

/// The token of the `Authorization` header, under a scheme.
pub fn authorization<'a>(request: &'a VendorRequest, wanted: &str) -> Option<&'a str> {
    let (scheme, token) = request.header("authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case(wanted).then(|| token.trim())
}

/// Finds the account by its token: one of its entry, or one made from its grant.
pub fn identify(
    grants: &Grants,
    accounts: &AccountBook,
    request: &VendorRequest,
    now_ms: i64,
) -> Caller {
    let settled = |account, refusal: Refusal| Caller { account, settled: Some(refusal.answer()) };
    let Some(token) = authorization(request, "bearer") else {
        return settled(None, Refusal::unauthorized());
    };
    match accounts.by_token(System::Square, token, now_ms) {
        TokenMatch::Valid(account) => return Caller { account: Some(account), settled: None },
        TokenMatch::Expired(account, _) => {
            return settled(Some(account), Refusal::token_expired());
        }
        TokenMatch::Unknown => {}
    }
    match grants.by_access_token(accounts, token) {
        Some((account, expires_at_ms)) if now_ms < expires_at_ms => {
            Caller { account: Some(account), settled: None }
        }
        Some((account, _)) => settled(Some(account), Refusal::token_expired()),
        None => match grants.by_lost_access_token(accounts, token) {
            Some(account) => settled(Some(account), Refusal::token_revoked()),
            None => settled(None, Refusal::unauthorized()),
        },
    }
}

/// Refuses a call without a version, and one whose version is no date. The OAuth server takes calls
/// without.
pub fn check_version(route: &Route, request: &VendorRequest) -> Result<(), Refusal> {
    let Some(version) = request.header("square-version") else {
        let detail = "The request names no version.";
        let missing = Refusal::version("API_VERSION_INCOMPATIBLE", detail);
        return if route.is_oauth() { Ok(()) } else { Err(missing) };
    };
    match version.parse::<Date>() {
        Ok(date) if date.to_string() == version => Ok(()),
        Ok(_) | Err(_) => {
            let detail = "The version must be a date, YYYY-MM-DD.";
            Err(Refusal::version("INVALID_SQUARE_VERSION_FORMAT", detail))
        }
    }
}

/// Refuses a call that the app has no permission for.
pub fn check_scope(account: &Account, route: &Route) -> Result<(), Refusal> {
    match route.scope() {
        Some(scope) if !account.has_scope(&[scope]) => Err(Refusal::missing_scope(scope)),
        Some(_) | None => Ok(()),
    }
}
