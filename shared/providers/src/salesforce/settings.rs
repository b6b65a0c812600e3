//! Where an org is: hosts are made from one template and the org's checked My Domain, and of nothing
//! that an answer or a tenant says.

use reqwest::Url;
use sync_domain::ports::ProviderError;

/// What stands for the My Domain in [`SalesforceSettings::base_url`].
const DOMAIN_MARK: &str = "{domain}";
/// The longest label of a host name (RFC 1035).
const LABEL_MAX_BYTES: usize = 63;
/// `acme`, or `acme--uat.sandbox` and its like: the name and, but for production, the partition
/// ("My Domain URL formats", help.salesforce.com).
const LABELS_MAX: usize = 2;

/// Where Salesforce is and which version of its API is spoken.
#[derive(Debug, Clone)]
pub struct SalesforceSettings {
    /// `SALESFORCE_BASE_URL`, without a trailing slash, `{domain}` for the My Domain.
    pub base_url: String,
    /// `SALESFORCE_API_VERSION`, `v67.0`.
    pub api_version: String,
}

impl SalesforceSettings {
    /// The address of the org with this My Domain. Without one, or with what is none, the
    /// credentials are of no use.
    ///
    /// # Errors
    /// [`ProviderError::Unauthorized`].
    pub fn base(&self, domain: Option<&str>) -> Result<String, ProviderError> {
        let domain = domain.and_then(my_domain).ok_or(ProviderError::Unauthorized)?;
        let base = self.base_url.trim_end_matches('/').replace(DOMAIN_MARK, &domain);
        Ok(base)
    }

    /// Whether an address that a token answer tells is the one that we call.
    pub fn is_own(&self, domain: &str, instance_url: &str) -> bool {
        let own = self.base(Some(domain)).ok().and_then(|base| Url::parse(&base).ok());
        let (Some(own), Ok(told)) = (own, Url::parse(instance_url)) else { return false };
        let place =
            |url: &Url| (url.origin(), url.path().trim_end_matches('/').to_ascii_lowercase());
        let has_user = !told.username().is_empty() || told.password().is_some();
        place(&own) == place(&told) && !has_user
    }
}

/// A My Domain in lower case with what stands before `.my.salesforce.com`; `None` for anything else,
/// a whole host or an address included.
pub fn my_domain(given: &str) -> Option<String> {
    let domain = given.trim().to_ascii_lowercase();
    let is_label = |label: &str| {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        (1..=LABEL_MAX_BYTES).contains(&label.len())
            && label.bytes().all(|byte| is_plain(byte) || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_domain = domain.split('.').count() <= LABELS_MAX && domain.split('.').all(is_label);
    is_domain.then_some(domain)
}

#[cfg(test)]
mod tests {
    use sync_domain::ports::ProviderError;

    use super::{SalesforceSettings, my_domain};

    fn settings(base_url: &str) -> SalesforceSettings {
        SalesforceSettings { base_url: base_url.to_owned(), api_version: "v67.0".to_owned() }
    }

    #[test]
    fn my_domain_is_read_in_each_form_that_salesforce_has() {
        for (given, expected) in [
            ("acme", "acme"),
            (" Acme ", "acme"),
            ("acme--uat.sandbox", "acme--uat.sandbox"),
            ("acme-dev-ed.develop", "acme-dev-ed.develop"),
        ] {
            assert_eq!(my_domain(given).as_deref(), Some(expected));
        }
    }

    #[test]
    fn my_domain_that_could_lead_elsewhere_is_none() {
        for given in [
            "",
            "acme.my.salesforce.com",
            "https://acme.my.salesforce.com",
            "evil.example.com/",
            "evil.com#",
            "evil.com?x=",
            "acme@evil.com",
            "acme:443",
            "acme\\evil",
            "acme..sandbox",
            ".acme",
            "acme.",
            "-acme",
            "acme-",
            "acme%2eevil",
            "ac me",
            "ácme",
            "127.0.0.1",
            "{domain}",
            &"a".repeat(64),
        ] {
            assert_eq!(my_domain(given), None, "{given}");
        }
    }

    #[test]
    fn base_is_the_template_with_the_domain_and_nothing_without_one() {
        let settings = settings("https://{domain}.my.salesforce.com/");
        let base = settings.base(Some("Acme--uat.sandbox"));
        assert_eq!(base.as_deref(), Ok("https://acme--uat.sandbox.my.salesforce.com"));
        for domain in [None, Some("evil.com/x")] {
            assert_eq!(settings.base(domain), Err(ProviderError::Unauthorized));
        }
    }

    #[test]
    fn instance_url_must_be_the_place_that_is_called() {
        let vendor = settings("https://{domain}.my.salesforce.com");
        for (told, is_own) in [
            ("https://acme.my.salesforce.com", true),
            ("https://ACME.my.salesforce.com/", true),
            ("https://acme.my.salesforce.com:443", true),
            ("http://acme.my.salesforce.com", false),
            ("https://acme.my.salesforce.com:8443", false),
            ("https://other.my.salesforce.com", false),
            ("https://acme.my.salesforce.com.evil.com", false),
            ("https://acme.my.salesforce.com@evil.com", false),
            ("https://me@acme.my.salesforce.com", false),
            ("https://acme.my.salesforce.com/evil", false),
            ("acme.my.salesforce.com", false),
            ("", false),
        ] {
            assert_eq!(vendor.is_own("acme", told), is_own, "{told}");
        }
        let local = settings("http://127.0.0.1:4570/salesforce/{domain}");
        assert!(local.is_own("acme", "http://127.0.0.1:4570/salesforce/acme"));
        assert!(!local.is_own("acme", "http://127.0.0.1:4570/salesforce/globex"));
    }
}
