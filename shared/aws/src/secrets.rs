//! Secrets Manager as the place of named secrets.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::create_secret::CreateSecretError;
use aws_sdk_secretsmanager::operation::put_secret_value::PutSecretValueError;
use secrecy::{ExposeSecret, SecretString};
use sync_domain::ports::{Clock, SecretError, SecretSource, SecretWriter};

/// Tries of one write, the first included: a name that was just deleted is free only after a moment.
const WRITES_MAX: u32 = 5;
/// The wait between two of them.
const WRITE_WAIT: Duration = Duration::from_millis(400);

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
            let is_missing = error.as_service_error().is_some_and(|service| {
                // The second one: it is marked as deleted and will be gone in a moment.
                service.is_resource_not_found_exception() || service.is_invalid_request_exception()
            });
            if is_missing {
                SecretError::NotFound
            } else {
                SecretError::Unavailable(Box::new(error))
            }
        })?;
        secret.secret_string.map(SecretString::from).ok_or(SecretError::NotFound)
    }
}

/// Writes and deletes secrets.
pub struct SecretsManagerWriter {
    client: Client,
    clock: Arc<dyn Clock>,
}

impl SecretsManagerWriter {
    /// A writer on the shared configuration.
    pub fn new(config: &SdkConfig, clock: Arc<dyn Clock>) -> Self {
        Self { client: Client::new(config), clock }
    }

    /// A new version of a secret that is there.
    async fn replace(&self, name: &str, value: &SecretString) -> Result<Written, SecretError> {
        let put = self.client.put_secret_value().secret_id(name);
        let Err(error) = put.secret_string(value.expose_secret()).send().await else {
            return Ok(Written::Yes);
        };
        match error.as_service_error() {
            Some(PutSecretValueError::ResourceNotFoundException(_)) => Ok(Written::NotThere),
            Some(PutSecretValueError::InvalidRequestException(_)) => Ok(Written::BeingDeleted),
            Some(_) | None => Err(SecretError::Unavailable(Box::new(error))),
        }
    }

    /// A new secret.
    async fn create(&self, name: &str, value: &SecretString) -> Result<Written, SecretError> {
        let create = self.client.create_secret().name(name);
        let Err(error) = create.secret_string(value.expose_secret()).send().await else {
            return Ok(Written::Yes);
        };
        match error.as_service_error() {
            Some(
                CreateSecretError::ResourceExistsException(_)
                | CreateSecretError::InvalidRequestException(_),
            ) => Ok(Written::BeingDeleted),
            Some(_) | None => Err(SecretError::Unavailable(Box::new(error))),
        }
    }
}

/// What a try to write came to.
enum Written {
    Yes,
    /// There is no such secret.
    NotThere,
    /// It is on its way out, or someone else has just made it: a moment later it is clear.
    BeingDeleted,
}

#[async_trait]
impl SecretWriter for SecretsManagerWriter {
    async fn put(&self, name: &str, value: &SecretString) -> Result<(), SecretError> {
        for _try in 0..WRITES_MAX {
            let written = match self.replace(name, value).await? {
                Written::NotThere => self.create(name, value).await?,
                written @ (Written::Yes | Written::BeingDeleted) => written,
            };
            if matches!(written, Written::Yes) {
                return Ok(());
            }
            self.clock.sleep(WRITE_WAIT).await;
        }
        Err(SecretError::Unavailable("the secret is still being deleted".into()))
    }

    async fn delete(&self, name: &str) -> Result<(), SecretError> {
        let delete = self.client.delete_secret().secret_id(name);
        let Err(error) = delete.force_delete_without_recovery(true).send().await else {
            return Ok(());
        };
        let is_gone = error.as_service_error().is_some_and(|service| {
            service.is_resource_not_found_exception() || service.is_invalid_request_exception()
        });
        if is_gone { Ok(()) } else { Err(SecretError::Unavailable(Box::new(error))) }
    }
}
