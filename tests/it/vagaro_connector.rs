//! Connecting a business of Vagaro's: the token, the region that it is asked for in, and the account.

use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sync_domain::ports::{
    AccountAccess, AccountConnector, AuthMode, GrantError, HookAddress, HookSecret, OauthTokens,
    ProviderError, TenantGrant,
};

use crate::support::vagaro::{OTHER_SHOP, SHOP, connector, failure, listed, shops};
use crate::support::vendor_server::VendorServer;

fn grant() -> TenantGrant {
    let client_secret = "canary-client-secret".into();
    TenantGrant::ClientCredentials { client_id: "client".to_owned(), client_secret }
}

async fn minted(status: u16, body: impl ToString) -> Result<OauthTokens, GrantError> {
    let server = VendorServer::start().await;
    server.will_answer(status, body);
    connector(&server).mint(&grant(), "us02").await
}

fn access(domain: Option<&str>) -> AccountAccess {
    let domain = domain.map(str::to_owned);
    AccountAccess { auth: AuthMode::ClientCredentials, token: "minted-token".into(), domain }
}

#[tokio::test]
async fn token_is_asked_for_with_the_credentials_and_the_scopes_that_are_read() {
    let server = VendorServer::start().await;
    server.will_answer(200, listed(json!({"access_token": "t", "expires_in": 3600})));
    connector(&server).mint(&grant(), "us02").await.unwrap();
    let asked = server.asked().remove(0);
    assert_eq!(asked.line, "POST /us02/api/v2/merchants/generate-access-token");
    let expected = json!({
        "clientId": "client", "clientSecretKey": "canary-client-secret",
        "scope": "appointments:read,customers:read,locations:read",
    });
    assert_eq!(asked.body, expected);
    assert_eq!((asked.header("authorization"), asked.header("accesstoken")), ("", ""));
}

#[tokio::test]
async fn token_is_read_in_every_shape_that_has_been_seen() {
    for (body, seconds) in [
        (listed(json!({"access_token": "t-1", "expires_in": 600})), 600),
        (listed(json!({"accessToken": "t-1", "expiresIn": "600"})), 600),
        (listed(json!({"token": "t-1"})), 3_600),
        (listed("t-1"), 3_600),
        (json!({"access_token": "t-1", "expires_in": 600}), 600),
        (json!({"responseCode": "1000", "accessToken": "t-1", "data": null}), 3_600),
        // An empty spelling does not hide another.
        (
            listed(
                json!({"access_token": "", "accessToken": "t-1", "expires_in": "", "expiresIn": 7}),
            ),
            7,
        ),
        (listed(json!({"access_token": " ", "accessToken": "", "token": "t-1"})), 3_600),
        (listed(json!({"access_token": "t-1", "expires_in": 0})), 3_600),
        (listed(json!({"access_token": "t-1", "expires_in": -5})), 3_600),
        (listed(json!({"access_token": "t-1", "expires_in": "soon"})), 3_600),
        (listed(json!({"access_token": "t-1", "expires_in": 99_999_999})), 86_400),
    ] {
        let tokens = minted(200, &body).await.unwrap();
        assert_eq!(tokens.access_token.expose_secret(), "t-1", "{body}");
        assert_eq!(tokens.expires_in, Some(Duration::from_secs(seconds)), "{body}");
        assert!(tokens.refresh_token.is_none() && tokens.domain.is_none());
    }
}

#[tokio::test]
async fn answer_without_a_token_that_can_be_sent_is_a_fault_of_the_provider() {
    for body in [
        listed(json!({})).to_string(),
        listed(json!({"access_token": ""})).to_string(),
        listed(json!({"access_token": "two\nlines"})).to_string(),
        listed(json!({"access_token": ["t"]})).to_string(),
        listed(Value::Null).to_string(),
        "<html>sign in</html>".to_owned(),
        String::new(),
        "[]".to_owned(),
    ] {
        let error = minted(200, &body).await.unwrap_err();
        let unavailable = matches!(&error, GrantError::Provider(ProviderError::Unavailable { .. }));
        assert!(unavailable, "{body}: {error:?}");
    }
}

