//! Secrets Manager as the source of named secrets.

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;
use secrecy::SecretString;
use sync_domain::ports::{SecretError, SecretSource};

/// Reads the current version of a secret. Nothing is cached here: who needs a cache knows for how
/// long and under which key.
#[derive(Debug, Clone)]
pub struct SecretsManagerSource {
    client: Client,
}

impl SecretsManagerSource {
    /// A source on the shared configuration.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }
}

#[async_trait]
impl SecretSource for SecretsManagerSource {
    async fn read(&self, name: &str) -> Result<SecretString, SecretError> {
        let result = self.client.get_secret_value().secret_id(name).send().await;
        let secret = result.map_err(|error| {
            let is_missing = error
                .as_service_error()
                .is_some_and(|service| service.is_resource_not_found_exception());
            if is_missing {
                SecretError::NotFound
            } else {
                SecretError::Unavailable(Box::new(error))
            }
        })?;
        secret.secret_string.map(SecretString::from).ok_or(SecretError::NotFound)
    }
}
