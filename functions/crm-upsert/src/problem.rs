//! What a caller is told when an upsert has no result.

use std::error::Error;

use sync_domain::ports::{ConnectionError, StoreError};
use sync_domain::usecase::upsert_record::UpsertError;
use sync_lambda::problem::{ErrorCode, Problem};
use sync_lambda::provider_problem::{RETRY_AFTER_DEFAULT, provider_problem};

/// The problem of an error. Causes that are ours to look into are logged here, the outer text and
/// the kind of the inner one: an SDK's full text may quote an item.
pub fn problem_of(error: &UpsertError) -> Problem {
    let later = |code| Problem::new(code).retry_after(Some(RETRY_AFTER_DEFAULT));
    match error {
        UpsertError::Invalid(invalid) => invalid.clone().into(),
        UpsertError::KeyReused => ErrorCode::IdempotencyKeyReused.into(),
        UpsertError::InProgress { retry_after } => {
            Problem::new(ErrorCode::InProgress).retry_after(Some(*retry_after))
        }
        UpsertError::Provider(error) => provider_problem(error),
        UpsertError::Connection(ConnectionError::NotFound) => ErrorCode::ConnectionNotFound.into(),
        UpsertError::Connection(ConnectionError::Broken) => ErrorCode::ProviderUnauthorized.into(),
        UpsertError::Connection(
            ConnectionError::Unavailable(_) | ConnectionError::NoToken { .. },
        )
        | UpsertError::Store(StoreError::Unavailable(_) | StoreError::Conflict) => {
            log_cause(error);
            later(ErrorCode::ServiceUnavailable)
        }
        UpsertError::Connection(ConnectionError::Malformed(_))
        | UpsertError::Store(StoreError::Malformed(_) | StoreError::BadKey(_)) => {
            log_cause(error);
            ErrorCode::InternalError.into()
        }
    }
}

fn log_cause(error: &UpsertError) {
    let inner = error.source().and_then(Error::source).map(ToString::to_string);
    tracing::error!(%error, cause = inner, "An upsert failed on our side.");
}
