//! The only place with HTTP and WebSocket: channels, hosted pages, the publish API.
//!
//! Handlers translate: a request into a call of [`app::App`], what it answers into a response.
//! They decide nothing and store nothing.
//!
//! | path | module |
//! |---|---|
//! | `/v3/directline/…` | [`channels`]`::directline` |
//! | `/chat/<organization>/<agent>` | [`channels`]`::web_chat` |
//! | `/sign-in/…`, `/oauth-callback/…`, `/signed-in/…` | [`sign_in`] |
//! | `/admin/v1/…` | [`admin`] |
//! | `/assets/…` | [`assets`] |
//! | `/healthz`, `/readyz`, `/metrics` | [`health`] |

mod admin;
mod assets;
mod body;
mod channels;
mod cookies;
mod headers;
mod health;
mod pages;
pub mod plain;
mod problem;
mod serve;
mod sign_in;

use std::{sync::Arc, time::Duration};

use app::App;
use axum::{Router, middleware};
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

pub use serve::{ConnectionLimits, Peer, serve};

use crate::{channels::directline::stream::Tickets, pages::Pages};

/// What the routes are told once.
pub struct Options {
    /// Bounds of requests.
    pub limits: RequestLimits,
    /// Writes the metrics in the Prometheus text format.
    pub metrics: Option<Arc<dyn Fn() -> String + Send + Sync>>,
    /// Set by the demo: the rehearsal provider's address, for its start page.
    pub rehearsal_url: Option<String>,
    /// Cancelled when the server stops: open sockets close.
    pub stop: CancellationToken,
}

/// Bounds of requests (`docs/reference/limits.md`; LIM-1, LIM-2).
#[derive(Debug, Clone, Copy)]
pub struct RequestLimits {
    /// Path and query, in bytes.
    pub url_bytes: usize,
    /// The body of a form or an activity, in bytes.
    pub body_bytes: usize,
    /// The body of a workspace that is published, in bytes.
    pub publish_bytes: usize,
    /// From the first to the last byte of a body.
    pub body: Duration,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self {
            url_bytes: 8 * 1024,
            body_bytes: 64 * 1024,
            publish_bytes: 10 * 1024 * 1024,
            body: Duration::from_secs(15),
        }
    }
}

/// What every handler can see.
pub(crate) struct Site {
    pub(crate) app: Arc<App>,
    pub(crate) options: Options,
    pub(crate) pages: Pages,
    pub(crate) tickets: Tickets,
}

/// All routes of one server.
pub fn router(app: Arc<App>, options: Options) -> Router {
    let site = Arc::new(Site {
        pages: Pages::new(),
        tickets: Tickets::new(),
        app,
        options,
    });
    Router::new()
        .merge(channels::routes(&site))
        .merge(sign_in::routes())
        .merge(admin::routes())
        .merge(assets::routes())
        .merge(health::routes())
        .fallback(problem::not_found)
        .layer(middleware::from_fn_with_state(
            Arc::clone(&site),
            body::bound_url,
        ))
        .layer(CatchPanicLayer::custom(problem::panicked))
        // Outermost, so that nothing leaves without them (PAG-1..3).
        .layer(middleware::from_fn_with_state(
            Arc::clone(&site),
            headers::add,
        ))
        .with_state(site)
}
