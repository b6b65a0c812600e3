//! What a caller is told when an upsert has no result.

use std::error::Error;
use std::time::Duration;

use sync_domain::ports::{ConnectionError, ProviderError, StoreError};
use sync_domain::usecase::upsert_record::UpsertError;
use sync_lambda::problem::{ErrorCode, Problem};

/// When to try again where nobody says: long enough for a passing fault to pass.
const RETRY_AFTER_DEFAULT: Duration = Duration::from_secs(5);

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
        UpsertError::Connection(ConnectionError::Unavailable(_))
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

fn provider_problem(error: &ProviderError) -> Problem {
    let later = |code, asked_for: Option<Duration>| {
        Problem::new(code).retry_after(asked_for.or(Some(RETRY_AFTER_DEFAULT)))
    };
    match error {
        ProviderError::Rejected { vendor_code, field } => {
            let mut problem = Problem::new(ErrorCode::ProviderRejected);
            problem.provider_code.clone_from(vendor_code);
            problem.field.clone_from(field);
            problem
        }
        ProviderError::Unauthorized => ErrorCode::ProviderUnauthorized.into(),
        ProviderError::MissingScope => ErrorCode::ProviderMissingScope.into(),
        ProviderError::Contended { status: 400 | 409, .. } => {
            let mut problem = Problem::new(ErrorCode::ProviderRejected);
            problem.provider_code = Some("CONFLICT".to_owned());
            problem
        }
        ProviderError::Contended { retry_after, .. } => {
            later(ErrorCode::ProviderBusy, Some(*retry_after))
        }
        ProviderError::RateLimited { retry_after, .. } => {
            later(ErrorCode::ProviderRateLimited, *retry_after)
        }
        ProviderError::TimedOut => later(ErrorCode::ProviderTimeout, None),
        ProviderError::Unavailable { status, retry_after, .. } => match status {
            Some(504 | 524) => later(ErrorCode::ProviderTimeout, *retry_after),
            None | Some(477 | 503 | 521 | 522 | 523) => {
                later(ErrorCode::ProviderUnavailable, *retry_after)
            }
            Some(_) => later(ErrorCode::ProviderBadAnswer, *retry_after),
        },
    }
}

fn log_cause(error: &UpsertError) {
    let inner = error.source().and_then(Error::source).map(ToString::to_string);
    tracing::error!(%error, cause = inner, "An upsert failed on our side.");
}
