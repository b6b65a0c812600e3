//! Where a sweep begins, what comes behind a page, and when the rest of a day is for others.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::{CrmSweepPlace, ObjectType};
use crate::ports::{ConnectionEntry, DeadCause, Quota, SweepWatermark};
use crate::usecase::settle_work::Verdict;
use crate::usecase::sweeping::SweepOutcome;

/// So far behind the watermark a sweep begins: a change may show only after its time, because the
/// transaction that it is part of takes minutes, and clocks differ.
const OVERLAP: Duration = Duration::from_secs(600);
/// One part in so many of the day's quota is left for live traffic.
const QUOTA_LEFT_ONE_IN: u64 = 5;

/// The beginning of a sweep: behind the watermark of this account, else behind the moment at which it
/// was connected.
pub(super) fn begun(
    entry: &ConnectionEntry,
    watermark: Option<SweepWatermark>,
    now: Timestamp,
) -> CrmSweepPlace {
    let known = watermark.filter(|watermark| watermark.account_id == entry.account_id);
    let since = known.map_or(entry.connected_at, |watermark| watermark.swept_until);
    CrmSweepPlace {
        account_id: entry.account_id.clone(),
        // A clock that was put back makes a span that is short, never one that is none.
        since: since.min(now) - OVERLAP,
        until: now,
        object_type: ObjectType::ALL[0],
        position: None,
    }
}

/// Up to where the changes of this account are known, or since when there is something to know: a
/// watermark from before a connect says nothing of a lag.
pub(super) fn reached(entry: &ConnectionEntry, watermark: Option<&SweepWatermark>) -> Timestamp {
    let known = watermark.filter(|watermark| watermark.account_id == entry.account_id);
    known.map_or(entry.connected_at, |watermark| watermark.swept_until.max(entry.connected_at))
}

/// The place behind a page, `None` at the end of the last kind of record.
pub(super) fn following(
    place: &CrmSweepPlace,
    position: Option<String>,
) -> Result<Option<CrmSweepPlace>, SweepOutcome> {
    if position.is_some() && position == place.position {
        // A feed that leads to where it was would be asked for ever.
        return Err(SweepOutcome::Later(Verdict::Dead(DeadCause::Internal)));
    }
    let next_type = match position {
        Some(_) => Some(place.object_type),
        None => {
            let types = ObjectType::ALL.into_iter();
            types.skip_while(|it| *it != place.object_type).nth(1)
        }
    };
    Ok(next_type.map(|object_type| CrmSweepPlace { object_type, position, ..place.clone() }))
}

/// Whether what is left of the day is for live traffic alone.
pub(super) const fn is_low(quota: Option<Quota>) -> bool {
    match quota {
        Some(Quota { max, remaining }) => remaining.saturating_mul(QUOTA_LEFT_ONE_IN) < max,
        None => false,
    }
}
