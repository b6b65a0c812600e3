//! What a caller is told when a connection could not be managed.

use std::error::Error;

use sync_domain::ports::{ConnectionError, SecretError, StoreError};
use sync_domain::usecase::locked_connection::ManageError;
use sync_lambda::problem::{ErrorCode, Problem};
use sync_lambda::provider_problem::{RETRY_AFTER_DEFAULT, provider_problem};

/// The problem of an error. Causes that are ours to look into are logged here, the outer text and
/// the kind of the inner one: an SDK's full text may quote a request.
pub fn problem_of(error: &ManageError) -> Problem {
    match error {
        ManageError::Invalid(invalid) => invalid.clone().into(),
        ManageError::NotFound | ManageError::Connection(ConnectionError::NotFound) => {
            ErrorCode::ConnectionNotFound.into()
        }
        ManageError::InProgress { retry_after } => {
            Problem::new(ErrorCode::InProgress).retry_after(Some(*retry_after))
        }
        ManageError::AccountTaken => ErrorCode::AccountTaken.into(),
        ManageError::OauthNotConfigured => ErrorCode::OauthNotConfigured.into(),
        ManageError::Provider(error) => provider_problem(error),
        ManageError::Connection(ConnectionError::Broken) => ErrorCode::ProviderUnauthorized.into(),
        ManageError::OauthAppRefused
        | ManageError::Connection(
            ConnectionError::Unavailable(_) | ConnectionError::NoToken { .. },
        )
        | ManageError::Secret(SecretError::Unavailable(_) | SecretError::NotFound)
        | ManageError::Store(StoreError::Unavailable(_) | StoreError::Conflict) => {
            log_cause(error);
            Problem::new(ErrorCode::ServiceUnavailable).retry_after(Some(RETRY_AFTER_DEFAULT))
        }
        ManageError::Connection(ConnectionError::Malformed(_))
        | ManageError::Store(StoreError::Malformed(_) | StoreError::BadKey(_)) => {
            log_cause(error);
            ErrorCode::InternalError.into()
        }
    }
}

fn log_cause(error: &ManageError) {
    let inner = error.source().map(ToString::to_string);
    tracing::error!(%error, cause = inner, "A connection could not be managed on our side.");
}
