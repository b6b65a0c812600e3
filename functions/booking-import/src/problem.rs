//! What a caller is told when an import has no answer.

use std::error::Error;

use sync_domain::ports::{ConnectionError, StoreError};
use sync_domain::usecase::import_bookings::ImportError;
use sync_lambda::problem::{ErrorCode, Problem};
use sync_lambda::provider_problem::{RETRY_AFTER_DEFAULT, provider_problem};

/// The problem of an error. Causes that are ours to look into are logged here, the outer text and
/// the kind of the inner one: an SDK's full text may quote an item.
pub fn problem_of(error: &ImportError) -> Problem {
    let later = |code| Problem::new(code).retry_after(Some(RETRY_AFTER_DEFAULT));
    match error {
        ImportError::Invalid(invalid) => invalid.clone().into(),
        ImportError::InvalidCursor => Problem::new(ErrorCode::InvalidCursor).field("cursor"),
        ImportError::KeyReused => ErrorCode::IdempotencyKeyReused.into(),
        ImportError::InProgress { retry_after } => {
            Problem::new(ErrorCode::InProgress).retry_after(Some(*retry_after))
        }
        ImportError::Provider(error) => provider_problem(error),
        ImportError::Incomplete { day } => Problem::new(ErrorCode::ImportIncomplete)
            .detail(format!("the appointments of {day} (UTC) can't be shown to be complete")),
        ImportError::Connection(ConnectionError::NotFound) => ErrorCode::ConnectionNotFound.into(),
        ImportError::Connection(ConnectionError::Broken) => ErrorCode::ProviderUnauthorized.into(),
        ImportError::Connection(
            ConnectionError::Unavailable(_) | ConnectionError::NoToken { .. },
        )
        | ImportError::Store(StoreError::Unavailable(_) | StoreError::Conflict) => {
            log_cause(error);
            later(ErrorCode::ServiceUnavailable)
        }
        ImportError::Connection(ConnectionError::Malformed(_))
        | ImportError::Store(StoreError::Malformed(_) | StoreError::BadKey(_)) => {
            log_cause(error);
            ErrorCode::InternalError.into()
        }
    }
}

fn log_cause(error: &ImportError) {
    let inner = error.source().and_then(Error::source).map(ToString::to_string);
    tracing::error!(%error, cause = inner, "An import failed on our side.");
}
