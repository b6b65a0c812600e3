//! One `SdkConfig`, and so one HTTP client, for all service clients of a function.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};

/// A connection to an AWS endpoint of the same region that takes longer won't come.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// One try. The slowest p99 published for what we call is a tenth of a second.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(2_500);
/// One operation with all its tries.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(6);
/// Tries of one operation, the first included.
const ATTEMPTS_MAX: u32 = 3;

/// Loads region, credentials and endpoint as the Lambda runtime gives them. Makes no network call.
#[expect(clippy::disallowed_methods, reason = "this is the one place that loads the SDK's config")]
pub async fn load() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX))
        .load()
        .await
}
