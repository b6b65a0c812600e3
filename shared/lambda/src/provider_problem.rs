//! What a caller is told when a provider said no, or nothing.

use std::time::Duration;

use sync_domain::ports::ProviderError;

use crate::problem::{Duplicates, ErrorCode, Problem};

/// When to try again where nobody says: long enough for a passing fault to pass.
pub const RETRY_AFTER_DEFAULT: Duration = Duration::from_secs(5);

/// The problem of a provider's error.
pub fn provider_problem(error: &ProviderError) -> Problem {
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
        ProviderError::Duplicate { vendor_code, rule, matches } => {
            let mut problem = Problem::new(ErrorCode::ProviderRejected);
            problem.provider_code = Some(vendor_code.clone());
            problem.duplicates = Some(Box::new(Duplicates {
                rule: rule.clone(),
                external_ids: matches.iter().map(|id| id.as_str().to_owned()).collect(),
            }));
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
        ProviderError::Closed { retry_after, .. } => {
            later(ErrorCode::ProviderUnavailable, Some(*retry_after))
        }
    }
}
