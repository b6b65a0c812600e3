//! What is refused before anything is claimed: by rules that always hold, and by lists of the
//! tenant's own account, which are read when they are needed and not known yet.

use super::calling::called;
use super::{UpsertDeps, UpsertError, UpsertStats};
use crate::model::CrmDraft;
use crate::ports::{Checked, Connection};

/// Refuses a draft that the provider would refuse. A list that can't be read refuses nothing: the
/// provider judges then.
pub(super) async fn check(
    deps: &UpsertDeps<'_>,
    connection: &Connection,
    draft: &CrmDraft,
    stats: &mut UpsertStats,
) -> Result<(), UpsertError> {
    let now = deps.clock.now();
    if deps.gateway.check(connection, draft, now)? == Checked::Passed {
        return Ok(());
    }
    let refresh = deps.gateway.refresh(connection, now);
    let wait_max = deps.retry.wait_max;
    if called(deps, connection, stats, (1, wait_max), refresh).await.is_ok() {
        deps.gateway.check(connection, draft, now)?;
    }
    Ok(())
}
