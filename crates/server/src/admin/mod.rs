//! The administration API: who may do what is the first thing each route says.

mod keys;
mod publish;

use std::sync::Arc;

use app::access::Principal;
use axum::{
    Router,
    routing::{get, post},
};
use http::{HeaderMap, StatusCode, header};

use crate::{Site, problem::Problem};

pub(crate) fn routes() -> Router<Arc<Site>> {
    Router::new()
        .route("/admin/v1/publish", post(publish::publish))
        .route(
            "/admin/v1/organizations/{organization}/keys",
            post(keys::create),
        )
        .route(
            "/admin/v1/organizations/{organization}/versions",
            get(publish::history),
        )
}

/// Whoever holds the key that came with the request; 401 if nobody does.
async fn principal(site: &Site, headers: &HeaderMap) -> Result<Principal, Problem> {
    let key = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .ok_or_else(no_key)?;
    site.app.principal(key).await?.ok_or_else(no_key)
}

fn no_key() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "Unauthorized",
        "This needs a key: send it as `Authorization: Bearer <key>`.",
    )
}

fn forbidden(message: impl Into<String>) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "Forbidden", message)
}
