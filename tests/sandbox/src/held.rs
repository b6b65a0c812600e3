//! Webhook events that wait until a control call lets them go.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::Value;

use crate::lock::locked;
use crate::vendor::System;

/// More events than this are not held, all accounts together.
const MAX_HELD: usize = 200_000;

type ByAccount = BTreeMap<(System, String), Vec<Value>>;

/// The events held.
#[derive(Default)]
pub struct HeldEvents {
    by_account: Mutex<ByAccount>,
}

fn is_selected(key: &(System, String), system: Option<System>, account: Option<&str>) -> bool {
    system.is_none_or(|system| system == key.0) && account.is_none_or(|account| account == key.1)
}

impl HeldEvents {
    /// Whether so many more events can be held.
    pub fn has_room(&self, more: usize) -> bool {
        let held: usize = locked(&self.by_account).values().map(Vec::len).sum();
        held + more <= MAX_HELD
    }

    /// Holds events of an account.
    pub fn hold(&self, system: System, account: &str, events: Vec<Value>) {
        let mut by_account = locked(&self.by_account);
        by_account.entry((system, account.to_owned())).or_default().extend(events);
    }

    /// Takes the events of a selection, oldest first within each account.
    pub fn take(
        &self,
        system: Option<System>,
        account: Option<&str>,
    ) -> Vec<(System, String, Vec<Value>)> {
        let mut by_account = locked(&self.by_account);
        let all = std::mem::take(&mut *by_account);
        let (taken, kept): (ByAccount, ByAccount) =
            all.into_iter().partition(|(key, _)| is_selected(key, system, account));
        *by_account = kept;
        taken.into_iter().map(|((system, account), events)| (system, account, events)).collect()
    }

    /// How many events are held, by account.
    pub fn counts(&self, system: Option<System>, account: Option<&str>) -> BTreeMap<String, usize> {
        locked(&self.by_account)
            .iter()
            .filter(|(key, _)| is_selected(key, system, account))
            .map(|((_, account), events)| (account.clone(), events.len()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::HeldEvents;
    use crate::vendor::System::Hubspot;
    use serde_json::json;

    #[test]
    fn take_gives_the_selection_once_and_keeps_the_rest() {
        let held = HeldEvents::default();
        held.hold(Hubspot, "1", vec![json!(1)]);
        held.hold(Hubspot, "2", vec![json!(2)]);
        held.hold(Hubspot, "1", vec![json!(3)]);
        let taken = held.take(Some(Hubspot), Some("1"));
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].2, [json!(1), json!(3)]);
        assert!(held.take(Some(Hubspot), Some("1")).is_empty());
        assert_eq!(held.counts(None, None).values().sum::<usize>(), 1);
    }
}
