//! What stands around a door's routes, outermost first: security headers, the visitor with their
//! request id, the door's own host name, the refusal of other sites' forms.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::header::{
    ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, HOST,
    HeaderName, REFERRER_POLICY, RETRY_AFTER, SET_COOKIE, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tower_http::csrf::{CsrfLayer, ProtectionError};
use tower_http::sensitive_headers::{
    SetSensitiveRequestHeadersLayer, SetSensitiveResponseHeadersLayer,
};
use tower_http::timeout::TimeoutLayer;

use super::{Door, Doorkeeper, Failure, Language, Problem, Routes, assets, page};
use crate::app::App;
use crate::domain::limits::Limits;
use crate::flow::{self, FlowError, Refusal};

/// Who asks, as far as a page needs to know; an extension of every request.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    pub(super) request: RequestId,
    pub(super) language: Language,
    pub(super) wants_json: bool,
    /// Where the language form leads back to: this page, if it can be asked for again.
    pub(super) back: String,
}

/// The request's id, made here and answered in `x-request-id`; never taken from outside.
#[derive(Clone, Debug)]
pub(super) struct RequestId(Arc<str>);

/// Largest form that is not an upload, in bytes.
const FORM_BYTES: usize = 64 * 1024;
/// Longest address the language form leads back to.
const BACK_CHARS: usize = 300;
/// How long whoever finds a door busy waits before the next try.
const BUSY_SECONDS: u64 = 10;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Nothing inline, nothing from elsewhere, in no frame, keeping nothing. A handler may set a
/// stricter value of its own.
const HEADERS: [(HeaderName, &str); 9] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
         connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    (STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-embedder-policy"), "require-corp"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), microphone=(), geolocation=(), display-capture=(), payment=(), usb=(), \
         serial=()",
    ),
];

/// A door's routes, with everything that stands around them.
pub fn door<R: Doorkeeper>(state: Door<R>, routes: Routes<Door<R>>) -> Router {
    let sensitive = [COOKIE, SET_COOKIE, AUTHORIZATION];
    let cross_site = |_: ProtectionError| Failure::from(Problem::CrossSite).into_response();
    routes
        .into_router()
        .fallback(async || Failure::from(Problem::NotFound))
        .method_not_allowed_fallback(async || Failure::from(Problem::MethodNotAllowed))
        .layer(DefaultBodyLimit::max(FORM_BYTES))
        .layer(CsrfLayer::new().with_rejection_response(cross_site))
        .layer(middleware::from_fn_with_state(state.clone(), front))
        .layer(middleware::map_response(secure))
        .layer(SetSensitiveRequestHeadersLayer::new(sensitive.clone()))
        .layer(SetSensitiveResponseHeadersLayer::new(sensitive))
        .with_state(state)
}

/// What every door serves to everyone.
pub(super) fn common<R: Doorkeeper>(limits: &Limits) -> Routes<Door<R>> {
    let routes = Routes::new()
        .get("/assets/{name}", assets::serve)
        .post("/language", page::choose_language)
        .get("/healthz", StatusCode::NO_CONTENT);
    with_deadline(limits, routes)
}

/// Routes that must answer soon: all but uploads, which have deadlines of their own.
pub(super) fn with_deadline<S: Clone + Send + Sync + 'static>(
    limits: &Limits,
    routes: Routes<S>,
) -> Routes<S> {
    let late = StatusCode::REQUEST_TIMEOUT;
    routes.layer(TimeoutLayer::with_status_code(late, limits.page_deadline))
}

