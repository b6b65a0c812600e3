//! Taking a mutex even after a panic elsewhere: one broken request must not end the sandbox for
//! every test that runs against it.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks `mutex`; a poisoned lock is taken over as it is.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
