//! The development token issuer: OIDC discovery and keys, no users; it mints whatever tenant token
//! a test asks for.

mod key;
mod token;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use http::StatusCode;
use serde_json::json;

use crate::control::{ControlError, read_body};
use crate::state::SandboxState;
use crate::vendor::Answer;
pub use token::Issuer;
use token::TokenOrder;

/// Routes under `/oidc`.
pub fn router() -> Router<Arc<SandboxState>> {
    Router::new()
        .route("/.well-known/openid-configuration", get(discovery))
        .route("/jwks.json", get(jwks))
        .route("/token", post(mint))
}

async fn discovery(State(state): State<Arc<SandboxState>>) -> Response {
    let url = state.issuer.url();
    let body = json!({
        "issuer": url,
        "jwks_uri": format!("{url}/jwks.json"),
        "token_endpoint": format!("{url}/token"),
        "response_types_supported": ["token"],
        "grant_types_supported": ["client_credentials"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    });
    Answer::json(StatusCode::OK, &body).into_response()
}

async fn jwks(State(state): State<Arc<SandboxState>>) -> Response {
    Answer::json(StatusCode::OK, &state.issuer.jwks()).into_response()
}

async fn mint(
    State(state): State<Arc<SandboxState>>,
    body: bytes::Bytes,
) -> Result<Response, ControlError> {
    let order: TokenOrder = read_body(&body)?;
    let minted = state.issuer.mint(&order).map_err(ControlError::bad_request)?;
    let mut answer = Answer::json(StatusCode::OK, &minted);
    answer.set_header("cache-control", "no-store");
    Ok(answer.into_response())
}