/// Makes the visitor, checks the host name, words failures, counts strangers' refusals.
async fn front<R: Doorkeeper>(
    State(door): State<Door<R>>,
    mut request: Request,
    next: Next,
) -> Response {
    let app = door.role.app();
    // Without randomness there is no request id, and nothing else could be done either.
    let Ok(visitor) = Visitor::of(&request, app) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    request.extensions_mut().insert(visitor.clone());
    let line = LogLine::of(&request);
    let response = if host_of(&request).as_deref() == Some(&door.site.host) {
        next.run(request).await
    } else {
        Failure::from(Problem::WrongHost).into_response()
    };
    let mut response = match failure_of(&response) {
        Some(failure) => {
            count_stranger(app, failure.problem);
            with_headers_of(response.headers(), failure.answer(&visitor, &door.site))
        }
        None => response,
    };
    if let Some(seconds) = retry_after(response.status(), &app.limits) {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    line.write(&visitor, &response);
    if let Ok(id) = HeaderValue::from_str(&visitor.request.0) {
        response.headers_mut().insert(X_REQUEST_ID, id);
    }
    response
}

/// When what cannot be taken now is worth another try, in seconds.
fn retry_after(status: StatusCode, limits: &Limits) -> Option<u64> {
    match status {
        StatusCode::SERVICE_UNAVAILABLE => Some(BUSY_SECONDS),
        StatusCode::TOO_MANY_REQUESTS => Some(limits.sign_in_wait.as_secs()),
        _ => None,
    }
}

async fn secure(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

impl Visitor {
    fn of(request: &Request, app: &App) -> Result<Self, FlowError> {
        let entropy: [u8; 12] = app.random.bytes()?;
        let accepts = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
        let wants_json = accepts.is_some_and(|accepts| accepts.contains("application/json"));
        let address = request.uri().path_and_query().map_or("/", |address| address.as_str());
        let again = request.method() == Method::GET && address.len() <= BACK_CHARS;
        Ok(Self {
            request: RequestId(hex::encode(entropy).into()),
            language: Language::of(request.headers()),
            wants_json,
            back: if again { address.to_owned() } else { "/".to_owned() },
        })
    }
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The host name the visitor typed: HTTP/2 says it in the address, HTTP/1.1 in a header.
fn host_of(request: &Request) -> Option<String> {
    let in_header = || {
        let header = request.headers().get(HOST)?;
        Authority::try_from(header.as_bytes()).ok()
    };
    let authority = request.uri().authority().cloned().or_else(in_header)?;
    Some(authority.host().to_ascii_lowercase())
}

/// The failure behind an answer. What a library refused by itself (a form that does not read, a
/// deadline) is worded like our own refusals; its own text stays inside.
fn failure_of(response: &Response) -> Option<Failure> {
    if let Some(failure) = response.extensions().get::<Failure>() {
        return Some(failure.clone());
    }
    let status = response.status();
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let ours = ["text/html", "application/problem+json"];
    let worded = kind.is_some_and(|kind| ours.iter().any(|ours| kind.starts_with(ours)));
    if worded || !(status.is_client_error() || status.is_server_error()) {
        return None;
    }
    let problem = match status {
        StatusCode::NOT_FOUND => Problem::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => Problem::MethodNotAllowed,
        StatusCode::REQUEST_TIMEOUT => Problem::TimedOut,
        StatusCode::PAYLOAD_TOO_LARGE => Problem::TooLarge,
        _ if status.is_server_error() => Problem::Internal,
        _ => Problem::BadRequest,
    };
    Some(problem.into())
}

/// Keeps what a refusal set beside its words, such as `allow` or a cookie that ends.
fn with_headers_of(headers: &HeaderMap, mut response: Response) -> Response {
    for (name, value) in headers.iter().filter(|(name, _)| ![CONTENT_TYPE].contains(name)) {
        if name != "content-length" {
            response.headers_mut().append(name.clone(), value.clone());
        }
    }
    response
}

/// Refusals of whoever has not proven who they are; other refusals have events of their own.
fn count_stranger(app: &App, problem: Problem) {
    match problem {
        Problem::CrossSite
        | Problem::WrongHost
        | Problem::Refused(Refusal::SessionEnded | Refusal::AddressSuspended) => {
            flow::refused_stranger(app, problem.code());
        }
        Problem::Refused(_)
        | Problem::NotFound
        | Problem::MethodNotAllowed
        | Problem::TooLarge
        | Problem::TimedOut
        | Problem::BadRequest
        | Problem::TusVersion
        | Problem::UnsupportedType
        | Problem::AuditDeadline
        | Problem::StoreFull
        | Problem::Internal => {}
    }
}

/// One line a request for operators: the route's pattern, never an address or a header.
struct LogLine {
    method: Method,
    route: Option<MatchedPath>,
    started: Instant,
}

impl LogLine {
    fn of(request: &Request) -> Self {
        let route = request.extensions().get::<MatchedPath>().cloned();
        Self { method: request.method().clone(), route, started: Instant::now() }
    }

    fn write(self, visitor: &Visitor, response: &Response) {
        let route = self.route.as_ref().map_or("none", MatchedPath::as_str);
        let millis = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (method, status) = (&self.method, response.status().as_u16());
        tracing::info!(request = %visitor.request, %method, route, status, millis, "answered");
    }
}
