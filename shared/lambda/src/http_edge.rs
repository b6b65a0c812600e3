//! Functions behind the HTTP API.

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::Arc;

use futures::FutureExt;
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use lambda_http::request::RequestContext;
use lambda_http::{Body, Error, Request, RequestExt, Response, service_fn};
use sync_domain::model::CorrelationId;
use sync_domain::ports::Clock;

use crate::api::{ApiRequest, ApiResponse};
use crate::auth::Claims;
use crate::clock::SystemClock;
use crate::config::Settings;
use crate::problem::{ErrorCode, Problem};
use crate::serve::{BoxFuture, InitError, deadline_of, run};

/// The header that carries the correlation id both ways.
const CORRELATION_HEADER: &str = "x-correlation-id";

/// Handles requests; shared by all of them.
pub type HttpHandler = Arc<dyn Fn(ApiRequest) -> BoxFuture<'static, ApiResponse> + Send + Sync>;

/// Serves a function of the HTTP API until the runtime stops it.
pub fn serve_http(
    function: &'static str,
    wire: impl FnOnce(Settings) -> BoxFuture<'static, Result<HttpHandler, InitError>> + Send + 'static,
) -> ExitCode {
    run(function, move |settings| {
        Box::pin(async move {
            let handler = wire(settings).await?;
            lambda_http::run(service_fn(move |request: Request| {
                answer(Arc::clone(&handler), request)
            }))
            .await
        })
    })
}

/// A panic in a handler becomes a 500 like any other fault of ours; the next request is served.
async fn answer(handler: HttpHandler, request: Request) -> Result<Response<Body>, Error> {
    let request = api_request(request);
    let correlation_id = request.correlation_id.clone();
    let response = AssertUnwindSafe(async move { handler(request).await })
        .catch_unwind()
        .await
        .unwrap_or_else(|_panic| {
            ApiResponse::problem(&Problem::new(ErrorCode::InternalError), correlation_id)
        });
    let mut http = Response::builder()
        .status(response.status)
        .header(CONTENT_TYPE, HeaderValue::from_static(response.content_type))
        .header(CORRELATION_HEADER, response.correlation_id.as_str());
    if let Some(seconds) = response.retry_after_s {
        http = http.header(RETRY_AFTER, seconds);
    }
    // As text: a JSON body that the gateway gets in base64 would cost twice the bytes.
    let text = String::from_utf8_lossy(&response.body).into_owned();
    Ok(http.body(Body::Text(text))?)
}

fn api_request(request: Request) -> ApiRequest {
    let path_parameters = request
        .path_parameters()
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let query = request.query_string_parameters();
    let query = query
        .iter()
        .filter_map(|(name, _)| Some((name.to_owned(), query.first(name)?.to_owned())))
        .collect();
    let domain_name = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.domain_name.clone(),
        _ => None,
    };
    let claims = claims_of(&request);
    let deadline = deadline_of(request.lambda_context().deadline);
    let correlation_id = correlation_id_of(&request);
    let (parts, body) = request.into_parts();
    ApiRequest {
        method: parts.method,
        query,
        domain_name: domain_name.unwrap_or_default(),
        headers: parts.headers,
        body: body.to_vec().into(),
        path_parameters,
        claims,
        correlation_id,
        deadline,
    }
}

fn claims_of(request: &Request) -> Claims {
    let authorizer = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.authorizer.as_ref(),
        _ => None,
    };
    let Some(jwt) = authorizer.and_then(|authorizer| authorizer.jwt.as_ref()) else {
        return Claims::default();
    };
    let mut claims = jwt.claims.clone();
    if let Some(scopes) = jwt.scopes.as_ref().filter(|_| !claims.contains_key("scope")) {
        claims.insert("scope".to_owned(), scopes.join(" "));
    }
    Claims::new(claims)
}

/// The caller's, if it is one that may stand in a log; else a new one.
fn correlation_id_of(request: &Request) -> CorrelationId {
    let given = request.headers().get(CORRELATION_HEADER).and_then(|value| value.to_str().ok());
    let new = || CorrelationId::parse(&SystemClock.unique_id());
    given.and_then(CorrelationId::parse).or_else(new).unwrap_or_else(CorrelationId::unknown)
}
