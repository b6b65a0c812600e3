//! Where an account is: the one place that makes Pipedrive's host names.
//!
//! Each account has a host of its own, `https://{company domain}.pipedrive.com` (pipedrive.readme.io,
//! "Authentication", copy of October 2025). A URL is made from our own setting and a checked name and
//! from nothing else, so that neither a tenant nor an answer can send a token to another host.

/// What stands in the setting where the name goes.
const PLACE: &str = "{domain}";
/// The longest label of a host name.
const LABEL_MAX_BYTES: usize = 63;

/// Where Pipedrive is.
#[derive(Debug, Clone)]
pub struct PipedriveSettings {
    /// `PIPEDRIVE_BASE_URL`, with `{domain}` where an account's company domain goes.
    pub base_url: String,
    /// `PIPEDRIVE_OAUTH_BASE_URL`, without a trailing slash; one host serves every account.
    pub oauth_base_url: String,
}

impl PipedriveSettings {
    /// The account's base URL without a slash at the end; `None` for what is no company domain.
    pub(super) fn account_url(&self, domain: &str) -> Option<String> {
        let (before, after) = self.base_url.split_once(PLACE)?;
        let domain = company_domain(domain).filter(|checked| checked == domain)?;
        Some(format!("{before}{domain}{}", after.trim_end_matches('/')))
    }

    /// The company domain of the `api_domain` in a token answer; `None` where it is of a host that the
    /// setting does not give.
    pub(super) fn domain_of(&self, api_domain: &str) -> Option<String> {
        let (before, after) = self.base_url.split_once(PLACE)?;
        let given = api_domain.trim().trim_end_matches('/');
        let given = given.strip_prefix(before)?.strip_suffix(after.trim_end_matches('/'))?;
        company_domain(given)
    }

    /// A path at the OAuth host.
    pub(super) fn oauth_url(&self, path: &str) -> String {
        format!("{}/oauth/{path}", self.oauth_base_url.trim_end_matches('/'))
    }
}

/// The company domain that a tenant or Pipedrive wrote, in lower case: one label of a host name.
pub(super) fn company_domain(given: &str) -> Option<String> {
    let domain = given.trim().to_ascii_lowercase();
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_label = (1..=LABEL_MAX_BYTES).contains(&domain.len())
        && domain.bytes().all(is_plain)
        && !domain.starts_with('-')
        && !domain.ends_with('-');
    is_label.then_some(domain)
}

#[cfg(test)]
mod tests {
    use super::{PipedriveSettings, company_domain};

    fn settings(base_url: &str) -> PipedriveSettings {
        let oauth_base_url = "https://oauth.pipedrive.com/".to_owned();
        PipedriveSettings { base_url: base_url.to_owned(), oauth_base_url }
    }

    #[test]
    fn company_domain_is_one_label_and_nothing_else() {
        assert_eq!(company_domain(" Acme-12ab3f ").as_deref(), Some("acme-12ab3f"));
        let long = "a".repeat(64);
        for given in [
            "",
            "acme.pipedrive.com",
            "https://acme.pipedrive.com",
            "acme.evil.com/",
            "evil.com#",
            "evil.com?x=",
            "acme@evil.com",
            "evil.com\\",
            "a/b",
            "a:80",
            "-acme",
            "acme-",
            "acme_1",
            "аcme",
            "127.0.0.1",
            "localhost.",
            "a%2f",
            "a b",
            &long,
        ] {
            assert_eq!(company_domain(given), None, "{given}");
        }
    }

    #[test]
    fn account_url_is_made_from_the_setting_and_a_checked_name_only() {
        let vendors = settings("https://{domain}.pipedrive.com/");
        assert_eq!(vendors.account_url("acme").unwrap(), "https://acme.pipedrive.com");
        assert_eq!(vendors.account_url("evil.com/"), None);
        assert_eq!(vendors.account_url("Acme"), None, "only what was checked is stored");
        assert_eq!(settings("https://api.example.com").account_url("acme"), None);
        assert_eq!(vendors.oauth_url("token"), "https://oauth.pipedrive.com/oauth/token");
    }

    #[test]
    fn api_domain_of_another_host_has_no_company_domain() {
        let vendors = settings("https://{domain}.pipedrive.com");
        assert_eq!(vendors.domain_of("https://Acme.pipedrive.com/").as_deref(), Some("acme"));
        for given in [
            "http://acme.pipedrive.com",
            "https://acme.pipedrive.com.evil.com",
            "https://evil.com/.pipedrive.com",
            "https://evil.com#.pipedrive.com",
            "https://user@acme.pipedrive.com",
            "https://acme.pipedrive.com:444",
            "acme.pipedrive.com",
            "https://.pipedrive.com",
            "https://a.b.pipedrive.com",
        ] {
            assert_eq!(vendors.domain_of(given), None, "{given}");
        }
        let local = settings("http://127.0.0.1:9/pipedrive/{domain}");
        assert_eq!(local.domain_of("http://127.0.0.1:9/pipedrive/acme").as_deref(), Some("acme"));
    }
}
