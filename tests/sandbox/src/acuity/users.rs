//! Who calls: HTTP Basic with a user's numeric id and API key, and what that user may see.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::errors::Refusal;
use crate::accounts::{Account, AccountBook, User};
use crate::vendor::{Caller, System, VendorRequest};

/// User id and key of the `Authorization` header, as far as it is HTTP Basic.
fn basic(request: &VendorRequest) -> Option<(String, String)> {
    let (scheme, encoded) = request.header("authorization")?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user_id, api_key) = decoded.split_once(':')?;
    Some((user_id.to_owned(), api_key.to_owned()))
}

/// Finds the account by the user's id. With a wrong key the call is that account's all the same, so
/// that the call log shows it there.
pub fn identify(accounts: &AccountBook, request: &VendorRequest) -> Caller {
    let refused = |account| Caller { account, settled: Some(Refusal::unauthorized().answer()) };
    let Some((user_id, api_key)) = basic(request) else { return refused(None) };
    let Some(account) = accounts.by_user(System::Acuity, &user_id) else { return refused(None) };
    let is_right = user(&account, &user_id).is_some_and(|user| user.api_key == api_key);
    if is_right { Caller { account: Some(account), settled: None } } else { refused(Some(account)) }
}

/// The user of an account with that id.
pub fn user<'a>(account: &'a Account, user_id: &str) -> Option<User<'a>> {
    account.users().find(|user| user.user_id == user_id)
}

/// The user that an identified request comes from.
pub fn of_request<'a>(account: &'a Account, request: &VendorRequest) -> Result<User<'a>, Refusal> {
    basic(request)
        .and_then(|(user_id, _)| user(account, &user_id))
        .ok_or_else(Refusal::unauthorized)
}

/// Whether a user may see what is in a calendar.
pub fn may_see(user: &User<'_>, calendar_id: u64) -> bool {
    user.calendar_ids.is_none_or(|ids| ids.contains(&calendar_id))
}

/// Whether it is the account's main administrator.
pub fn is_main(account: &Account, user: &User<'_>) -> bool {
    account.users().next().is_some_and(|main| main.user_id == user.user_id)
}
