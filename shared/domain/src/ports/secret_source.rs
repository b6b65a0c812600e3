//! Named secrets.

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
