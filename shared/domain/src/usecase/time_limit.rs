//! A time limit of ours on work that may wait for somebody else.

use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};

use crate::ports::Clock;

/// What the work comes to, `None` when the time was over first: it is then stopped where it stands.
pub(super) async fn within<T>(
    clock: &dyn Clock,
    time: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    match select(pin!(work), clock.limit(time)).await {
        Either::Left((result, _)) => Some(result),
        Either::Right(_) => None,
    }
}
