//! Named secrets: reading, writing, deleting.

use async_trait::async_trait;
use secrecy::SecretString;

/// Why a secret could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// There is none of that name.
    #[error("there is no such secret")]
    NotFound,
    /// The store can't be reached or refuses us; another attempt may succeed.
    #[error("the secret store is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Reads secrets by name.
#[async_trait]
pub trait SecretSource: Send + Sync {
    /// The current value of the secret `name`.
    ///
    /// # Errors
    /// See [`SecretError`].
    async fn read(&self, name: &str) -> Result<SecretString, SecretError>;
}

/// Writes secrets by name.
#[async_trait]
pub trait SecretWriter: Send + Sync {
    /// Makes the secret `name`, or gives it a new value.
    ///
    /// # Errors
    /// See [`SecretError`]; whether it was written is then open.
    async fn put(&self, name: &str, value: &SecretString) -> Result<(), SecretError>;

    /// Deletes the secret `name` at once and for good, so that the name is free again. It is no
    /// error when there is none.
    ///
    /// # Errors
    /// See [`SecretError`].
    async fn delete(&self, name: &str) -> Result<(), SecretError>;
}
