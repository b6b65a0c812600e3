//! Waits that a control call can end early, so that a test doesn't sit out the hangs it asked for.

use tokio::sync::Notify;

use crate::clock::sleep_ms;

/// All waits of one kind of fault.
#[derive(Default)]
pub struct Pauses {
    released: Notify,
}

impl Pauses {
    /// Waits for `delay_ms`, or until [`Pauses::release`].
    pub async fn pause(&self, delay_ms: u64) {
        let released = self.released.notified();
        tokio::select! {
            () = sleep_ms(delay_ms) => {}
            () = released => {}
        }
    }

    /// Ends every wait that is running now.
    pub fn release(&self) {
        self.released.notify_waiters();
    }
}
