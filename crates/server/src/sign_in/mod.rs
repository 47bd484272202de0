//! The hosted pages of a sign-in: the link, the callback, the end.

mod callback;
mod link;
mod words;

use std::sync::Arc;

use app::sign_in::Browser;
use axum::{Router, routing::get};
use http::HeaderMap;

use crate::{
    Site,
    cookies::{self, Cookies},
};

pub(crate) fn routes() -> Router<Arc<Site>> {
    let link = get(link::open).post(link::answer);
    Router::new()
        .route("/sign-in/", link.clone())
        .route("/sign-in/{*link}", link)
        .route(
            "/oauth-callback/{organization}/{connection}",
            get(callback::take),
        )
        .route(
            "/signed-in/{organization}/{attempt}",
            get(callback::finished),
        )
        .route("/signed-in", get(callback::ended))
}

/// What the browser's cookies show.
fn browser(headers: &HeaderMap) -> Browser {
    let cookies = Cookies::of(headers);
    Browser {
        chat: cookies.named(cookies::CHAT).map(str::to_owned),
        attempts: cookies.attempts(),
    }
}
