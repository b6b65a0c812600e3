//! Tokens that the provider has given out and that could not be stored yet, or not surely.
//!
//! They live in the memory of one process and no longer than what they take the place of is stored.

use std::sync::PoisonError;

use secrecy::{ExposeSecret, SecretString};

use super::Flight;
use crate::ports::Credentials;

/// What is to be stored, and instead of what.
pub(super) struct Unsaved {
    pub(super) former: Credentials,
    pub(super) credentials: Credentials,
}

impl Flight {
    pub(super) fn keep_unsaved(&self, unsaved: Unsaved) {
        *self.unsaved.lock().unwrap_or_else(PoisonError::into_inner) = Some(unsaved);
    }

    pub(super) fn forget_unsaved(&self) {
        *self.unsaved.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn has_unsaved(&self) -> bool {
        self.unsaved.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// What is to be stored in place of `stored`. Once something else is stored, it is of no use any
    /// more.
    pub(super) fn unsaved_for(&self, stored: &Credentials) -> Option<Credentials> {
        let mut unsaved = self.unsaved.lock().unwrap_or_else(PoisonError::into_inner);
        unsaved.take_if(|it| !is_same(&it.former, stored));
        unsaved.as_ref().map(|it| it.credentials.clone())
    }
}

/// Whether both get other tokens with the same.
pub(super) fn is_same(one: &Credentials, other: &Credentials) -> bool {
    let exposed = |secret: &SecretString| secret.expose_secret().to_owned();
    let secrets = |credentials: &Credentials| {
        let proof = credentials.grant.as_ref().map(|grant| exposed(grant.proof()));
        (credentials.refresh_token.as_ref().map(exposed), proof)
    };
    one.token_version == other.token_version && secrets(one) == secrets(other)
}
