//! What an AWS request is: service and operation, read from its headers as the SDKs set them.

use http::{HeaderMap, Method};

/// Service, operation and, if the user agent tells, function of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallIdentity {
    /// For example `dynamodb`.
    pub service: String,
    /// For example `PutItem`; method and path for services without operation names.
    pub operation: String,
    /// The app name in the user agent.
    pub function: Option<String>,
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The scope is `Credential=<key id>/<date>/<region>/<service>/aws4_request`.
fn service_of_scope(headers: &HeaderMap) -> Option<String> {
    let (_, credential) = text(headers, "authorization")?.split_once("Credential=")?;
    let scope = credential.split([',', ' ']).next()?;
    scope.split('/').nth(3).filter(|service| !service.is_empty()).map(str::to_owned)
}

/// Targets look like `DynamoDB_20120810.PutItem` or `AmazonSQS.SendMessage`.
fn service_of_target(prefix: &str) -> String {
    let name = prefix.split('_').next().unwrap_or(prefix).to_ascii_lowercase();
    match name.as_str() {
        "awsevents" => "events".to_owned(),
        other => other.strip_prefix("amazon").unwrap_or(other).to_owned(),
    }
}

/// `app/<name>` is the SDKs' place for the application's name.
fn function_of_agent(headers: &HeaderMap) -> Option<String> {
    ["x-amz-user-agent", "user-agent"].into_iter().find_map(|name| {
        let mut parts = text(headers, name)?.split(' ');
        parts.find_map(|part| part.strip_prefix("app/")).map(str::to_owned)
    })
}

/// Query-protocol services name the operation in the form body.
fn action_of_form(body: &[u8]) -> Option<String> {
    let form = std::str::from_utf8(body.get(..body.len().min(4_096))?).ok()?;
    let action = form.split('&').find_map(|pair| pair.strip_prefix("Action="))?;
    Some(action.to_owned())
}

impl CallIdentity {
    /// Reads it from a request.
    pub fn of(method: &Method, path: &str, headers: &HeaderMap, body: &[u8]) -> Self {
        let target = text(headers, "x-amz-target").and_then(|target| target.rsplit_once('.'));
        let is_form = text(headers, "content-type")
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        let service = service_of_scope(headers)
            .or_else(|| target.map(|(prefix, _)| service_of_target(prefix)))
            .unwrap_or_else(|| "unknown".to_owned());
        let operation = target
            .map(|(_, operation)| operation.to_owned())
            .or_else(|| is_form.then(|| action_of_form(body)).flatten())
            .unwrap_or_else(|| format!("{method} {path}"));
        Self { service, operation, function: function_of_agent(headers) }
    }
}

#[cfg(test)]
mod tests {
    use super::CallIdentity;
    use http::{HeaderMap, HeaderValue, Method};

    fn identity(headers: &[(&'static str, &'static str)], body: &str) -> CallIdentity {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, HeaderValue::from_static(value));
        }
        CallIdentity::of(&Method::POST, "/x", &map, body.as_bytes())
    }

    #[test]
    fn identity_prefers_the_credential_scope_for_the_service() {
        let found = identity(
            &[
                ("x-amz-target", "DynamoDB_20120810.PutItem"),
                (
                    "authorization",
                    "AWS4-HMAC-SHA256 Credential=AK/20261122/eu-west-1/dynamodb/aws4_request, Sig=1",
                ),
                ("user-agent", "aws-sdk-rust/1 os/linux app/crm-upsert"),
            ],
            "{}",
        );
        assert_eq!(found.service, "dynamodb");
        assert_eq!(found.operation, "PutItem");
        assert_eq!(found.function.as_deref(), Some("crm-upsert"));
    }

    #[test]
    fn identity_falls_back_to_target_form_and_path() {
        assert_eq!(identity(&[("x-amz-target", "AmazonSQS.SendMessage")], "").service, "sqs");
        assert_eq!(identity(&[("x-amz-target", "AWSEvents.PutEvents")], "").service, "events");
        let form = ("content-type", "application/x-www-form-urlencoded");
        assert_eq!(identity(&[form], "Version=1&Action=AssumeRole").operation, "AssumeRole");
        assert_eq!(identity(&[], "").operation, "POST /x");
    }
}
