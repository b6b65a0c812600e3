//! The one way the sandbox makes HTTP clients: no proxy from the environment and no redirects,
//! because it stands between two local processes and must not change what they say.

use std::time::Duration;

/// How an idle connection is kept and how long a whole exchange may take.
pub struct ClientSettings {
    /// Upper bound of one request.
    pub timeout: Duration,
    /// After this an idle connection is not used again.
    pub idle_timeout: Duration,
}

/// A client with those settings.
pub fn client(settings: &ClientSettings) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(settings.timeout)
        .pool_idle_timeout(settings.idle_timeout)
        .build()
}