#[tokio::test]
async fn only_the_vendors_own_word_ends_the_grant() {
    for (status, body) in [
        (400, failure(1003).to_string()),
        (401, failure(1051).to_string()),
        (401, "{\"message\":\"x\"}".to_owned()),
        (403, failure(1099).to_string()),
        (200, failure(1003).to_string()),
        (200, failure(1051).to_string()),
    ] {
        assert_eq!(
            minted(status, &body).await.unwrap_err(),
            GrantError::Refused,
            "{status} {body}"
        );
    }
    for (status, body) in [
        (401, "<html>".to_owned()),
        (401, String::new()),
        (403, "<html>blocked".to_owned()),
        (404, "<html>".to_owned()),
        (500, failure(1003).to_string()),
        (503, String::new()),
        (200, failure(9_999).to_string()),
    ] {
        let error = minted(status, &body).await.unwrap_err();
        let unavailable = matches!(&error, GrantError::Provider(ProviderError::Unavailable { .. }));
        assert!(unavailable, "{status} {body}: {error:?}");
    }
    for (status, body) in [(429, String::new()), (200, failure(1038).to_string())] {
        let error = minted(status, &body).await.unwrap_err();
        let limited = matches!(&error, GrantError::Provider(ProviderError::RateLimited { .. }));
        assert!(limited, "{status} {body}: {error:?}");
    }
}

#[tokio::test]
async fn region_that_would_be_another_address_is_never_called() {
    let server = VendorServer::start().await;
    let connector = connector(&server);
    for region in ["", "us02/../..", "us02?x", "evil.example/us02", "@evil.example", "us02#", "us2"]
    {
        assert_eq!(connector.account_domain(region), None, "{region}");
        let error = connector.mint(&grant(), region).await.unwrap_err();
        assert_eq!(error, GrantError::Refused, "{region}");
        let error = connector.account(&access(Some(region))).await.unwrap_err();
        assert!(matches!(error, ProviderError::Rejected { .. }), "{region}");
    }
    assert!(connector.account(&access(None)).await.is_err());
    assert_eq!(server.lines(), [""; 0], "nothing was sent");
    assert_eq!(connector.account_domain(" US02 ").as_deref(), Some("us02"));
}

#[tokio::test]
async fn account_is_the_first_of_its_locations_byte_by_byte_and_goes_by_the_others() {
    for (ids, expected, also) in [
        (vec![SHOP], SHOP, vec![]),
        // Upper case comes first, wherever the vendor lists it.
        (vec![OTHER_SHOP, SHOP], SHOP, vec![OTHER_SHOP]),
        (vec![SHOP, OTHER_SHOP, SHOP], SHOP, vec![OTHER_SHOP]),
        (vec!["b", "+a", "=c", "not an id", ""], "+a", vec!["=c", "b"]),
    ] {
        let server = VendorServer::start().await;
        server.will_answer(200, shops(&ids));
        let details = connector(&server).account(&access(Some("us02"))).await.unwrap();
        assert_eq!((details.account_id.as_str(), details.time_zone), (expected, None));
        assert_eq!(details.also, also);
        let asked = server.asked().remove(0);
        assert_eq!(asked.line, "POST /us02/api/v2/locations?pageNumber=1&pageSize=100");
        assert_eq!(
            (asked.header("accesstoken"), asked.header("authorization")),
            ("minted-token", "")
        );
        assert_eq!(asked.body, json!({}));
    }
}

#[tokio::test]
async fn account_without_a_location_or_with_a_refused_token_is_none() {
    let account = |status: u16, body: String| async move {
        let server = VendorServer::start().await;
        server.will_answer(status, body);
        connector(&server).account(&access(Some("us02"))).await.unwrap_err()
    };
    for body in [shops(&[]), listed(json!([{"name": "x"}])), listed(json!([{"businessId": "a#b"}]))]
    {
        let error = account(200, body.to_string()).await;
        let expected =
            ProviderError::Rejected { vendor_code: None, field: Some("businessId".to_owned()) };
        assert_eq!(error, expected, "{body}");
    }
    assert_eq!(account(200, failure(1034).to_string()).await, ProviderError::Unauthorized);
    assert_eq!(account(403, failure(1099).to_string()).await, ProviderError::MissingScope);
    for body in ["<html>", "", "{\"responseCode\":1000}", "{\"responseCode\":1000,\"data\":[7]}"] {
        let error = account(200, body.to_owned()).await;
        assert!(matches!(error, ProviderError::Unavailable { .. }), "{body}: {error:?}");
    }
}

#[tokio::test]
async fn webhook_is_entered_by_people_and_there_is_no_consent() {
    let server = VendorServer::start().await;
    let connector = connector(&server);
    assert_eq!(connector.auth_modes(), [AuthMode::ClientCredentials]);
    assert_eq!(connector.hook_address(), HookAddress::Entered);
    assert_eq!(connector.hook_secret(), HookSecret::Given);
    let key = TenantGrant::JwtBearer {
        client_id: "client".to_owned(),
        username: "ada".to_owned(),
        private_key: "key".into(),
    };
    assert_eq!(connector.mint(&key, "us02").await.unwrap_err(), GrantError::Refused);
    assert_eq!(server.lines(), [""; 0]);
}
