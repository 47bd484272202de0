//! What every response says about itself (PAG-1..3, PAG-5).

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::Site;

/// For pages of ours: nothing inline, nothing from elsewhere, in nobody's frame.
pub(crate) const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; \
     script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'; object-src 'none'; require-trusted-types-for 'script'";

/// For everything that is no page.
const API_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// A policy that a handler chose for its response.
#[derive(Clone)]
pub(crate) struct Policy(pub(crate) HeaderValue);

/// The chat page's own policy: what the stock Web Chat needs, and nothing more. `nonce` is fresh
/// for each response.
pub(crate) fn chat_policy(nonce: &str, socket_origin: &str) -> Option<Policy> {
    // The hash is that of an empty style element, which one part of Web Chat makes.
    let policy = format!(
        "default-src 'none'; script-src 'self'; \
         style-src 'self' 'nonce-{nonce}' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; \
         connect-src 'self' {socket_origin} blob:; img-src 'self' data: blob:; worker-src blob:; \
         font-src 'self'; media-src 'self' blob: data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'; object-src 'none'"
    );
    HeaderValue::try_from(policy).ok().map(Policy)
}

/// Adds what is missing; what a handler set stays.
pub(crate) async fn add(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let chosen = response.extensions_mut().remove::<Policy>();
    let headers = response.headers_mut();
    let policy = match chosen {
        Some(Policy(policy)) => policy,
        None if is_page(headers) => HeaderValue::from_static(PAGE_POLICY),
        None => HeaderValue::from_static(API_POLICY),
    };
    put(headers, header::CONTENT_SECURITY_POLICY, policy);
    for (name, value) in ALWAYS {
        put(headers, name, HeaderValue::from_static(value));
    }
    if site.app.settings.public_url.starts_with("https:") {
        let year = HeaderValue::from_static("max-age=31536000");
        put(headers, header::STRICT_TRANSPORT_SECURITY, year);
    }
    response
}

const ALWAYS: [(HeaderName, &str); 4] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
];

fn put(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    headers.entry(name).or_insert(value);
}

fn is_page(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"text/html"))
}
