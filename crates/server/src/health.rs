//! Whether the server lives, can work, and how it does (OPS-6).

use std::sync::Arc;

use axum::{Router, extract::State, response::IntoResponse, routing::get};
use http::{StatusCode, header};

use crate::Site;

pub(crate) fn routes() -> Router<Arc<Site>> {
    Router::new()
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
}

/// 503 while the store cannot be used, and from the moment a stop begins.
async fn ready(State(site): State<Arc<Site>>) -> impl IntoResponse {
    if site.options.stop.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    match site.app.check().await {
        Ok(()) => (StatusCode::OK, "ready\n"),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the store is not usable\n")
        }
    }
}

async fn metrics(State(site): State<Arc<Site>>) -> impl IntoResponse {
    let text = site.options.metrics.as_ref().map(|write| write());
    let format = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (format, text.unwrap_or_default())
}
