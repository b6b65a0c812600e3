//! What callers of the OAuth endpoints send, and how they are refused.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::percent::decode_query;
use crate::salesforce::errors::oauth_error;
use crate::vendor::{Answer, VendorRequest};

/// A call that is not served as asked. Boxed, because it travels through every `Result`.
pub type Refused = Box<Answer>;

/// The usual shape of a refusal.
pub fn refused(error: &str, description: &str) -> Refused {
    Box::new(oauth_error(error, description))
}

/// The fields of a body, and the credentials of an app in the header.
pub struct Form {
    fields: Vec<(String, String)>,
    basic: Option<(String, String)>,
}

fn basic(request: &VendorRequest) -> Option<(String, String)> {
    let (scheme, encoded) = request.header("authorization")?.split_once(' ')?;
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    scheme.eq_ignore_ascii_case("basic").then(|| (id.to_owned(), secret.to_owned()))
}

impl Form {
    /// Reads a request.
    pub fn of(request: &VendorRequest) -> Self {
        let fields = decode_query(&String::from_utf8_lossy(&request.body));
        Self { fields, basic: basic(request) }
    }

    /// A field that isn't empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// A field that must be there.
    pub fn need(&self, name: &str) -> Result<&str, Refused> {
        let missing = || refused("invalid_request", &format!("missing required parameter: {name}"));
        self.get(name).ok_or_else(missing)
    }

    /// Key and secret of the app, from the header or from the body.
    pub fn app(&self) -> (Option<&str>, Option<&str>) {
        match &self.basic {
            Some((id, secret)) => (Some(id), Some(secret)),
            None => (self.get("client_id"), self.get("client_secret")),
        }
    }
}

/// The bearer token of a call.
pub fn bearer(request: &VendorRequest) -> Option<&str> {
    let (scheme, token) = request.header("authorization")?.split_once(' ')?;
    let is_known = scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("oauth");
    is_known.then(|| token.trim())
}
