//! The browser's files, embedded at build time from `web/dist` (architecture 11.16).

use std::{path::PathBuf, sync::Arc};

use axum::{
    Router,
    extract::Path,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, header};
use rust_embed::RustEmbed;

use crate::{Site, problem};

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../web/dist/assets"]
#[allow_missing = true]
struct Assets;

/// Whether this build has what the chat needs; without, its page says what to run.
pub(crate) fn are_there() -> bool {
    Assets::get("webchat.js").is_some() && Assets::get("chat.js").is_some()
}

pub(crate) fn routes() -> Router<Arc<Site>> {
    Router::new().route("/assets/{name}", get(asset))
}

async fn asset(Path(name): Path<String>) -> Response {
    let Some(file) = Assets::get(&name) else {
        return problem::not_found().await.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, content_type(&name)),
        // Names do not change with content, so a browser asks each time and mostly hears 304's
        // cheaper cousin: the file from its own memory within the hour.
        (header::CACHE_CONTROL, "public, max-age=3600"),
    ];
    (StatusCode::OK, headers, file.data).into_response()
}

fn content_type(name: &str) -> &'static str {
    let extension = PathBuf::from(name)
        .extension()
        .map(|extension| extension.to_string_lossy().into_owned());
    match extension.as_deref() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    }
}
