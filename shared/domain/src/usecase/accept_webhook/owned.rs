//! Whose the events of a verified delivery are.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;

use super::signer::Signer;
use super::{AcceptWebhookDeps, WebhookStats};
use crate::model::TenantId;
use crate::ports::{
    AccountOwner, AuthMode, DeliveredBooking, DeliveredChange, DeliveredEvents, StoreError,
};

/// The events with their tenants, as far as those could be found out.
pub(super) struct Owned {
    pub(super) changes: Vec<(TenantId, DeliveredChange)>,
    pub(super) bookings: Vec<(TenantId, DeliveredBooking)>,
    pub(super) failure: Option<StoreError>,
}

/// Keeps the events that the signer may tell of. A tenant's own app, key or address speaks for the
/// tenant's account alone, and where its webhooks are noted only for these; our app for every account
/// that has let it in.
pub(super) async fn owned_by(
    deps: &AcceptWebhookDeps<'_>,
    signer: Signer,
    events: DeliveredEvents,
    stats: &mut WebhookStats,
) -> Owned {
    let DeliveredEvents { changes, bookings, hook_ids, .. } = events;
    let judge = match signer {
        it @ Signer::Tenant { .. } if it.is_of_another_hook(&hook_ids) => Judge::Nobody,
        Signer::Tenant { tenant, claimed, origin, .. } => {
            let accounts = [Some(claimed), origin.account_id].into_iter().flatten().collect();
            Judge::OneTenant { tenant, accounts }
        }
        Signer::OurApp => {
            let accounts = changes.iter().map(|change| &change.account_id);
            let accounts = accounts.chain(bookings.iter().map(|booking| &booking.account_id));
            Judge::AnyAccount(owners_of(deps, accounts.collect()).await)
        }
    };
    let changes = judge.kept(changes, |change| &change.account_id, stats);
    let bookings = judge.kept(bookings, |booking| &booking.account_id, stats);
    Owned { changes, bookings, failure: judge.failure() }
}

type Owners = BTreeMap<String, Result<Option<AccountOwner>, StoreError>>;

/// Who decides which accounts' events count.
enum Judge {
    /// A tenant has signed for its account, which goes by these ids.
    OneTenant { tenant: TenantId, accounts: BTreeSet<String> },
    /// No account's do.
    Nobody,
    /// We have, for all that have let our app in.
    AnyAccount(Owners),
}

impl Judge {
    /// The events that count, with their tenants; the others are counted. Those of an account that
    /// could not be looked up are neither: the vendor is to deliver again.
    fn kept<T>(
        &self,
        events: Vec<T>,
        account_of: impl Fn(&T) -> &String,
        stats: &mut WebhookStats,
    ) -> Vec<(TenantId, T)> {
        let mut kept = Vec::with_capacity(events.len());
        for event in events {
            match self {
                Self::OneTenant { tenant, accounts } if accounts.contains(account_of(&event)) => {
                    kept.push((tenant.clone(), event));
                }
                Self::OneTenant { .. } | Self::Nobody => stats.foreign += 1,
                Self::AnyAccount(owners) => match owners.get(account_of(&event)) {
                    Some(Ok(Some(owner))) if owner.auth == AuthMode::Oauth => {
                        kept.push((owner.tenant.clone(), event));
                    }
                    Some(Ok(_)) | None => stats.unconnected += 1,
                    Some(Err(_)) => {}
                },
            }
        }
        kept
    }

    /// Why an account could not be looked up, if one could not.
    fn failure(self) -> Option<StoreError> {
        match self {
            Self::OneTenant { .. } | Self::Nobody => None,
            Self::AnyAccount(owners) => owners.into_values().find_map(Result::err),
        }
    }
}

async fn owners_of(deps: &AcceptWebhookDeps<'_>, accounts: BTreeSet<&String>) -> Owners {
    let system = deps.protocol.system();
    let lookups = accounts.into_iter().map(|account_id| async move {
        (account_id.clone(), deps.accounts.owner(system, account_id).await)
    });
    join_all(lookups).await.into_iter().collect()
}
